"""Negative controls: the judge is judged. Systems that are wrong in one known way must each be caught by name, and the
same runs at a sound system must pass. Rows in, matrix out; knows no single scenario and no single defect.
"""

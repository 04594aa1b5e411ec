"""Run directory → plots, one self-contained page, JUnit XML, Markdown.

::

    RunRecord ─► axis, data ─► plots (canvas, palette) ─► gallery ─┐
    verdict   ─► document ─► summary ──────────────────────────────┼─► html, markdown, junit ─► write
"""

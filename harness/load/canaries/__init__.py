"""Requests that must be denied."""

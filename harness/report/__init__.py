"""Run directory → plots, one self-contained page, JUnit XML, Markdown.

::

    RunRecord ─► axis, data ─► plots (canvas, palette) ─► gallery ─┐
    verdict   ─► document ─► summary ──────────────────────────────┼─► html, markdown, junit ─► write
"""

from idchaos.report.write import write

__all__ = ["write"]

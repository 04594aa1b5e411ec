"""What was measured and judged → plots, one self-contained page, JUnit XML, Markdown. Nothing here sees a sample.

::

    Series  ─► plots (canvas, palette) ─► gallery ─┐
    verdict ─► document ─► summary ────────────────┼─► html, markdown, junit ─► write
"""

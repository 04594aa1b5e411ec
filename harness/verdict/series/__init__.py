"""What the report draws and lists of a run, measured from its samples; see :mod:`idchaos.verdict.series.series`."""

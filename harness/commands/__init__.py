"""Commands of ``idchaos`` that are more than a few lines, one a file; :mod:`harness.cli` registers them."""

"""Commands of ``idchaos`` that are more than a few lines, one a file; :mod:`idchaos.commands.cli` registers them."""

"""Commands of ``idchaos``, a file each: :mod:`idchaos.commands.cli` finds the module of a command by its name."""

"""``python -m idchaos``: the same as the command ``idchaos``."""

from idchaos.commands.cli import main

if __name__ == "__main__":
    main()

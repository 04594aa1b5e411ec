"""``python -m idchaos``: the same as the command ``idchaos``."""

import os
import sys

# Looking for pydantic's plugins reads the metadata of every installed package, at each start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def main() -> None:
    """Run the command. Ctrl-C before it has even been read is no traceback either."""
    try:
        from idchaos.commands.cli import main as command
    except KeyboardInterrupt:
        print("idchaos: interrupted", file=sys.stderr)
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()

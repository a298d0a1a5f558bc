"""Where the command begins: a gateway that runs loads nothing of what the maintainer's commands need."""

import sys
from pathlib import Path


def main() -> int:
    """Run a gateway at once, or read the command line."""
    match sys.argv[1:]:
        case ["run", site] if not site.startswith("-"):
            from edge.running import run_site  # noqa: PLC0415 - one of the two is loaded

            return run_site(Path(site))
        case _:
            from edge.cli import main as read_command_line  # noqa: PLC0415 - likewise

            return read_command_line()


if __name__ == "__main__":
    sys.exit(main())

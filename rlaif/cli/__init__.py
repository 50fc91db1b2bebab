"""The door: one file a command group, each imported when it is called."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; errors are one readable line, or a traceback with `--debug`."""
    from rlaif.cli.app import app
    from rlaif.errors import RlaifError

    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    try:
        app()
    except RlaifError as error:
        if debug:
            raise
        print(f"rlaif: {_printable(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        if debug:
            raise
        print("rlaif: interrupted", file=sys.stderr)
        sys.exit(130)


def _printable(text: str) -> str:
    """An error's text, in which a provider's or a file's words may try to move the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)

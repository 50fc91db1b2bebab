"""What can go wrong, one tree.

    RlaifError
    ├── InputError       a user's file is wrong: names file, line and remedy       (exit 2)
    ├── ConfigError      a recipe, card, principle, key or option is wrong         (exit 2)
    ├── MissingExtra     an optional package is needed: names the extra            (exit 2)
    ├── StoppedError     the run ended early, all judged so far kept               (exit 3)
    └── InterruptedRun   the user asked to stop; says how to go on                 (exit 130)

`CallError` (in `rlaif.calls.request`) is not here: a failed call is an outcome, not the end.
"""

from __future__ import annotations


class RlaifError(Exception):
    """Root of everything rlaif raises on purpose; `exit_code` is the command's exit status."""

    exit_code = 1


class InputError(RlaifError, ValueError):
    """A user's data file is wrong; the message names file, line, column and the remedy."""

    exit_code = 2


class ConfigError(RlaifError, ValueError):
    """A recipe, card, principle, key or option is wrong; the message says what was allowed."""

    exit_code = 2


class MissingExtra(RlaifError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""

    exit_code = 2

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}:"
            f" install it with  pip install 'rlaif-kit[{extra}]'"
        )


class StoppedError(RlaifError):
    """The run stopped early (budget, stall, disk, too many failures); judged work is kept."""

    exit_code = 3


class InterruptedRun(RlaifError):
    """The user interrupted the run; calls in flight were landed and committed."""

    exit_code = 130

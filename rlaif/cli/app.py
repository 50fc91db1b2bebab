"""The command line whole: importing a module of commands adds them to `app`."""

import rlaif.cli.commands_judging  # isort: skip
import rlaif.cli.commands_curating  # isort: skip
import rlaif.cli.commands_training  # isort: skip
import rlaif.cli.commands_evaluating  # noqa: F401  # isort: skip
from rlaif.cli.root import app

__all__ = ["app"]

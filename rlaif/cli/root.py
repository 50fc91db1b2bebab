"""The command `rlaif` itself; its commands stand in `commands_*.py`.

They hold names, options and help; the work of each is imported when it is called.
"""

from __future__ import annotations

from typing import Annotated

import typer

from rlaif import __version__

app = typer.Typer(
    name="rlaif",
    help="Preference data from AI judges, and how far to trust it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Add --debug to any command for tracebacks. Content: constitution/ judges/ pipelines/.",
)
judges = typer.Typer(help="List, show and compare judges.", no_args_is_help=True)
app.add_typer(judges, name="judges")
abtest = typer.Typer(help="Plan and run an A/B test of two policies.", no_args_is_help=True)
app.add_typer(abtest, name="abtest")
steps = typer.Typer(help="Label the steps of worked solutions.", no_args_is_help=True)
app.add_typer(steps, name="steps")
train = typer.Typer(help="Train a reward model or a process reward model.", no_args_is_help=True)
app.add_typer(train, name="train")

Settings = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Values to override.")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rlaif {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    pass

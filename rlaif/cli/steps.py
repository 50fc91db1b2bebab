"""What a step critic's run came to, as a person reads it at the end."""

from __future__ import annotations

import shlex

from rich.console import Console
from rich.table import Table

from rlaif.cli.summary import calls_line
from rlaif.exchange.display import plain
from rlaif.exchange.parquet import read_parquet
from rlaif.exchange.verdicts import step_line
from rlaif.pipelines.step_agreement import StepAgreement
from rlaif.pipelines.steps import StepRun
from rlaif.records import StepLabels


def print_step_summary(run: StepRun, console: Console) -> None:
    """Print the counts, what the calls took, agreement with known first errors, what is next."""
    staged = run.staged
    console.print()
    console.rule(f"{run.folder.path}")
    table = Table("", "solutions", box=None, show_header=False)
    table.add_row("in", f"{staged.count:,}")
    for reason, n in staged.skipped.items():
        table.add_row(f"  left out: {reason}", f"{n:,}")
    table.add_row("decided", f"{run.decided:,}")
    table.add_row("  with a wrong step", f"{run.wrong:,}")
    table.add_row("  without one", f"{run.decided - run.wrong:,}")
    if run.decided < staged.count:
        table.add_row("undecided", f"{staged.count - run.decided:,}")
    console.print(table)
    console.print(f"{run.judge.name}: {calls_line(run.tally)}")
    if set(run.outcomes) - {"verdict"}:
        kinds = ", ".join(f"{n:,} {kind.value}" for kind, n in run.outcomes.items())
        console.print(f"outcomes: {kinds}")
    print_agreement(run.agreement, console)
    if len(run.agreement) and run.neutral:
        console.print(f"  ({run.neutral:,} steps labelled 0 are read as no error)")
    _print_stop(run, console)
    first = next(read_parquet(run.folder.steps, StepLabels))
    line = f"\n{run.folder.step_lines}: {plain(step_line(first), 200)}"
    console.print(line, markup=False, soft_wrap=True)
    name = shlex.quote(plain(first.solution, 200))
    console.print(f"Next: rlaif show {run.folder.path} {name}", markup=False)


def print_agreement(agreement: StepAgreement, console: Console) -> None:
    """Print how often the first errors that were known are named; nothing where none was."""
    if not len(agreement):
        return
    console.print(f"\nagreement with the {len(agreement):,} known first errors")
    table = Table(box=None, show_header=False)
    for name, estimate in agreement.figures().items():
        table.add_row(f"  {name}", str(estimate))
    console.print(table)


def _print_stop(run: StepRun, console: Console) -> None:
    if run.tally.stopped:
        console.print(f"\nStopped ({run.tally.stopped}): {run.tally.message}", style="bold")
        console.print("What was judged is kept; the same command goes on from here.")
    elif run.exit_code:
        console.print(
            f"\n{run.failed_share:.1%} of the calls failed, more than max_failures"
            f" ({run.recipe.max_failures:.1%}): the same command tries them again.",
            style="bold",
        )

"""`rlaif steps label`: step labels for a process reward model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlaif.cli.run import telling_how_to_go_on
from rlaif.cli.screen import Screen
from rlaif.cli.steps import print_agreement
from rlaif.errors import ConfigError
from rlaif.exchange.display import plain
from rlaif.judges.card import merge
from rlaif.pipelines.recipe import parse_settings

if TYPE_CHECKING:
    from rlaif.pipelines.label_run import LabelRun

SAMPLED: Mapping[str, Any] = {"samples": 8, "temperatures": [0.7], "max_tokens": 512}
"""Completions as arXiv 2501.07301 has them: eight after a step."""
LOCAL: Mapping[str, Any] = {
    "client": "local",
    "model": "qwen2.5-coder-1.5b-instruct",
    "price": {"input": 0, "output": 0},
}
"""Who completes where nobody is named: the default local model, which is weak."""
COMPLETED = ("monte-carlo", "consensus")


def label_command(values: Mapping[str, Any], judge: str, settings: list[str], out: Path) -> None:
    """Label solutions and print what came of it; exits with the run's status.

    `settings` are `policy.*` and `judge.*` values; `values` are the other options.
    """
    from rlaif.content import parse
    from rlaif.pipelines.label_run import LabelOptions
    from rlaif.pipelines.step_labels import label_steps

    own = _sorted(settings)
    stage = {"card": judge, "set": own["judge"]}
    made = {**values, "judge": stage} | _policy(str(values["how"]), own["policy"])
    options = parse(LabelOptions, made, "rlaif steps label")
    screen = Screen()
    with telling_how_to_go_on(screen) as command:
        run = label_steps(options, out, screen, command)
    print_labels(run, screen.console)
    sys.exit(run.exit_code)


def _sorted(settings: list[str]) -> dict[str, dict[str, Any]]:
    """The settings by what they are about. Raises ConfigError for one about something else."""
    own: dict[str, dict[str, Any]] = {"policy": {}, "judge": {}}
    for key, value in parse_settings(settings).items():
        about, _, name = key.partition(".")
        if about not in own or not name:
            raise ConfigError(f"{key!r}: settings here are policy.KEY=VALUE and judge.KEY=VALUE")
        own[about][name] = value
    return own


def _policy(how: str, own: Mapping[str, Any]) -> dict[str, Any]:
    if how not in COMPLETED and not own:
        return {}
    named = "client" in own or "model" in own
    return {"policy": merge({**SAMPLED, **({} if named else LOCAL)}, own)}


def print_labels(run: LabelRun, console: Console) -> None:
    """Print what went in, what was asked, what came out and what is next."""
    from rlaif.cli.summary import calls_line

    console.print()
    console.rule(f"{run.folder.run.path}")
    table = Table(box=None, show_header=False)
    for name, value in _told(run):
        table.add_row(Text(plain(name, 80)), Text(value))
    console.print(table)
    for name, tally in run.tallies:
        console.print(Text(f"{plain(name, 80)}: {calls_line(tally)}"))
    if run.given_up:
        console.print(f"{run.given_up:,} comparisons of answers took too long: unreadable")
    print_agreement(run.agreement, console)
    if run.exit_code:
        console.print("Not all was asked: the same command goes on from here.", style="bold")
    console.print(Text(f"\n{run.folder.lines}"))
    console.print(Text(f"Next: rlaif train prm {run.folder.labels}"))


def _told(run: LabelRun) -> list[tuple[str, str]]:
    written = run.written
    rows = [("solutions in", f"{run.data.counts.solutions:,}")]
    rows += [(f"  left out: {why}", f"{n:,}") for why, n in written.left_out.items()]
    rows.append(("labelled", f"{written.solutions:,}"))
    decided = written.with_error + written.without_error
    if decided:
        share = f"{written.with_error:,} ({written.with_error / decided:.1%})"
        rows.append(("  with a wrong step", share))
        rows.append(("  without one", f"{written.without_error:,}"))
    if written.solutions > decided:
        rows.append(("  in part", f"{written.solutions - decided:,}"))
    rows.append(("steps", f"{written.steps:,}"))
    rows.append(("  with a label", f"{written.labelled:,}"))
    rows += [(f"  ignored: {why}", f"{n:,}") for why, n in written.ignored.items()]
    rows += [(f"completions {what}", f"{n:,}") for what, n in run.completions.items()]
    rows += [(name, str(estimate)) for name, estimate in run.figures().items()]
    return rows

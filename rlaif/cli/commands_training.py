"""Commands that train models and score with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.root import Settings, app, steps, train

Base = Annotated[str | None, typer.Option(help="A known name, a folder or a hub id.")]
Out = Annotated[
    Path | None, typer.Option(help="The model's folder; else RUN/reward_model, or outputs/FILE/.")
]
InitFrom = Annotated[str | None, typer.Option(help="A trained model to go on from.")]


@train.command("rm")
def train_rm(
    data: Annotated[str, typer.Argument(help="A run, or a file of preferences.")],
    settings: Settings = None,
    base: Base = None,
    out: Out = None,
    recipe: Annotated[str, typer.Option(help="A training recipe.")] = "reward_model",
    init_from: InitFrom = None,
) -> None:
    """Train a reward model on preferences; the same command goes on after a stop."""
    from rlaif.cli.train import train_command

    given = {"base": base, "init_from": init_from}
    train_command("rm", data, recipe, given, out, settings or [])


@train.command("prm")
def train_prm(
    steps: Annotated[str, typer.Argument(help="Solutions with step labels, or arithmetic.")],
    settings: Settings = None,
    base: Base = None,
    out: Out = None,
    recipe: Annotated[str, typer.Option(help="A training recipe.")] = "process_reward",
    init_from: InitFrom = None,
) -> None:
    """Train a process reward model on labelled steps; the same command goes on after a stop."""
    from rlaif.cli.train import train_command

    given = {"base": base, "init_from": init_from}
    train_command("prm", steps, recipe, given, out, settings or [])


@steps.callback()
def _steps() -> None:
    """Label the steps of worked solutions."""


@steps.command("label")
def steps_label(
    input: Annotated[str, typer.Argument(help="Solutions: JSONL, Parquet, a run, or arithmetic.")],
    how: Annotated[str, typer.Option(help="given, critic, monte-carlo or consensus.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; run again, it continues.")],
    settings: Settings = None,
    judge: Annotated[str, typer.Option(help="A step critic's name or folder.")] = "step_critic",
    labels: Annotated[
        str, typer.Option(help="Of monte-carlo: hard (any is right), or soft (the share).")
    ] = "hard",
    neutral: Annotated[str, typer.Option(help="Steps rated 0: ignore, or right.")] = "ignore",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N solutions.")] = None,
    seed: Annotated[int, typer.Option(help="Decides all sampling.")] = 0,
    budget_usd: Annotated[float | None, typer.Option(help="Hard cap on spending.")] = None,
    on_bad_row: Annotated[
        str, typer.Option(help="stop (before a call is paid), or skip and count them.")
    ] = "stop",
) -> None:
    """Write DIR/step_labels.parquet. KEY=VALUE sets policy.KEY (who completes) or judge.KEY."""
    from rlaif.cli.label_steps import label_command

    values = {
        "input": input,
        "how": how,
        "labels": labels,
        "neutral": neutral,
        "limit": limit,
        "seed": seed,
        "budget_usd": budget_usd,
        "on_bad_row": on_bad_row,
    }
    label_command(values, judge, settings or [], out)


Models = Annotated[
    list[Path], typer.Option("--model", help="A trained model's folder; repeated: an ensemble.")
]
ScoresOut = Annotated[Path, typer.Option(help="A .jsonl file; run again, it continues.")]
Combine = Annotated[
    str, typer.Option(help="How several models become one: mean, worst, mean_minus_variance.")
]
LengthPenalty = Annotated[
    float, typer.Option(help="Taken off a score for every 1,000 characters of the response.")
]
Aggregate = Annotated[
    str, typer.Option(help="How the steps of a solution become a score: min, product, last, mean.")
]


@app.command()
def score(
    file: Annotated[str, typer.Argument(help="Rows of responses, pairs or solutions.")],
    model: Models,
    out: ScoresOut,
    length_penalty: LengthPenalty = 0.0,
    normalise: Annotated[
        bool, typer.Option("--normalise", help="By the stored mean and standard deviation.")
    ] = False,
    aggregate: Aggregate = "min",
    combine: Combine = "mean",
) -> None:
    """Add a trained model's scores to every row: score; score_a, score_b and p; or step_scores."""
    from rlaif.cli.score import score_command

    score_command(file, out, model, length_penalty, normalise, aggregate, combine)


@app.command("best-of-n")
def best_of_n(
    file: Annotated[str, typer.Argument(help="Rows of a prompt and several responses.")],
    model: Models,
    out: ScoresOut,
    n: Annotated[int | None, typer.Option(min=1, help="Only each row's first N.")] = None,
    length_penalty: LengthPenalty = 0.0,
    aggregate: Aggregate = "min",
    combine: Combine = "mean",
) -> None:
    """Name the best response of every row: best (its index from 0), best_response, score."""
    from rlaif.cli.score import best_command

    best_command(file, out, model, n, length_penalty, aggregate, combine)

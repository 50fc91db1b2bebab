"""Commands that hold models, judges and policies against people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.root import Settings, abtest, app


@app.command()
def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_OR_JUDGE",
            help="A reward model's folder (several with commas: an ensemble), a run's folder, a"
            " judge's name, or constant, longer, shorter.",
        ),
    ],
    data: Annotated[list[str], typer.Argument(help="Labelled pairs, solutions or benchmarks.")],
    out: Annotated[Path, typer.Option(help="Folder for evaluation.json; run again, it continues.")],
    against: Annotated[str | None, typer.Option(help="Another model or judge, paired.")] = None,
    principles: Annotated[int, typer.Option(min=1, help="Of a judge: per comparison.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N rows of each.")] = None,
    seed: Annotated[int, typer.Option(help="Decides all sampling.")] = 0,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls in flight.")] = None,
    budget_usd: Annotated[float | None, typer.Option(help="Hard cap for each data set.")] = None,
    probes: Annotated[
        int, typer.Option(min=0, help="Pairs that each probe alters and asks about: 200, say.")
    ] = 0,
    without: Annotated[
        list[str] | None, typer.Option(help="What the model was trained on; left out. Repeatable.")
    ] = None,
) -> None:
    """Hold a reward model or a judge against labelled data: figures with intervals, baselines."""
    from rlaif.cli.evaluate import evaluate_command
    from rlaif.pipelines.evaluating import Options

    evaluate_command(
        Options(
            *(model, tuple(data), out, against, seed, limit, principles, concurrency, budget_usd),
            probes=probes,
            without=tuple(without or ()),
        )
    )


@app.command()
def overoptimise(
    proxy: Annotated[
        str, typer.Argument(help="A reward model's folder, several with commas, or column.")
    ],
    data: Annotated[str, typer.Argument(help="prompt and responses [{text, gold, proxy}].")],
    out: Annotated[Path, typer.Option(help="Folder for overoptimisation.json.")],
    gold: Annotated[str, typer.Option(help="A model's folder, or column: the rows' own.")] = (
        "column"
    ),
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N prompts.")] = None,
    seed: Annotated[int, typer.Option(help="Decides all sampling.")] = 0,
) -> None:
    """Best of n by a proxy score against a gold score: where optimising stops to pay."""
    from rlaif.cli.overoptimise import overoptimise_command
    from rlaif.pipelines.overoptimising import Options

    overoptimise_command(Options(proxy, data, out, gold, seed, limit))


@abtest.command("plan")
def abtest_plan(
    out: Annotated[Path, typer.Option(help="File for the plan; it is written once.")],
    detect: Annotated[float, typer.Option(help="Least win rate worth finding: 0.55, say.")] = 0.55,
    power: Annotated[float, typer.Option(min=0.51, max=0.99, help="Chance to find it.")] = 0.8,
    seed: Annotated[int, typer.Option(help="Draws the prompts and the sides.")] = 0,
) -> None:
    """Fix the sample size, the draw and what counts as success, before anything is compared."""
    from rlaif.cli.abtest import plan_command

    plan_command(detect, power, seed, out)


@abtest.command("run")
def abtest_run(
    plan: Annotated[Path, typer.Argument(help="A file of rlaif abtest plan.")],
    a: Annotated[str, typer.Argument(help="Outputs of policy A: prompt, response.")],
    b: Annotated[str, typer.Argument(help="Outputs of policy B.")],
    out: Annotated[Path, typer.Option(help="Folder for abtest.json; run again, it continues.")],
    judge: Annotated[str, typer.Option(help="A judge, or a reward model's folder.")] = "local",
    principles: Annotated[int, typer.Option(min=1, help="Principles per comparison.")] = 1,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls in flight.")] = None,
    budget_usd: Annotated[float | None, typer.Option(help="Hard cap on spending.")] = None,
) -> None:
    """Compare two policies' outputs as planned: which one wins, or that it is not shown."""
    from rlaif.cli.abtest import run_command
    from rlaif.pipelines.abtesting import Options

    run_command(Options(plan, a, b, judge, out, principles, concurrency, budget_usd))


@app.command()
def drift(
    model: Annotated[Path, typer.Argument(help="A reward model's folder.")],
    reference: Annotated[str, typer.Argument(help="Rows like those it was validated on.")],
    new: Annotated[str, typer.Argument(help="Rows that it is to score from now on.")],
    out: Annotated[Path, typer.Option(help="Folder for drift.json.")],
    seed: Annotated[int, typer.Option(help="Decides all sampling.")] = 0,
) -> None:
    """Say whether new data are unlike the reference: scores, lengths, words."""
    from rlaif.cli.drift import drift_command
    from rlaif.pipelines.drift import Options

    drift_command(Options(model, reference, new, out, seed))


@app.command()
def holdout(
    data: Annotated[str, typer.Argument(help="A run, or a file of preferences with domains.")],
    out: Annotated[Path, typer.Option(help="Folder for models; run again, it continues.")],
    settings: Settings = None,
    base: Annotated[str | None, typer.Option(help="A known name, a folder or a hub id.")] = None,
    recipe: Annotated[str, typer.Option(help="A training recipe.")] = "reward_model",
    test: Annotated[float, typer.Option(help="Share of each domain's prompts held out.")] = 0.3,
) -> None:
    """Train a reward model without each domain in turn: how good is it where it learnt nothing."""
    from rlaif.cli.holdout import holdout_command

    holdout_command(data, recipe, {"base": base}, out, test, settings or [])


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")],
    out: Annotated[Path | None, typer.Option(help="An .html file; else RUN/report.html.")] = None,
) -> None:
    """Write one HTML page about runs: how far to trust them, charts, single rows; and its JSON."""
    from rlaif.cli.report import report_command

    report_command(runs, out)

"""Commands that judge, and that show judges and what they said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.root import Settings, app, judges


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or path.")],
    settings: Settings = None,
    until: Annotated[
        str,
        typer.Option(
            help="Last stage: input, candidates, judge, select, preferences, dataset, curate."
        ),
    ] = "curate",
) -> None:
    """Run a recipe into outputs/<its name>/; run again, it does only what is missing."""
    from rlaif.cli.run import run_command

    run_command(recipe, settings or [], until)


@app.command()
def check(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or path.")],
    settings: Settings = None,
) -> None:
    """Check a recipe, its judge, its keys and its whole input, without asking anybody."""
    from rlaif.cli.run import check_command

    check_command(recipe, settings or [])


@app.command()
def estimate(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or path.")],
    settings: Settings = None,
) -> None:
    """Say how many calls, tokens and dollars a recipe would take, without asking anybody."""
    from rlaif.cli.run import estimate_command

    estimate_command(recipe, settings or [])


@app.command()
def judge(
    input: Annotated[str, typer.Argument(help="Pairs: JSONL, CSV, Parquet or a HF dataset.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; run again, it continues.")],
    settings: Settings = None,
    judge: Annotated[str, typer.Option(help="A judge's name or folder.")] = "local",
    constitution: Annotated[str, typer.Option(help="A constitution's name or file.")] = "core",
    principles: Annotated[int, typer.Option(min=1, help="Principles per comparison.")] = 1,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls in flight.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N pairs.")] = None,
    seed: Annotated[int, typer.Option(help="Decides all sampling.")] = 0,
    budget_usd: Annotated[float | None, typer.Option(help="Hard cap on spending.")] = None,
    rpm: Annotated[float | None, typer.Option(help="Requests a minute, if known.")] = None,
    tpm: Annotated[float | None, typer.Option(help="Tokens a minute, if known.")] = None,
    on_bad_row: Annotated[
        str, typer.Option(help="stop (before a call is paid), or skip and count them.")
    ] = "stop",
    batch: Annotated[
        str, typer.Option(help="The provider's batch API, half the price: off, on or cancel.")
    ] = "off",
    batch_id: Annotated[
        list[str] | None, typer.Option(help="A batch this ledger does not know; repeatable.")
    ] = None,
) -> None:
    """Judge given pairs without a recipe. KEY=VALUE overrides fields of the judge's card."""
    from rlaif.cli.run import judge_command
    from rlaif.content import parse
    from rlaif.pipelines.recipe import Recipe, parse_settings

    stage = {
        "card": judge,
        "principles": principles,
        "set": parse_settings(settings or []),
        "concurrency": concurrency,
        "rpm": rpm,
        "tpm": tpm,
        "batch": batch,
        "batch_ids": batch_id or (),
    }
    values = {
        "name": "judge",
        "input": input,
        "on_bad_row": on_bad_row,
        "seed": seed,
        "limit": limit,
        "constitution": constitution,
        "budget_usd": budget_usd,
        "judge": stage,
    }
    judge_command(parse(Recipe, values, "rlaif judge"), out)


@app.command()
def show(
    run: Annotated[Path, typer.Argument(help="A run's folder, such as outputs/demo.")],
    id: Annotated[str, typer.Argument(help="Id of a comparison.")],
) -> None:
    """Show one comparison of a run: responses, what was said in each order, and the verdict."""
    from rlaif.cli.show import show_command

    show_command(run, id)


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Lay out a workspace: constitution/, judges/, pipelines/ and outputs/, yours to edit."""
    from rlaif.cli.workspace import init_command

    init_command(folder)


@app.command()
def record(
    recipe: Annotated[str, typer.Argument(help="A recipe with recorded answers.")] = "demo",
) -> None:
    """Judge a recipe's input anew and record the answers that it ships (make record-demo)."""
    from rlaif.cli.run import record_command

    record_command(recipe)


@judges.command("list")
def judges_list() -> None:
    """Every judge that can be found, one line each."""
    from rlaif.cli.judges import list_command

    list_command()


@judges.command("show")
def judges_show(name: Annotated[str, typer.Argument(help="A judge's name or folder.")]) -> None:
    """One judge: its card and its prompt."""
    from rlaif.cli.judges import show_command

    show_command(name)


@judges.command("compare")
def judges_compare(
    input: Annotated[str, typer.Argument(help="Labelled pairs, as rlaif judge takes them.")],
    judges: Annotated[str, typer.Option(help="Names or folders, with commas between them.")],
    labels: Annotated[
        Path | None, typer.Option(help="Human labels: JSONL or CSV (id, label, annotator ...).")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results; run again, it continues.")] = (
        Path("outputs/compare")
    ),
    constitution: Annotated[str, typer.Option(help="A constitution's name or file.")] = "core",
    principles: Annotated[int, typer.Option(min=1, help="Principles per comparison.")] = 1,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first N labelled pairs.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides all sampling.")] = 0,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls in flight.")] = None,
    budget_usd: Annotated[float | None, typer.Option(help="Hard cap, all judges together.")] = None,
    write_table: Annotated[
        bool, typer.Option("--write-table", help="Also into judges/README.md.")
    ] = False,
) -> None:
    """Hold judges beside people on labelled pairs: agreement, biases, price, each with interval."""
    from rlaif.cli.compare import compare_command
    from rlaif.pipelines.compare import Options

    names = tuple(filter(None, (name.strip() for name in judges.split(","))))
    options = Options(
        *(input, names, labels, out, principles, limit, seed, concurrency, budget_usd, constitution)
    )
    compare_command(options, write_table)

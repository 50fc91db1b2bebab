"""Commands from a judged run to a dataset that others use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.root import Settings, app


@app.command()
def curate(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    settings: Settings = None,
    labels: Annotated[
        Path | None, typer.Option(help="Human labels: JSONL or CSV (id, label, annotator ...).")
    ] = None,
) -> None:
    """Calibrate a run on human labels, keep what a promise covers, merge: RUN/curated/."""
    from rlaif.cli.curate import curate_command

    curate_command(run, labels, settings or [])


@app.command()
def label(
    file: Annotated[str, typer.Argument(help="Pairs as rlaif judge takes them, or demo.")],
    out: Annotated[Path | None, typer.Option(help="Labels; FILE's name.labels.jsonl.")] = None,
    run: Annotated[Path | None, typer.Option(help="A judged run: adds where it disagrees.")] = None,
    annotator: Annotated[str | None, typer.Option(help="Who labels; else the page asks.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open a browser on the page.")] = True,
    seed: Annotated[int, typer.Option(help="As the run's: it puts chosen on a side.")] = 0,
    export: Annotated[str | None, typer.Option(help="No page; write tasks: argilla, csv.")] = None,
    to: Annotated[Path | None, typer.Option(help="Where --export writes.")] = None,
    taken: Annotated[
        Path | None,
        typer.Option("--import", help="No page; takes labels of Argilla or a CSV over."),
    ] = None,
) -> None:
    """Label pairs by hand on a local web page: blind, by keyboard, several people at once."""
    from rlaif.cli.label import Options, export_command, import_command, label_command

    options = Options(file, out, annotator, seed)
    if export:
        export_command(options, export, to)
    elif taken:
        import_command(options, taken)
    else:
        label_command(options, run, port, browser)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A run's folder, such as outputs/demo.")],
    format: Annotated[
        str,
        typer.Option(
            help="trl-explicit, trl-explicit-text, trl-implicit, trl-implicit-text, dpo, kto,"
            " kto-text, openrlhf, rewardbench, parquet or jsonl."
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder; else RUN/export/FORMAT.")] = None,
) -> None:
    """Write a run's preferences in the format of a trainer or a benchmark, one file a split."""
    from rlaif.cli.publish import export_command

    export_command(run, format, out)


@app.command()
def push(
    run: Annotated[Path, typer.Argument(help="A run's folder, or a trained model's.")],
    repo: Annotated[str | None, typer.Option(help="owner/name on the hub.")] = None,
    public: Annotated[bool, typer.Option("--public", help="For all to read.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only write its hub/.")] = False,
    allow_contacts: Annotated[
        bool, typer.Option("--allow-contacts", help="Publish e-mail addresses, phone numbers.")
    ] = False,
    license: Annotated[
        str | None, typer.Option(help="Such as apache-2.0; else the recipe's, or unknown.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Over what others wrote.")] = False,
) -> None:
    """Publish a run or a model on the hub, private, in one commit; without HF_TOKEN, the folder."""
    from rlaif.cli.publish import PushOptions, push_command

    push_command(run, PushOptions(repo, public, dry_run, allow_contacts, license, replace))


@app.command()
def doctor(run: Annotated[Path, typer.Argument(help="A finished run's folder.")]) -> None:
    """Send planted pairs through a run's whole pipeline, and add up its row counts."""
    from rlaif.cli.doctor import doctor_command

    doctor_command(run)

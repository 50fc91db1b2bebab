"""`rlaif curate`, and the last stage of a recipe with `curate`: reads, decides, writes, tells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlaif import content
from rlaif.errors import ConfigError
from rlaif.exchange.display import counted
from rlaif.exchange.labels import (
    check_there,
    check_together,
    labels_of_rows,
    once_each,
    read_labels,
)
from rlaif.exchange.pool import index_pairs
from rlaif.exchange.staged import staged_pairs
from rlaif.judges.card import Judge, merge
from rlaif.pipelines.annotators import annotator_figures, plain
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.cascade_cost import cascade_cost
from rlaif.pipelines.curate import Curated, curate
from rlaif.pipelines.curated import CuratedFolder, file_digest, write_curated
from rlaif.pipelines.curation_told import Summary, promised, summarise, warning
from rlaif.pipelines.pool import ReadPool, Rows, read_pool, row_filters
from rlaif.pipelines.rankings import check_criteria, write_rankings
from rlaif.pipelines.recipe import CurateStage, Recipe
from rlaif.pipelines.setup import judge_of
from rlaif.pipelines.watch import Watch
from rlaif.records import HumanLabel, Label, LabelKind


def curate_run(run: Path, given: Mapping[str, Any], watch: Watch) -> Summary:
    """Curate a finished run with the settings of its recipe and `given`; returns curation.json.

    Raises ConfigError where the folder holds no finished run of pairs, or for an unknown setting;
    InputError for labels that are none or none of this run.
    """
    folder = RunFolder.standalone(run)
    manifest = folder.read_manifest()
    recipe = content.parse(Recipe, content.load_yaml(folder.recipe), str(folder.recipe))
    if not folder.verdicts.is_file():
        raise ConfigError(f"{run}: has no verdicts.parquet: run its judge to the end first")
    own = recipe.curate.model_dump(mode="json") if recipe.curate else {}
    stage = content.parse(CurateStage, merge(own, dict(given)), "rlaif curate")
    with folder.locked():
        summary = curate_folder(folder, recipe, stage, judge_of(recipe.judge), watch)
        folder.write_manifest(manifest | {"curation": promised(summary)})
    return summary


def curate_folder(
    folder: RunFolder, recipe: Recipe, stage: CurateStage, judge: Judge, watch: Watch
) -> Summary:
    """The same for a run that is under way and locked."""

    def rows() -> Any:
        return staged_pairs(folder.staged)

    # A file of labels is people's, whatever the input's own labels are.
    kind: LabelKind = "human" if stage.labels else recipe.labels
    labels = _labels(rows, recipe, stage, watch)
    given = counted(len(labels), f"{kind} label")
    watch.say(f"curating {folder.path} with {given}")
    read = read_pool(rows, folder.verdicts, stage)
    check_criteria(stage.ranking, read.criteria)
    found = curate(read, labels, kind, stage, recipe.seed)
    files = CuratedFolder(folder)
    decider = "judge" if judge.card.kind == "comparison" else judge.card.kind
    write_curated(files, read.verdicts.comparison, found, stage, decider, recipe.seed)
    with folder.writing(files.rankings) as path:
        ranked = write_rankings(path, rows, read, found, stage, recipe.seed)
    people = _people(labels, read, found) if kind == "human" and labels else {}
    summary = summarise(found, stage, recipe, decider) | {"annotators": people}
    summary["counts"]["rankings"] = ranked
    summary["warning"] = warning(summary)
    summary["verdicts_digest"] = file_digest(folder.verdicts)
    if decider == "cascade":
        stages = [member.fingerprint for member in judge.members]
        summary["cost"] = cascade_cost(folder.judgements, stages, len(read.pool))
    with folder.writing(files.summary) as path:
        path.write_text(json.dumps(plain(summary), indent=2, allow_nan=False) + "\n", "utf-8")
    return summary


def check_curation(recipe: Recipe, pairs: Rows | None) -> None:
    """Refuse before a judge is paid what curation would refuse after it.

    `pairs` is None where the run makes its own. Raises InputError for labels and files that cannot
    be read, ConfigError for a criterion that is none of the input's.
    """
    stage = recipe.curate
    if stage is None:
        return
    row_filters(stage.filters)
    if stage.ranking.criteria:
        rows = pairs() if pairs else ()
        check_criteria(stage.ranking, frozenset(n for row in rows for n in row.scores_a or ()))
    if stage.labels and pairs:
        read_labels(Path(stage.labels), index_pairs(pairs()))
    elif stage.labels:
        check_there(Path(stage.labels))


def _labels(rows: Rows, recipe: Recipe, stage: CurateStage, watch: Watch) -> list[HumanLabel]:
    """Those of the input's columns, then those of the file; says what was found where.

    Labels that hold by construction do not stand among people's.
    """
    own = once_each(labels_of_rows(rows()))
    if own.labels and stage.labels and recipe.labels == "reference":
        watch.say(f"the input's own labels are reference and left out: {stage.labels} is people's")
        own = once_each(())
    if own.labels:
        given = counted(len(own.labels), f"{recipe.labels} label")
        watch.say(f"{given} in the input's own columns")
    if own.torn:
        watch.say(f"  left out: {own.torn:,} of annotators who gave one pair different answers")
    if not stage.labels:
        _say_again(own.repeated, watch)
        return own.labels
    found = read_labels(Path(stage.labels), index_pairs(rows()))
    watch.say(f"{counted(len(found.labels), 'label')} in {stage.labels}")
    if found.turned:
        watch.say(f"  {found.turned:,} had the responses the other way round, and were turned")
    if found.ignored:
        watch.say(f"  columns that nothing reads: {', '.join(found.ignored)}")
    check_together(own.labels, found.labels)
    both = once_each([*own.labels, *found.labels])
    _say_again(own.repeated + found.repeated + both.repeated, watch)
    return both.labels


def _say_again(repeated: int, watch: Watch) -> None:
    if repeated:
        watch.say(f"  {repeated:,} said again what the same annotator had said, and count once")


def _people(labels: Sequence[HumanLabel], read: ReadPool, found: Curated) -> dict[str, Any]:
    """Annotators beside each other and beside the judge, on labels that shaped no score."""
    names = read.verdicts.comparison
    used = found.labelled.parts != "fit" if found.calibrators else np.ones(len(names), dtype=bool)
    row = {name: number for number, name in enumerate(names)}
    fair = [label for label in labels if used[row[label.id]]]
    prompts = {label.id: str(read.pool.group[row[label.id]]) for label in fair}
    sides: dict[int, Label] = {1: "a", -1: "b", 0: "tie"}
    winners = {
        name: sides[int(found.told.side[row[name]])]
        for name in prompts
        if not np.isnan(found.told.p_a[row[name]])
    }
    return annotator_figures(fair, prompts, winners)

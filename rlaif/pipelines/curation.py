"""`rlaif curate`, and the last stage of a recipe with `curate`: reads, decides, writes, tells."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlaif import content
from rlaif.errors import ConfigError
from rlaif.exchange.labels import labels_of_rows, read_labels
from rlaif.exchange.pool import index_pairs
from rlaif.exchange.staged import staged_pairs
from rlaif.judges.card import Judge, merge
from rlaif.measures.intervals import Estimate
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.curate import Curated, curate
from rlaif.pipelines.curated import CuratedFolder, write_curated
from rlaif.pipelines.pool import Rows, read_pool
from rlaif.pipelines.recipe import CurateStage, Recipe
from rlaif.pipelines.setup import judge_of
from rlaif.pipelines.watch import Watch
from rlaif.records import HumanLabel

Summary = dict[str, Any]


def curate_run(run: Path, given: Mapping[str, Any], watch: Watch) -> Summary:
    """Curate a finished run with the settings of its recipe and `given`; returns curation.json.

    Raises ConfigError where the folder holds no finished run of pairs, or for an unknown setting;
    InputError for labels that are none or none of this run.
    """
    folder = RunFolder.standalone(run)
    folder.read_manifest()
    recipe = content.parse(Recipe, content.load_yaml(folder.recipe), str(folder.recipe))
    if not folder.verdicts.is_file():
        raise ConfigError(f"{run}: has no verdicts.parquet: run its judge to the end first")
    own = recipe.curate.model_dump(mode="json") if recipe.curate else {}
    stage = content.parse(CurateStage, merge(own, dict(given)), "rlaif curate")
    with folder.locked():
        return curate_folder(folder, recipe, stage, judge_of(recipe.judge), watch)


def curate_folder(
    folder: RunFolder, recipe: Recipe, stage: CurateStage, judge: Judge, watch: Watch
) -> Summary:
    """The same for a run that is under way and locked."""

    def rows() -> Any:
        return staged_pairs(folder.staged)

    labels = _labels(rows, recipe, stage)
    watch.say(f"curating {folder.path} with {len(labels):,} {recipe.labels} labels")
    read = read_pool(rows, folder.verdicts, stage)
    found = curate(read, labels, recipe.labels, stage, recipe.seed)
    files = CuratedFolder(folder)
    kind = judge.card.kind
    decider = "judge" if kind == "comparison" else kind
    write_curated(files, rows, found, stage, decider, recipe.seed)
    summary = summarise(found, stage, recipe, decider)
    with folder.writing(files.summary) as path:
        path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def _labels(rows: Rows, recipe: Recipe, stage: CurateStage) -> list[HumanLabel]:
    """Those of the input's columns, then those of the file."""
    labels = list(labels_of_rows(rows()))
    if stage.labels:
        labels += read_labels(Path(stage.labels), index_pairs(rows())).labels
    return labels


def summarise(found: Curated, stage: CurateStage, recipe: Recipe, decider: str) -> Summary:
    """What `curation.json` holds."""
    heldout = found.figures["kept"]
    walks = found.promise.walks
    thresholds = [t for t in found.promise.thresholds.values() if t is not None]
    keep = found.merged.kept & ~found.merged.by_people
    return {
        "alpha": stage.alpha,
        "delta": stage.delta,
        "select": stage.select,
        "guarantee": found.promise.guarantee,
        "reason": found.promise.reason,
        "threshold": min(thresholds, default=None),
        "coverage": float(keep.mean()) if len(keep) else 0.0,
        "n_calibration": sum(walk.n for walk in walks.values()),
        "heldout": _interval(heldout),
        "heldout_contradicts": _contradicts(heldout, stage.alpha, found.promise.guarantee),
        "agreement": {name: _interval(figure) for name, figure in found.figures.items()},
        "p_kind": "calibrated" if found.calibrators else "raw",
        "raw_because": found.raw_because,
        "calibrators": {str(k): c.model_dump(mode="json") for k, c in found.calibrators.items()},
        "kappa": asdict(found.kappa),
        "walks": {
            str(number): {
                "delta": walk.delta,
                "n": walk.n,
                "threshold": walk.threshold,
                "coverage": walk.coverage,
                "reason": walk.reason,
                "steps": [asdict(step) for step in walk.steps],
            }
            for number, walk in walks.items()
        },
        "labels": _told_labels(found),
        "counts": _counts(found, decider),
        "recipe": recipe.name,
        "seed": recipe.seed,
        "settings": stage.model_dump(mode="json"),
    }


def _interval(figure: Estimate) -> dict[str, Any]:
    return {
        "n": figure.n,
        "agreement": None if figure.n == 0 else figure.value,
        "low": figure.low,
        "high": figure.high,
    }


def _contradicts(heldout: Estimate, alpha: float, guarantee: bool) -> bool | None:
    """Whether held-out labels speak against the promise; None where they cannot tell."""
    if not guarantee or heldout.high is None:
        return None
    return heldout.high < 1 - alpha


def _told_labels(found: Curated) -> dict[str, Any]:
    labelled = found.labelled
    n = labelled.votes.n
    return {
        "kind": labelled.kind,
        "pairs": int((n > 0).sum()),
        "votes": int(n.sum()),
        "informative_pairs": int(((n > 0) & ~labelled.votes.random).sum()),
        "under_quorum": labelled.under_quorum,
        **{part: int((labelled.parts == part).sum()) for part in ("fit", "test", "heldout")},
    }


def _counts(found: Curated, decider: str) -> dict[str, Any]:
    made = found.merged
    people = int(made.by_people.sum())
    kept = int(made.kept.sum())
    deciders = {found.labelled.kind: people, decider: kept - people}
    return {
        "in": len(made.side),
        "kept": kept,
        "dropped": dict(Counter(reason for reason in made.reason if reason is not None)),
        "decided_by": {name: n for name, n in deciders.items() if n},
        "splits": dict(Counter(map(str, found.split[made.kept]))),
        "conflicts": int(made.conflict.sum()),
    }


def told(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The lines a person reads: the funnel, the promise, what held-out labels say."""
    counts, labels = summary["counts"], summary["labels"]
    yield "pairs in", f"{counts['in']:,}"
    for reason, n in sorted(counts["dropped"].items(), key=lambda item: -item[1]):
        yield f"  left out: {reason}", f"{n:,}"
    yield "kept", f"{counts['kept']:,}"
    for name, n in counts["decided_by"].items():
        yield f"  decided by {name}", f"{n:,}"
    yield "splits", ", ".join(f"{name} {n:,}" for name, n in counts["splits"].items()) or "-"
    yield (
        f"{labels['kind']} labels",
        f"{labels['pairs']:,} pairs: fit {labels['fit']:,}, test {labels['test']:,},"
        f" held-out {labels['heldout']:,}",
    )
    if counts["conflicts"]:
        yield "people and judge disagree", f"{counts['conflicts']:,} pairs (conflicts.jsonl)"
    yield "p", f"{summary['p_kind']}" + _because(summary["raw_because"])
    yield "promise", _promise(summary)
    for name, figure in summary["agreement"].items():
        yield f"held-out agreement, {name}", _told(figure)
    if summary["heldout_contradicts"]:
        yield "WARNING", "held-out labels contradict the promise: do not rely on it"


def _promise(summary: Mapping[str, Any]) -> str:
    aim = f"at most {summary['alpha']:.0%} against people, delta {summary['delta']:.0%}"
    if summary["guarantee"]:
        return (
            f"{aim}: kept where confidence >= {summary['threshold']:.3f},"
            f" {summary['coverage']:.1%} of the pool, tested on {summary['n_calibration']} labels"
        )
    shown = f"none ({summary['reason']})"
    walks: Sequence[Mapping[str, Any]] = list(summary["walks"].values())
    if summary["select"] == "threshold" and walks:
        would = "; ".join(
            f"{walk['coverage']:.1%} of the pool" if walk["threshold"] is not None else "nothing"
            for walk in walks
        )
        shown += f"; a promise ({aim}) would have kept {would}"
    return shown


def _because(reason: str | None) -> str:
    return f" ({reason})" if reason else ""


def _told(figure: Mapping[str, Any]) -> str:
    if not figure["n"]:
        return "- (n 0)"
    interval = "" if figure["low"] is None else f" [{figure['low']:.3f}, {figure['high']:.3f}]"
    return f"{figure['agreement']:.3f}{interval} (n {figure['n']})"

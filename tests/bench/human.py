"""What calibration and the promise are worth on human-labelled pairs that a judge has judged.

    python -m tests.bench.human RUN

RUN is a folder of `rlaif judge` over pairs with human labels. Calibrated p is out of fold: five
folds by prompt, each forecast by a calibrator that was fitted (and chosen) on the other four.
Printed: accuracy against coverage, raw and calibrated; log-loss and Brier beside the constant
forecast, AUROC beside raw, calibration error beside its noise floor; and what `rlaif curate`
promises at three alphas on its own three-way split.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from rlaif import content
from rlaif.curation.calibrate import fit_calibrator
from rlaif.curation.features import Features
from rlaif.exchange.labels import labels_of_rows
from rlaif.exchange.staged import staged_pairs
from rlaif.measures.calibration import (
    auroc_of_pairs,
    brier_scores,
    calibration_error,
    log_losses,
    paired_difference,
    toward_choice,
)
from rlaif.measures.intervals import clustered_mean
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.curate import curate
from rlaif.pipelines.curation_told import summarise
from rlaif.pipelines.pool import ReadPool, read_pool
from rlaif.pipelines.recipe import CurateStage, Recipe

FOLDS = 5
COVERAGES = (1.0, 0.75, 0.5, 0.25, 0.1)
ALPHAS = (0.30, 0.20, 0.15)


def features(read: ReadPool, rows: Any) -> Features:
    """As `rlaif.pipelines.curate` gives them to a calibrator."""
    told = read.verdicts
    names = tuple(f"{judge} {principle}" for judge, principle in told.names)
    return Features(
        told.consistent[rows], told.spread[rows], read.length_gap[rows], told.parts[rows], names
    )


def out_of_fold(read: ReadPool, y: Any, rows: Any) -> tuple[Any, list[str]]:
    """Calibrated p of `rows`, and which map each fold chose."""
    groups = read.pool.group[rows]
    keys = np.unique(groups)
    fold_of = dict(zip(keys, np.random.default_rng(0).permutation(len(keys)) % FOLDS, strict=True))
    fold = np.array([fold_of[key] for key in groups])
    p, kinds = np.full(len(rows), np.nan), []
    for number in range(FOLDS):
        inside, outside = rows[fold != number], fold == number
        fitted = fit_calibrator(
            read.pool.log_odds[inside],
            y[fold != number],
            read.pool.group[inside].tolist(),
            features(read, inside),
        )
        kinds.append(fitted.kind)
        chosen = rows[outside]
        p[outside] = fitted.p(read.pool.log_odds[chosen], features(read, chosen))
    return p, kinds


def show_coverage(p: dict[str, Any], y: Any, groups: Any) -> None:
    """Share of non-tie labels met among the most confident."""
    print(f"\n| coverage | {' | '.join(p)} |\n| --- |{' --- |' * len(p)}")
    sided = y != 0.5
    for share in COVERAGES:
        cells = []
        for forecast in p.values():
            sure = np.abs(forecast - 0.5)
            keep = sided & (sure >= np.quantile(sure[sided], 1 - share))
            right = ((forecast > 0.5) == (y > 0.5))[keep]
            cells.append(str(clustered_mean(right, groups[keep])))
        print(f"| {share:.0%} | {' | '.join(cells)} |")


def show_scores(p: dict[str, Any], y: Any, groups: Any) -> None:
    """Proper scores beside the constant forecast: the share of agreement, as p of the winner."""
    sided = y != 0.5
    share = ((p["raw"] > 0.5) == (y > 0.5))[sided].mean()
    constant = np.where(p["raw"] > 0.5, share, 1 - share)
    print("\n| forecast | log-loss | less the constant's | Brier | AUROC | ECE | its floor |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, forecast in {"constant": constant, **p}.items():
        gap = paired_difference(log_losses(forecast, y), log_losses(constant, y), groups)
        error = calibration_error(*toward_choice(forecast, y))
        print(
            f"| {name} | {log_losses(forecast, y).mean():.4f} | {gap.value:+.4f}"
            f" [{gap.low:+.4f}, {gap.high:+.4f}] | {brier_scores(forecast, y).mean():.4f}"
            f" | {auroc_of_pairs(forecast[sided], y[sided]):.3f} | {error.value:.3f}"
            f" | {error.floor:.3f} |"
        )


def main(run: Path) -> None:
    """Print everything."""
    folder = RunFolder.standalone(run)

    def rows() -> Any:
        return staged_pairs(folder.staged)

    labels = list(labels_of_rows(rows()))
    stage = CurateStage(gate="none")
    read = read_pool(rows, folder.verdicts, stage)
    recipe = content.parse(Recipe, content.load_yaml(folder.recipe), str(folder.recipe))
    votes = curate(read, labels, "human", stage, 0).labelled.votes
    there = np.flatnonzero((votes.n > 0) & ~np.isnan(read.pool.log_odds))
    y, groups = votes.share_a[there], read.pool.group[there]
    y = np.where(votes.side[there] == 0, 0.5, (votes.side[there] + 1) / 2)
    p, kinds = out_of_fold(read, y, there)
    forecasts = {"raw": 1 / (1 + np.exp(-read.pool.log_odds[there])), "calibrated": p}
    print(f"{len(there)} labelled pairs of {len(np.unique(groups))} prompts; maps chosen: {kinds}")
    show_coverage(forecasts, y, groups)
    show_scores(forecasts, y, groups)
    print("\n| alpha | labels tested | threshold | coverage | held-out agreement |")
    print("| --- | --- | --- | --- | --- |")
    for alpha in ALPHAS:
        given = CurateStage(gate="none", alpha=alpha, merge="judge")
        told = summarise(curate(read, labels, "human", given, 0), given, recipe, "judge")
        held = told["heldout"]
        kept = f"{told['threshold']:.3f}" if told["guarantee"] else f"none: {told['reason']}"
        print(
            f"| {alpha:.2f} | {told['n_calibration']} | {kept} | {told['coverage']:.2f}"
            f" | {held['agreement'] or '-'} [{held['low']}, {held['high']}] (n {held['n']}) |"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

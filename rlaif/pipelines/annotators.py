"""How far people agree with each other on a run's pairs, and a judge beside one of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rlaif.curation.people import fold_labels
from rlaif.measures.ratings import collect_ratings
from rlaif.measures.reference import human_reference
from rlaif.measures.reliability import Reliability, reliability, reliability_by_group
from rlaif.records import HumanLabel, Label


def annotator_figures(
    labels: Sequence[HumanLabel], prompts: Mapping[str, str], winners: Mapping[str, Label]
) -> dict[str, Any]:
    """JSON values: agreement of annotators, by group too, and the human reference.

    `prompts` has the prompt of each labelled comparison, `winners` the judge's side where it has
    one. Empty where no comparison has two votes.
    """
    ratings = collect_ratings(labels, prompts)
    if not (ratings.table.sum(axis=1) >= 2).any():
        return {}
    people = fold_labels(labels)
    return {
        "agreement": _told(reliability(ratings)),
        "by_group": {
            group: _told(figures)
            for group, figures in reliability_by_group(labels, prompts).items()
        },
        "strong_disagreement": int(people.strong_disagreement.sum()),
        "human_reference": plain(asdict(human_reference(ratings, winners))),
    }


def _told(figures: Reliability) -> dict[str, Any]:
    told: dict[str, Any] = plain(asdict(figures))
    return told | {"under_0.6": list(figures.low)}


def plain(value: Any) -> Any:
    """The same with None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value

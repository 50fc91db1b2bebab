"""What a row of labels says: which side, how strongly, and how its pair was drawn."""

from __future__ import annotations

from typing import Any, cast, get_args

from rlaif.exchange.rows import Fault, shown
from rlaif.records import DrawnBy, Label

LABELS = get_args(Label)
PREFERENCE_SCALE = 3.0


def read_answer(values: dict[str, Any]) -> tuple[Label, float | None]:
    """The label of a row and how strongly it was given (0 to 1, or None).

    Columns `label`, `strength`, `likert` and `preference` as in `rlaif.exchange.labels`. Raises
    Fault where there is no answer, none that is allowed, or two that contradict each other.
    """
    stated = values.get("label")
    if stated is not None and stated not in LABELS:
        raise Fault("label", "label", f"must be a, b or tie, not {shown(stated)}")
    label, strength = cast("Label | None", stated), _strength(values)
    signed = _number(values, "preference", -PREFERENCE_SCALE, PREFERENCE_SCALE)
    if signed is not None:
        means: Label = "tie" if signed == 0 else "a" if signed < 0 else "b"
        if label not in (None, means):
            message = f"{signed:g} says {means} (negative: a is better) where label says {label}"
            raise Fault("contradiction", "preference", message)
        return means, abs(signed) / PREFERENCE_SCALE if strength is None else strength
    if label is None:
        raise Fault("missing", "label", "is missing; give a, b or tie")
    return label, strength


def _strength(values: dict[str, Any]) -> float | None:
    likert = _number(values, "likert", 1, 5)
    strength = _number(values, "strength", 0, 1)
    if likert is None:
        return strength
    if strength is not None:
        raise Fault("type", "likert", "and strength are both given; give one")
    return (likert - 1) / 4


def _number(values: dict[str, Any], column: str, low: float, high: float) -> float | None:
    value = values.get(column)
    if value is None:
        return None
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if low <= number <= high:
        return number
    raise Fault("type", column, f"must be a number from {low:g} to {high:g}, not {shown(value)}")


def read_drawn_by(values: dict[str, Any]) -> DrawnBy:
    """How the pair was chosen for labelling; `random` where the row does not say."""
    value = values.get("drawn_by")
    if value is None:
        return "random"
    if value not in get_args(DrawnBy):
        raise Fault("label", "drawn_by", f"must be random or informative, not {shown(value)}")
    return cast(DrawnBy, value)

"""Single cells of a row, checked: each raises `Fault` naming its column and the remedy."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from rlaif.exchange.rows import Fault, printable, shown


def read_text(value: object, column: str) -> str:
    """A text that says something; absent, no text, or blank is a fault."""
    if value is None:
        raise Fault("missing", column, "is missing; give its text")
    if not isinstance(value, str):
        raise Fault("type", column, f"must be text, not {shown(value)}")
    if not value.strip():
        raise Fault("empty", column, "is empty; give its text or leave the row out")
    return value


def read_id(values: dict[str, Any]) -> str:
    """The row's own id as text; empty where it has none."""
    value = values.get("id")
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Fault("type", "id", f"must be text or a whole number, not {shown(value)}")
    if value == "":
        raise Fault("empty", "id", "is empty; give one, or leave the column out")
    return str(value)


def read_optional(values: dict[str, Any], column: str, numbers: bool = False) -> str | None:
    """A text or None; blank is None. With `numbers`, a number is taken as its text."""
    value = values.get(column)
    if value is None or isinstance(value, str):
        return value or None
    if numbers and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise Fault("type", column, f"must be text, not {shown(value)}")


def read_list(values: dict[str, Any], column: str) -> list[Any]:
    """A list; empty where absent."""
    value = values.get(column)
    if value is None or isinstance(value, list):
        return value or []
    raise Fault("type", column, f"must be a list, not {shown(value)}")


def read_scores(values: dict[str, Any], column: str) -> dict[str, float] | None:
    """Criteria with a number in 0..1 each, an object or its JSON text; None where absent."""
    value = values.get(column)
    if isinstance(value, str):  # CSV has no objects
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    if value is None:
        return None
    if not isinstance(value, dict):
        message = f'must be an object such as {{"helpful": 0.8}}, not {shown(value)}'
        raise Fault("type", column, message)
    # A column of a table has all criteria of all rows; null is none.
    scores = {str(name): score for name, score in value.items() if score is not None}
    for name, score in scores.items():
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            message = f"must be a number from 0 to 1, not {shown(score)}"
            raise Fault("scores", f"{column}.{printable(name)}", message)
    return {name: float(score) for name, score in scores.items()} or None

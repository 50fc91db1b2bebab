"""Markdown in which nobody's text takes effect, and the tables made of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rlaif.exchange.display import plain

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#|~$&!:@^=])")


@dataclass(frozen=True, slots=True)
class Figure:
    """A share or mean over n values; `low` and `high` are None without interval."""

    name: str
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


def escaped(value: object, width: int = 300) -> str:
    """A value as inert markdown on one line."""
    return SPECIAL.sub(r"\\\1", plain(str(value), width))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The lines of a table, all cells escaped."""
    yield f"| {' | '.join(map(escaped, head))} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else escaped(cell) for cell in row)
        yield f"| {' | '.join(cells)} |"
    yield ""


def number(value: Any) -> str:
    """A figure to three places, a count with its commas."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "none"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def cells(figure: Figure) -> tuple[str, str, str, str]:
    """A figure as a row: name, value, interval, n."""
    interval = "none"
    if figure.low is not None and figure.high is not None:
        interval = f"{number(figure.low)} to {number(figure.high)}"
    return figure.name, number(figure.value), interval, f"{figure.n:,}"

"""What a word problem is, and its working: right, or with a slip planted in a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import add, floordiv, mul, sub
from typing import NamedTuple


class Step(NamedTuple):
    """`into` becomes `left op right`, where both sides are names of earlier values."""

    lead: str
    into: str
    left: str
    op: str
    right: str


@dataclass(frozen=True)
class Problem:
    """A question, its values by name, the steps to the answer, and a sentence to state it."""

    prompt: str
    values: Mapping[str, int]
    steps: tuple[Step, ...]
    conclusion: str
    trap: tuple[Step, ...] = ()
    """A tempting wrong method; empty where the problem has none."""


class Line(NamedTuple):
    """One step as written down: what it is about, the equation, and its stated result."""

    lead: str
    equation: str
    result: int


OPERATIONS = {"+": add, "-": sub, "x": mul, "/": floordiv}


def work(
    steps: tuple[Step, ...], values: Mapping[str, int], slips: Mapping[int, int] | None = None
) -> list[Line] | None:
    """The working line by line; `slips` adds to the result of a step (by index).

    None where a division does not come out even or a result is not positive.
    """
    known, lines = dict(values), []
    for index, step in enumerate(steps):
        left, right = known[step.left], known[step.right]
        if step.op == "/" and (right == 0 or left % right):
            return None
        result = OPERATIONS[step.op](left, right) + (slips or {}).get(index, 0)
        if result <= 0:
            return None
        known[step.into] = result
        lines.append(Line(step.lead, f"{left} {step.op} {right} = {result}", result))
    return lines

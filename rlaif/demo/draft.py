"""What a template gives: a prompt with a better and a worse answer, known by construction."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal, NamedTuple

Difficulty = Literal["easy", "medium", "hard"]


class Draft(NamedTuple):
    """One comparison before it has sides: `good` is better than `bad` by construction."""

    prompt: str
    good: str
    bad: str


class Fact(NamedTuple):
    """A question, a sentence with one gap, what belongs in the gap, and what does not."""

    question: str
    sentence: str
    right: str
    wrong: str


Template = Callable[[Random, Difficulty, bool], Draft]
"""(rng, difficulty, longer) -> Draft; `longer` asks that the good answer have more characters.

A template aims for that and need not reach it: the caller draws again until it holds.
"""

PEOPLE = (
    *("Maya", "Tom", "Aisha", "Luca", "Ines", "Kofi", "Hana", "Omar", "Petra", "Ravi"),
    *("Lena", "Diego", "Yuki", "Nora", "Samir", "Elif", "Jonas", "Priya", "Marta", "Chen"),
)


def capital(text: str) -> str:
    """The text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]

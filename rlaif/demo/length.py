"""Answers of a length asked for: in words or in sentences, kept to or missed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from random import Random

from rlaif.demo.draft import Difficulty, Draft, capital
from rlaif.demo.topics import TOPICS

NUMBERS = ("zero", "one", "two", "three", "four")

Limit = Callable[[Random, str, str], str | None]
"""(rng, good, bad) -> the limit that good keeps and bad misses, or None where there is none."""


def draft(rng: Random, difficulty: Difficulty, longer: bool) -> Draft:
    """Both answers are true of the topic; they differ in how much they say."""
    while True:
        question, *sentences = rng.choice(TOPICS)
        good, bad = rng.sample(_answers(sentences), 2)
        limit = rng.choice(LIMITS[difficulty])(rng, good, bad)
        if limit and (len(good) > len(bad)) == longer:
            prompt = rng.choice((f"{question} Answer {limit}.", f"{capital(limit)}: {question}"))
            return Draft(prompt, good, bad)


def _answers(sentences: list[str]) -> list[str]:
    """The first sentence alone, or with some of the others in their order."""
    first, *rest = sentences
    return [
        " ".join((first, *some)) for n in range(len(rest) + 1) for some in combinations(rest, n)
    ]


def _words(text: str) -> int:
    return len(text.split())


def _sentences(least_gap: int) -> Limit:
    def limit(rng: Random, good: str, bad: str) -> str | None:
        wanted, other = good.count("."), bad.count(".")
        if abs(wanted - other) < least_gap:
            return None
        plural = "sentence" if wanted == 1 else "sentences"
        return f"in {rng.choice(('', 'exactly '))}{NUMBERS[wanted]} {plural}"

    return limit


def _bound(least_gap: int, greatest_gap: int) -> Limit:
    def limit(rng: Random, good: str, bad: str) -> str | None:
        gap = _words(good) - _words(bad)
        if not least_gap <= abs(gap) <= greatest_gap:
            return None
        if gap > 0:
            words = rng.randint(_words(bad) + 1, _words(good))
            return f"in {rng.choice(('at least', 'no fewer than'))} {words} words"
        words = rng.randint(_words(good), _words(bad) - 1)
        return f"in {rng.choice(('at most', 'no more than'))} {words} words"

    return limit


def _exact(rng: Random, good: str, bad: str) -> str | None:
    gap = abs(_words(good) - _words(bad))
    return f"in exactly {_words(good)} words" if 1 <= gap <= 6 else None


LIMITS: Mapping[Difficulty, tuple[Limit, ...]] = {
    "easy": (_bound(12, 40), _bound(12, 40), _sentences(2)),
    "medium": (_bound(5, 10), _sentences(1)),
    "hard": (_bound(1, 3), _exact),
}

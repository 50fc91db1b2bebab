"""Worked solutions: every step right against one with a mistake on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from rlaif.demo.draft import Difficulty, Draft
from rlaif.demo.problems import PROBLEMS
from rlaif.demo.working import Line, Problem, work

REQUESTS = (
    "Show your steps.",
    "Work it out step by step.",
    "Show the working.",
    "Explain each step.",
)

Mistake = Callable[[Random, Problem, int], list[Line] | None]
"""(rng, problem, answer) -> a working with a mistake, or None where it does not apply."""


def draft(rng: Random, difficulty: Difficulty, longer: bool) -> Draft:
    """The mistake is gross and carried on (easy), in the method or the reading (medium), or
    small, or cancelled so that even the final number is right (hard)."""
    problem, right, wrong = _solved(rng, difficulty)
    # Three steps go unmarked: a judge on a CPU reads every token.
    mark = rng.choice(("Step {}: ", "{}. ", "({}) ")) if len(problem.steps) < 3 else ""
    good = _write(problem, right, mark, longer)
    return Draft(
        f"{problem.prompt} {rng.choice(REQUESTS)}", good, _write(problem, wrong, mark, not longer)
    )


def _solved(rng: Random, difficulty: Difficulty) -> tuple[Problem, list[Line], list[Line]]:
    """A problem with its right working and one with a mistake, drawn until the mistake fits."""
    while True:
        problem = rng.choice(PROBLEMS["hard" if difficulty == "hard" else "medium"])(rng)
        right = work(problem.steps, problem.values)
        assert right is not None, "problems are made to come out even"
        wrong = rng.choice(MISTAKES[difficulty])(rng, problem, right[-1].result)
        if wrong:
            return problem, right, wrong


def _carried(rng: Random, problem: Problem, answer: int) -> list[Line] | None:
    slip = rng.choice((-30, -20, -10, 10, 20, 30, 50))
    return work(problem.steps, problem.values, {rng.randrange(len(problem.steps) - 1): slip})


def _method(rng: Random, problem: Problem, answer: int) -> list[Line] | None:
    lines = work(problem.trap, problem.values) if problem.trap else None
    return lines if lines and lines[-1].result != answer else None


def _misread(rng: Random, problem: Problem, answer: int) -> list[Line] | None:
    name = rng.choice([name for name in ("a", "b", "c") if name in problem.values])
    misread = {**problem.values, name: problem.values[name] + rng.choice((-3, -2, -1, 1, 2, 3, 10))}
    lines = work(problem.steps, misread)
    return lines if lines and lines[-1].result != answer else None


def _small(rng: Random, problem: Problem, answer: int) -> list[Line] | None:
    slip = {len(problem.steps) - 1: rng.choice((-2, -1, 1, 2))}
    return work(problem.steps, problem.values, slip)


def _cancelled(rng: Random, problem: Problem, answer: int) -> list[Line] | None:
    last, slip = (
        len(problem.steps) - 1,
        {rng.randrange(len(problem.steps) - 1): rng.choice((-2, 2, 4))},
    )
    carried = work(problem.steps, problem.values, slip)
    if carried is None:
        return None
    return work(problem.steps, problem.values, {**slip, last: answer - carried[-1].result})


MISTAKES: Mapping[Difficulty, tuple[Mistake, ...]] = {
    "easy": (_carried,),
    "medium": (_method, _misread),
    "hard": (_small, _cancelled),
}


def _write(problem: Problem, lines: list[Line], mark: str, full: bool) -> str:
    told = []
    for number, line in enumerate(lines, start=1):
        lead = f"{line.lead}, " if full else ""
        told.append(f"{mark.format(number)}{lead}{line.equation}.")
    n = lines[-1].result
    spoken = problem.conclusion.format(n=n) if full and mark else f"Answer: {n}."
    return "\n".join([*told, spoken])

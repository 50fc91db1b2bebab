"""Calculations and word problems: the right number against a near miss."""

from __future__ import annotations

from random import Random

from rlaif.demo.draft import Difficulty, Draft
from rlaif.demo.problems import PROBLEMS
from rlaif.demo.working import Line, Problem, work

SLIPS = (-10, -10, 10, 10, -1, 1, -2, 2, -20, 20, 100)


def draft(rng: Random, difficulty: Difficulty, longer: bool) -> Draft:
    """Both answers may show their working; only the final number tells them apart."""
    problem = rng.choice(PROBLEMS[difficulty])(rng)
    right = work(problem.steps, problem.values)
    assert right is not None, "problems are made to come out even"
    wrong = _wrong(rng, problem, right[-1].result)
    rich, lean = rng.choice((_verbose, _verbose, _compact)), rng.choice((_bare, _bare, _compact))
    good, bad = (rich, lean) if longer else (lean, rich)
    return Draft(problem.prompt, good(problem, right), bad(problem, wrong))


def _wrong(rng: Random, problem: Problem, answer: int) -> list[Line]:
    """A working that ends in another number: the tempting method, or a slip in one step."""
    while True:
        if problem.trap and rng.random() < 0.4:
            lines = work(problem.trap, problem.values)
        else:
            slip = {rng.randrange(len(problem.steps)): rng.choice(SLIPS)}
            lines = work(problem.steps, problem.values, slip)
        if lines and lines[-1].result != answer:
            return lines


def _bare(problem: Problem, lines: list[Line]) -> str:
    return problem.conclusion.format(n=lines[-1].result)


def _compact(problem: Problem, lines: list[Line]) -> str:
    return " ".join(f"{line.equation}." for line in lines) + " " + _bare(problem, lines)


def _verbose(problem: Problem, lines: list[Line]) -> str:
    told = " ".join(f"{line.lead}: {line.equation}." for line in lines)
    return f"{told} {_bare(problem, lines)}"

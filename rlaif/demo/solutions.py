"""Worked solutions with a planted first error, whose step labels hold by construction.

    rows = solutions()          # 500, half of them without an error, the same on every machine

An error is one of four: the result of a step is off (`slip`), a number of the problem is copied
wrongly (`copy`), two numbers are added that are to be multiplied or the like (`method`), or the
last step states another number than was found (`end`). Steps after an error go on with the wrong
number, each right in itself. A set like this shows that a trainer works at all; a model that is
good at it has learned to check sums, not to judge reasoning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

from rlaif.demo.long_problems import LONG_PROBLEMS
from rlaif.demo.working import OPERATIONS, Problem, Step
from rlaif.errors import ConfigError
from rlaif.exchange.step_labels import labels_of
from rlaif.records import LabelledSolution, Solution

Kind = Literal["slip", "copy", "method", "end"]

SLIPS = (-20, -10, -10, -2, -1, 1, 2, 10, 10, 20, 100)
COPIES = (-10, -3, -2, -1, 1, 2, 3, 10)
METHODS = {"x": "+", "/": "-", "+": "-", "-": "+"}
"""What is done instead of what the step asks for."""
SIGNS = ({"x": "x", "/": "/"}, {"x": "*", "/": "/"}, {"x": "\u00d7", "/": "\u00f7"})
STYLES = (
    "{lead}: {sum}.",
    "{lead}: {sum}.",
    "{lead} = {sum}",
    "We need this first. {lead}: {sum}.",
    "Next, {small}: {sum}.",
    "I work out {small}. {sum}.",
)
ENDS = ("So {told}.\nAnswer: {n}", "Therefore {told}.\nAnswer: {n}", "Answer: {n}")
ATTEMPTS = 500


@dataclass(frozen=True)
class Plan:
    """Where the error of a solution is planted; none where `at` is -1."""

    at: int
    kind: Kind = "slip"


def solutions(n: int = 500, seed: int = 0) -> list[LabelledSolution]:
    """Make n labelled solutions, half of them (n // 2) without error; equal n and seed, equal rows.

    Problems do not repeat; solutions have three to six steps, and the first error may be at any of
    them. Raises ConfigError if the templates cannot make n different problems.
    """
    rng = Random(f"{seed}/solutions")
    wrong = [False] * (n // 2) + [True] * (n - n // 2)
    rng.shuffle(wrong)
    seen: set[str] = set()
    return [_fresh(Random(f"{seed}/{i}"), i, bad, seen) for i, bad in enumerate(wrong)]


def _fresh(rng: Random, number: int, wrong: bool, seen: set[str]) -> LabelledSolution:
    """Draw until the problem is new and the error fits it."""
    for _ in range(ATTEMPTS):
        problem = rng.choice(LONG_PROBLEMS)(rng)
        plan = _plan(rng, problem) if wrong else Plan(-1)
        written = _work(rng, problem, plan)
        if written and problem.prompt not in seen:
            seen.add(problem.prompt)
            return _row(rng, problem, written, plan, number)
    raise ConfigError(
        f"the templates cannot make so many solutions: no new problem after {len(seen)}; ask for"
        " fewer"
    )


def _plan(rng: Random, problem: Problem) -> Plan:
    at = rng.randrange(len(problem.steps) + 1)
    if at == len(problem.steps):
        return Plan(at, "end")
    return Plan(at, rng.choice(("slip", "copy", "method")))


@dataclass(frozen=True)
class _Line:
    """One step before it is worded: `left op right = result`."""

    step: Step
    left: int
    right: int
    result: int


def _work(rng: Random, problem: Problem, plan: Plan) -> list[_Line] | None:
    """The working line by line; None where the error does not fit, or shows in a broken sum."""
    known, lines = dict(problem.values), []
    for index, step in enumerate(problem.steps):
        left, right = known[step.left], known[step.right]
        if index == plan.at and plan.kind == "copy":
            copied = _copied(rng, step, problem.values, set(known.values()))
            left, right = copied.get(step.left, left), copied.get(step.right, right)
            if not copied:
                return None
        if index == plan.at and plan.kind == "method":
            step = step._replace(op=METHODS[step.op])
        if step.op == "/" and left % right:
            return None
        result = OPERATIONS[step.op](left, right)
        if index == plan.at and plan.kind == "slip":
            result += rng.choice(SLIPS)
        if result <= 0:
            return None
        known[step.into] = result
        lines.append(_Line(step, left, right, result))
    return lines


def _copied(rng: Random, step: Step, given: Mapping[str, int], known: set[int]) -> dict[str, int]:
    """One number of the problem as it is miscopied, to one that stands nowhere else."""
    names = [name for name in (step.left, step.right) if name in given]
    if not names:
        return {}
    name = rng.choice(names)
    wrong = given[name] + rng.choice(COPIES)
    return {} if wrong <= 1 or wrong in known else {name: wrong}


def _row(
    rng: Random, problem: Problem, lines: list[_Line], plan: Plan, number: int
) -> LabelledSolution:
    stated = lines[-1].result
    if plan.kind == "end":
        stated = max(1, stated + rng.choice(SLIPS))
        stated += stated == lines[-1].result
    steps = _worded(rng, problem, lines, stated)
    kind = "right" if plan.at < 0 else plan.kind
    solution = Solution(
        id=f"arithmetic-{number:03d}",
        problem=problem.prompt,
        steps=steps,
        domain="arithmetic",
        source=f"demo/arithmetic/{kind}",
        answer=str(stated),
        gold=str(_answer(problem)),
    )
    return LabelledSolution(solution=solution, labels=labels_of(plan.at, len(steps)))


def _worded(rng: Random, problem: Problem, lines: list[_Line], stated: int) -> tuple[str, ...]:
    """The steps in words, in one hand: numbered or not, with one set of signs."""
    numbered = rng.random() < 0.4
    told = problem.conclusion.format(n=stated)
    end = rng.choice(ENDS[:2] if numbered else ENDS).format(told=told, n=stated)
    steps = (*_sums(rng, lines, numbered), end)
    if not numbered:
        return steps
    return tuple(f"Step {number}: {step}" for number, step in enumerate(steps, start=1))


def _sums(rng: Random, lines: list[_Line], numbered: bool) -> Iterator[str]:
    signs = rng.choice(SIGNS)
    for line in lines:
        sign = signs.get(line.step.op, line.step.op)
        told = f"{line.left} {sign} {line.right} = {line.result}"
        lead = line.step.lead
        style = STYLES[0] if numbered else rng.choice(STYLES)
        yield style.format(lead=lead, small=lead[:1].lower() + lead[1:], sum=told)


def _answer(problem: Problem) -> int:
    known = dict(problem.values)
    for step in problem.steps:
        known[step.into] = OPERATIONS[step.op](known[step.left], known[step.right])
    return known[problem.steps[-1].into]

"""The process reward model of `make bench-quality`: trained on some problems, told of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlaif import weights
from rlaif.errors import InputError
from rlaif.evaluation.evaluate_steps import StepData, score_steps
from rlaif.evaluation.processbench import SOLUTIONS
from rlaif.evaluation.scorer import StepOpinion
from rlaif.evaluation.step_items import StepItem
from rlaif.exchange.rows import BadRow, RawRow
from rlaif.exchange.step_labels import labels_of
from rlaif.records import LabelledSolution, Solution
from rlaif.rewards.dataset import Data
from rlaif.rewards.score import RewardModel
from rlaif.rewards.settings import Lora, Training
from rlaif.rewards.train import train
from tests.bench.quality_data import draw, find, read_rows

BASE = "smollm2-135m-instruct"
NAME = "processbench"
TRAIN, HELD, REPORTED = 700, 40, 320
SHARE = 0.5
"""Of the problems; their solutions may train."""
CHARACTERS = 1200
"""Longer solutions do not train, to save time; they are reported on like all others."""
LIMIT = 2048
"""Tokens that the trained model reads of a reported solution."""
SETTINGS = Training(
    method="lora", lora=Lora(dropout=0), layers=12, max_length=768, batch=8, micro_batch=4,
    epochs=2, learning_rate=1e-3, precision="bf16", patience=None,
)  # fmt: skip


@dataclass(frozen=True)
class Named:
    """Probabilities that were kept, a step each, by solution id, as a scorer."""

    name: str
    p: Mapping[str, Sequence[float]]

    def judge_steps(self, solutions: Sequence[Solution]) -> list[StepOpinion]:
        """What was kept of each."""
        return [StepOpinion(p=tuple(self.p[s.id])) for s in solutions]


def items(folder: Path) -> tuple[list[StepItem], list[StepItem], dict[str, dict[str, Any]]]:
    """Solutions that may train, solutions to report on, by problem; and the rows by id."""
    rows = read_rows(find(folder, NAME))
    read = list(SOLUTIONS.read([RawRow(i + 1, row) for i, row in enumerate(rows)]))
    if bad := [item for item in read if isinstance(item, BadRow)]:
        raise InputError(f"{NAME}: {len(bad)} rows have no known first error")
    good = [item for item in read if isinstance(item, StepItem)]
    good.sort(key=lambda item: draw("order", item.solution.id))
    trains = [draw("problem", item.solution.problem) < SHARE for item in good]
    return (
        [item for item, yes in zip(good, trains, strict=True) if yes],
        [item for item, yes in zip(good, trains, strict=True) if not yes][:REPORTED],
        {row["id"]: row for row in rows},
    )


def run(work: Path, folder: Path) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Train, and give P(right) of every step of the reported solutions, by id."""
    mine, reported, _ = items(folder)
    short = [item for item in mine if sum(map(len, item.solution.steps)) < CHARACTERS]
    apart = [draw("held", item.solution.problem) < 0.1 for item in short]
    rows = [_labelled(i) for i, out in zip(short, apart, strict=True) if not out][:TRAIN]
    held = [_labelled(i) for i, out in zip(short, apart, strict=True) if out][:HELD]
    data = Data("steps", lambda: rows, lambda: held)
    made = train(weights.base(BASE), data, SETTINGS, work)
    meta = made.meta.model_copy(update={"max_length": LIMIT})
    scorer = RewardModel(made.model, made.tokenizer, meta)
    solutions = [item.solution for item in reported]
    said = scorer.score_steps([s.problem for s in solutions], [s.steps for s in solutions])
    facts = {"rows": len(rows), "steps": made.meta.trained["steps"]}
    return {s.id: p.round(6).tolist() for s, p in zip(solutions, said, strict=True)}, facts


def _labelled(item: StepItem) -> LabelledSolution:
    steps = len(item.solution.steps)
    return LabelledSolution(solution=item.solution, labels=labels_of(item.first_error, steps))


@dataclass(frozen=True)
class Told:
    """What is reported on: n solutions of problems that set no threshold."""

    named: Mapping[str, NDArray[np.intp]]
    """The first wrong step (-1 none) by each critic, shape (n,)."""
    known: NDArray[np.intp]
    problem: NDArray[np.intp]
    part: NDArray[np.str_]
    threshold: float
    development: int
    """Solutions that chose the threshold."""


def told(said: Mapping[str, Sequence[float]], folder: Path) -> Told:
    """The model beside guessing a step where the final answer is known to be wrong."""
    _, reported, rows = items(folder)
    data = StepData(NAME, SOLUTIONS, reported)
    model = score_steps(Named("ours", said), data)
    answers = model.answers.only(model.test)
    right = answers.of(lambda item: str(rows[item.solution.id]["final_correct"])) == "True"
    guesses = {f"final answer known, guess step {i}": np.where(right, -1, i) for i in range(2)}
    return Told(
        {"ours": answers.named(model.threshold), **guesses},
        answers.known,
        answers.problem,
        answers.of(lambda item: item.solution.domain),
        model.threshold,
        int((~model.test).sum()),
    )


def constant_f1(first_errors: Sequence[int]) -> float:
    """Expected F1 of saying "none" by a coin with the best odds, and else always the same step.

    >>> constant_f1([-1, 0]), round(constant_f1([-1, 0, 1, 2, 3]), 3)
    (0.5, 0.222)
    """
    known = np.asarray(first_errors)
    wrong = known[known != -1]
    hit = float(np.bincount(wrong).max() / len(wrong))
    none = np.linspace(0.001, 0.999, 999)
    found = (1 - none) * hit
    return round(float((2 * none * found / (none + found)).max()), 6)

"""The solutions with planted errors: first errors found again by working the sums out."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.demo.solutions import solutions
from rlaif.errors import ConfigError
from rlaif.exchange.splitting import join_steps, split_steps
from rlaif.records import LabelledSolution, digest

ROWS = solutions()
DIGEST = "fb719372ab69726d31e7769a557a5a33"
SUM = re.compile(r"(\d+) ([-+x*×/÷]) (\d+) = (\d+)")
SIGNS = {"*": "x", "×": "x", "÷": "/"}
ANSWER = re.compile(r"^(?:Step \d+: )?Answer: (\d+)$", re.MULTILINE)


def content(row: LabelledSolution) -> list[object]:
    solution = row.solution
    return [solution.id, solution.problem, solution.steps, row.labels, solution.answer]


def asked(step: str) -> str:
    """What a step is about, without its sum."""
    lead = re.sub(r"^(Step \d+: |We need this first\. |Next, |I work out )", "", step)
    return re.sub(r"\W+$", "", lead[: SUM.search(lead).start()]).lower()


METHOD = {
    asked(step): SIGNS.get(sign := SUM.search(step)[2], sign)
    for row in ROWS
    if 0 not in row.labels
    for step in row.solution.steps[:-1]
}
"""How each thing is worked out, from the solutions without error."""


def holds(step: str, known: set[int]) -> bool:
    """Whether a step's sum is the one to do, right, and of known numbers; its result is known."""
    left, sign, right, result = SUM.search(step).groups()
    a, b, c = int(left), int(right), int(result)
    true = {"+": a + b == c, "-": a - b == c}.get(sign, a == b * c if sign in "/÷" else a * b == c)
    fresh = {a, b} <= known
    known.add(c)
    return true and fresh and METHOD.get(asked(step), sign) == SIGNS.get(sign, sign)


def first_error(row: LabelledSolution) -> int:
    """The first wrong step, from the texts alone; -1 for none."""
    known = set(map(int, re.findall(r"\d+", row.solution.problem)))
    *sums, end = row.solution.steps
    found = [holds(step, known) for step in sums]
    found.append(ANSWER.search(end)[1] == SUM.search(sums[-1])[4])
    # The sentence before the answer says the same number.
    assert len(set(re.findall(r"\d+", re.sub(r"Step \d+: ", "", end)))) == 1
    return found.index(False) if False in found else -1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 40))
def test_the_sums_confirm_every_label(seed, n):
    rows = solutions(n, seed)
    assert len(rows) == n
    assert sum(0 in row.labels for row in rows) == n - n // 2
    assert len({row.solution.problem for row in rows}) == n
    for row in rows:
        error, steps = first_error(row), len(row.solution.steps)
        at = steps if error < 0 else error
        assert row.labels == tuple([1.0] * at + [0.0] + [-100.0] * steps)[:steps], row
        assert 3 <= steps <= 6
        assert split_steps(join_steps(row.solution.steps)) == row.solution.steps
        if error < 0:
            assert row.solution.answer == row.solution.gold


def test_the_set_is_the_same_everywhere_and_another_by_seed():
    assert solutions() == ROWS
    assert digest([content(row) for row in ROWS]) == DIGEST
    assert solutions(seed=1) != ROWS


def test_errors_are_of_every_kind_at_every_step():
    kinds = Counter(row.solution.source.rpartition("/")[2] for row in ROWS)
    assert kinds["right"] == 250
    assert min(kinds["slip"], kinds["copy"], kinds["method"], kinds["end"]) >= 25
    errors = Counter(map(first_error, ROWS))
    assert set(errors) == set(range(-1, 6))
    # No fixed guess does well: the baseline a reward model has to beat.
    assert max(n for step, n in errors.items() if step >= 0) < 0.3 * 250


def test_a_wrong_answer_betrays_an_error_and_a_right_one_mostly_its_absence():
    for row in ROWS:
        if row.solution.answer != row.solution.gold:
            assert 0 in row.labels


def test_too_many_problems_are_refused(monkeypatch):
    from rlaif.demo import long_problems
    from rlaif.demo import solutions as module

    same = [lambda rng: long_problems.LONG_PROBLEMS[0](type(rng)(0))]
    monkeypatch.setattr(module, "LONG_PROBLEMS", same)
    with pytest.raises(ConfigError, match="ask for fewer"):
        solutions(2)

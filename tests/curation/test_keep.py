"""Selection: filters only remove, what is dropped is counted, and the cut is fair."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.curation.keep import Selection, gate
from rlaif.records import Verdict, digest


def verdict(i, log_odds=1.0, winner="a", consistent=True, debiased=True):
    return Verdict(
        comparison=str(i), pair_key=digest(i), judge="j", winner=winner, log_odds=log_odds,
        p=0.5, position_bias=0.0, consistent=consistent, consistent_debiased=debiased,
        named_ab="A", named_ba="B",
    )  # fmt: skip


verdicts = st.lists(
    st.tuples(
        st.sampled_from([0.1, 0.5, 0.5, 2.0, -1.0]),
        st.sampled_from(["a", "b", "tie", None]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=40,
).map(lambda rows: [verdict(i, *row) for i, row in enumerate(rows)])


def choose(rows, kind="debiased", keep=0.5):
    selection = Selection(kind, keep)
    selection.look(rows)
    return selection, [v for v in rows if selection.keeps(v)]


@given(verdicts, st.sampled_from(["debiased", "raw", "none"]), st.sampled_from([0.1, 0.5, 1.0]))
def test_selection_only_removes_and_counts_every_drop(rows, kind, keep):
    selection, kept = choose(rows, kind, keep)
    passed = [v for v in rows if gate(v, kind) is None]
    assert len(kept) == selection.kept == math.ceil(keep * len(passed))
    assert len(rows) == len(kept) + sum(selection.dropped.values())
    assert all(v in passed for v in kept)
    if kept and len(kept) < len(passed):
        worst = min(abs(v.log_odds) for v in kept)
        assert all(abs(v.log_odds) <= worst for v in passed if v not in kept)


@given(verdicts, st.randoms(use_true_random=False))
def test_selection_does_not_hang_on_the_order_of_rows(rows, rng):
    shuffled = rows[:]
    rng.shuffle(shuffled)
    ids = {v.comparison for v in choose(rows)[1]}
    assert {v.comparison for v in choose(shuffled)[1]} == ids


@pytest.mark.parametrize(
    ("row", "kind", "reason"),
    [
        (verdict(1, winner=None, log_odds=None), "none", "no verdict"),
        (verdict(1, winner="tie"), "none", "tie"),
        (verdict(1, consistent=False), "raw", "position-inconsistent"),
        (verdict(1, consistent=False), "debiased", None),
        (verdict(1, debiased=False), "debiased", "position-inconsistent (bias removed)"),
        (verdict(1, consistent=False, debiased=False), "none", None),
    ],
)
def test_the_gate_names_its_reason(row, kind, reason):
    assert gate(row, kind) == reason

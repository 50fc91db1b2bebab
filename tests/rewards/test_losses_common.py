"""How rows become one number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from rlaif.rewards.losses import reduce  # noqa: E402

pytestmark = pytest.mark.heavy

rows = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 5)), min_size=1, max_size=8)


def made(pairs):
    losses, weight = (torch.tensor(x, dtype=torch.float64) for x in zip(*pairs, strict=True))
    return losses.requires_grad_(), weight


def test_the_weighted_mean_is_numpys():
    losses, weight = made([(1.0, 2.0), (3.0, 0.5), (5.0, 1.0)])
    expected = np.average([1, 3, 5], weights=[2, 0.5, 1])
    assert reduce(losses, weight).item() == pytest.approx(expected)


def test_without_weights_it_is_the_mean():
    assert reduce(torch.tensor([1.0, 2.0, 6.0])).item() == 3


@settings(deadline=None)
@given(pairs=rows, extra=st.lists(st.floats(0, 1e4), min_size=1, max_size=4))
@example(pairs=[(0.0, 2.2e-309)], extra=[0.0])
def test_rows_of_weight_zero_change_nothing(pairs, extra):
    losses, weight = made(pairs)
    more, none = made([*pairs, *((x, 0.0) for x in extra)])
    few, many = reduce(losses, weight), reduce(more, none)
    few.backward()
    many.backward()
    torch.testing.assert_close(few, many)
    torch.testing.assert_close(losses.grad, more.grad[: len(pairs)])
    assert not more.grad[len(pairs) :].any()


@settings(deadline=None)
@given(pairs=rows, cut=st.integers(0, 8))
def test_parts_of_a_step_add_up_to_the_whole(pairs, cut):
    losses, weight = made(pairs)
    total = weight.sum()
    parts = [reduce(losses[s], weight[s], total) for s in (slice(cut), slice(cut, None))]
    torch.testing.assert_close(sum(parts), reduce(losses, weight))


def test_no_weight_at_all_is_zero_and_has_a_gradient():
    losses = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = reduce(losses, torch.zeros(2))
    loss.backward()
    assert loss.item() == 0
    assert losses.grad.tolist() == [0, 0]

"""What the losses share: the precision they work in, and how rows become one number."""

from __future__ import annotations

import torch
from torch import Tensor

IGNORED = -100
"""The label of a step that has none, as in torch's cross-entropy."""

Column = float | Tensor
"""One number for all rows, or one a row (n,)."""


def exact(values: Tensor) -> Tensor:
    """`values` in float32 at least: bf16 and fp16 are widened, float64 is left alone."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def column(values: Column, like: Tensor) -> Tensor:
    """`values` on the device and in the dtype of `like`; a learnable tensor stays learnable."""
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)


def reduce(losses: Tensor, weight: Column = 1.0, total: float | Tensor | None = None) -> Tensor:
    """The weighted mean of `losses` (n,): sum(w l) / sum(w), a scalar.

    Weights are relative: a row of weight 0 changes nothing, not even the scale of the others, and
    weights all halved are the same weights. Where no row has weight the mean is 0. `total` is the
    sum of weights to divide by where these rows are only a part: with the sum over all parts of an
    optimiser step, the parts' losses add up to the loss of the whole, however it was cut up.
    """
    weights = column(weight, losses).expand_as(losses)
    divisor = column(weights.sum() if total is None else total, losses)
    # Divided before: a gradient would take the inverse of a tiny sum, which is no number.
    return (weights / torch.where(divisor > 0, divisor, 1.0) * losses).sum()

"""What each kind of row asks of a model's outputs: a loss a row, and what validation looks at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from rlaif.measures.calibration import calibration_error, toward_choice
from rlaif.rewards import losses
from rlaif.rewards.dataset import Kind
from rlaif.rewards.losses import IGNORED
from rlaif.rewards.settings import Training

Floats = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of one kind of row. `ties` is the share of ties in the training rows."""

    kind: Kind
    settings: Training
    ties: float = 0.0

    def losses(self, outputs: Tensor, rows: dict[str, Any]) -> Tensor:
        """One loss a row (n,), from the outputs (marks, outputs) of the batch in row order.

        With several heads each head's loss counts as often as its bootstrap drew the row.
        """
        outputs, targets = outputs.float(), rows["targets"]
        if self.kind == "ratings":
            return losses.attribute_error(outputs, targets.view(len(outputs), -1))
        if self.kind == "families":
            gaps = _gaps(outputs)
            return losses.attribute_error(gaps, targets.view(gaps.shape))
        if self.kind == "steps":
            return _per_solution(outputs, targets, rows["sizes"])
        heads = [self._head(outputs[:, head], targets, rows) for head in range(outputs.shape[1])]
        if len(heads) == 1:
            return heads[0]
        boot: Tensor = rows["boot"]
        return (torch.stack(heads, dim=1) * boot).mean(dim=1)

    def _head(self, scores: Tensor, targets: Tensor, rows: dict[str, Any]) -> Tensor:
        if self.kind == "sets":
            loss = losses.listnet if self.settings.set_loss == "listnet" else losses.plackett_luce
            return loss(scores, targets, rows["sizes"])
        chosen, rejected = scores.view(-1, 2).unbind(1)
        p, p_tie, margin = targets.view(-1, 3).unbind(1)
        columns = {
            "p": p, "p_tie": p_tie, "margin": margin, "smoothing": self.settings.smoothing,
            "prompt": rows["prompt"], "log_tie": log_tie(self.ties), "weight": rows["weight"],
        }  # fmt: skip
        made = losses.pairwise_losses(self.settings.pair_loss, chosen, rejected, columns)
        return made + losses.centre(chosen, rejected, self.settings.centre)

    def seen(self, outputs: Tensor, rows: dict[str, Any]) -> Tensor:
        """What validation keeps of a batch, (m, 3): a difference or logit, its target, the domain.

        Pairs: d of the mean head, and p. Sets: every pair of unequal relevance. Steps: the logit
        of right, and the label. Ratings: prediction and rating, attribute by attribute.
        """
        outputs, targets, domain = outputs.float(), rows["targets"], rows["domain"]
        sizes = torch.tensor(rows["sizes"], device=outputs.device)
        if self.kind == "pairs":
            chosen, rejected = outputs.mean(dim=1).view(-1, 2).unbind(1)
            return torch.stack((chosen - rejected, targets.view(-1, 3)[:, 0], domain), dim=1)
        if self.kind == "steps":
            x = outputs[:, 1] - outputs[:, 0]
            return torch.stack((x, targets, domain.repeat_interleave(sizes)), dim=1)
        if self.kind in ("ratings", "families"):
            x = (outputs if self.kind == "ratings" else _gaps(outputs)).reshape(-1)
            return torch.stack((x, targets, domain.repeat_interleave(sizes)), dim=1)
        row = torch.arange(len(sizes), device=outputs.device).repeat_interleave(sizes)
        better = (row[:, None] == row[None, :]) & (targets[:, None] > targets[None, :])
        i, j = better.nonzero(as_tuple=True)
        scores = outputs.mean(dim=1)
        d = scores[i] - scores[j]
        return torch.stack((d, torch.ones_like(d), domain[row[i]].float()), dim=1)


def _per_solution(outputs: Tensor, labels: Tensor, sizes: Sequence[int]) -> Tensor:
    """The mean loss of a solution's labelled steps (n,), so that a long one counts once."""
    steps, there = losses.step_cross_entropy(outputs, labels), losses.labelled(labels)
    parts = zip(torch.split(steps, list(sizes)), torch.split(there, list(sizes)), strict=True)
    return torch.stack([one.sum() / has.sum().clamp(min=1) for one, has in parts])


def _gaps(outputs: Tensor) -> Tensor:
    """Outputs of chosen less those of rejected, (pairs, outputs)."""
    return outputs[0::2] - outputs[1::2]


def log_tie(ties: float) -> float:
    """The tie parameter under which two equals tie as often as the share `ties` of the rows.

    At d = 0 both models give ties / (1 - ties) * 2 = exp(log_tie); the share lies in [.001, .9].
    """
    share = min(max(ties, 1e-3), 0.9)
    return math.log(2 * share / (1 - share))


def figures(kind: Kind, seen: Floats, domains: Sequence[str]) -> dict[str, float]:
    """Validation figures of what was `seen` (n, 3).

    accuracy: share of decided pairs (or labelled steps) whose sign is right, an equal score is
    wrong; margins; ECE of sigmoid(d). For ratings and families the mean squared error alone.
    """
    x, y, owners = seen.T
    there = (y != IGNORED) & ~np.isnan(y)
    x, y, owners = x[there], y[there], owners[there]
    if kind in ("ratings", "families"):
        return {"mse": float(np.mean((x - y) ** 2))} if len(x) else {}
    decided = y != 0.5
    right = np.where(y > 0.5, x > 0, x < 0) if kind != "steps" else (x > 0) == (y > 0.5)
    made = {"accuracy": _mean(right[decided])}
    made["ece"] = _ece(x, y)
    for name, q in (("margin_low", 0.1), ("margin", 0.5), ("margin_high", 0.9)):
        made[name] = float(np.quantile(np.where(y >= 0.5, x, -x), q)) if len(x) else float("nan")
    for index, domain in enumerate(domains):
        of = decided & (owners == index)
        if of.sum() >= MIN_DOMAIN:
            made[f"accuracy/{domain}"] = _mean(right[of])
    return made


MIN_DOMAIN = 20
"""Rows of a domain before its own accuracy is logged."""


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _ece(x: Floats, y: Floats) -> float:
    """Expected calibration error of the confidence in the preferred side."""
    if len(x) < MIN_DOMAIN:
        return float("nan")
    return calibration_error(*toward_choice(expit(x.astype(float)), y.astype(float))).value

"""How sequences become one batch: packed into trees without padding, or padded to one length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from rlaif.rewards.texts import common

Family = Sequence["Tokens"]
"""Sequences that may share a prefix: the responses to one prompt."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text's token ids, and the positions whose hidden state is read (default: the last)."""

    ids: Sequence[int]
    marks: Sequence[int] = field(default=(-1,))


def packed(families: Iterable[Family], share: bool = True) -> dict[str, Any]:
    """One row (1, T) of all families, each with its common prefix once.

    `ends` (n,) are the marked positions, family after family, as indices into the row. A prefix
    stops one token short of the shortest text, so that each has a token of its own.
    """
    ids: list[int] = []
    positions: list[int] = []
    ends: list[int] = []
    trees: list[tuple[int, tuple[int, ...]]] = []
    for family in families:
        prefix = common([text.ids for text in family]) if share and len(family) > 1 else 0
        groups = [family] if prefix else [[text] for text in family]
        for group in groups:
            start, own = len(ids), [len(text.ids) - prefix for text in group]
            ids.extend(group[0].ids[:prefix])
            positions.extend(range(prefix))
            for text in group:
                moved = len(ids) - prefix
                ids.extend(text.ids[prefix:])
                positions.extend(range(prefix, len(text.ids)))
                for mark in text.marks:
                    at = mark % len(text.ids)
                    ends.append(start + at if at < prefix else moved + at)
            trees.append((prefix, tuple(own)))
    return {
        "input_ids": torch.tensor([ids]),
        "position_ids": torch.tensor([positions]),
        # A 4-d mask is taken as it is; the trees say who sees whom.
        "attention_mask": torch.ones(1, 1, 1, 1),
        "ends": torch.tensor(ends),
        "trees": tuple(trees),
    }


def padded(families: Iterable[Family], pad: int, left: bool = False) -> dict[str, Any]:
    """One row a text (n, T). `ends` (m,) index the flattened (n * T) positions.

    `position_ids` count from each text's first token, whichever side the padding is on.
    """
    texts = [text for family in families for text in family]
    width = max(len(text.ids) for text in texts)
    ids = torch.full((len(texts), width), pad)
    mask = torch.zeros((len(texts), width), dtype=torch.long)
    ends: list[int] = []
    for row, text in enumerate(texts):
        size = len(text.ids)
        first = width - size if left else 0
        ids[row, first : first + size] = torch.tensor(text.ids)
        mask[row, first : first + size] = 1
        ends.extend(row * width + first + mark % size for mark in text.marks)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "position_ids": (mask.cumsum(1) - 1).clamp(min=0),
        "ends": torch.tensor(ends),
    }

"""What the rows of a dataset are like: who decided, which domains, and what chosen ones share."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rlaif.exchange.markdown import Figure
from rlaif.measures.intervals import clustered_mean

COMMONEST = 20
"""Domains named one by one."""


@dataclass
class Survey:
    """Collects columns of `Preference` batch by batch; a few bytes a row."""

    decided_by: Counter[str] = field(default_factory=Counter)
    domain: Counter[str] = field(default_factory=Counter)
    prompts: array[int] = field(default_factory=lambda: array("Q"))
    longer: array[float] = field(default_factory=lambda: array("d"))
    flipped: array[float] = field(default_factory=lambda: array("d"))

    def add(self, rows: Any) -> None:
        """Take in one record batch."""
        import pyarrow.compute as pc

        for name, counts in (("decided_by", self.decided_by), ("domain", self.domain)):
            for found in pc.value_counts(rows[name]).to_pylist():
                counts[found["values"]] += found["counts"]
        self.prompts.extend(map(_key, rows["prompt"].to_pylist()))
        chosen, rejected = (
            pc.utf8_length(pc.struct_field(rows[side], "text")) for side in ("chosen", "rejected")
        )
        gap = np.asarray(chosen, dtype=float) - np.asarray(rejected, dtype=float)
        self.longer.extend((np.sign(gap) + 1) / 2)
        self.flipped.extend(rows["flipped"].to_pylist())

    def domains(self) -> dict[str, int]:
        """Rows of each domain, the commonest first; none where there is only one."""
        named = dict(self.domain.most_common(COMMONEST))
        if rest := self.domain.total() - sum(named.values()):
            named["others"] = rest
        return named if len(named) > 1 else {}

    def biases(self) -> list[Figure]:
        """Shares of rows whose chosen response is the longer, or the input's first."""
        first = 1 - np.asarray(self.flipped)
        return [
            self._figure("chosen is longer than rejected (a tie is half)", self.longer),
            self._figure("chosen was the input's first response", first),
        ]

    def _figure(self, name: str, values: Iterable[float]) -> Figure:
        found = clustered_mean(np.asarray(values, dtype=float), np.asarray(self.prompts))
        value = found.value if found.n else None
        return Figure(name, value, found.n, found.low, found.high)


def _key(prompt: list[dict[str, str]]) -> int:
    text = "\0".join(message["content"] for message in prompt)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")

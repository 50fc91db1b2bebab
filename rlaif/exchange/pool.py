"""Which pair is meant: a pool of comparisons, found by id or by its texts.

pool = index_pairs(staged.rows())
pool.by_id("q17")                      # its row, or None
pool.by_pair(comparison.pair_key)      # the first row that compares the same texts, or None
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlaif.records import Comparison, LabelledComparison


@dataclass(frozen=True, slots=True)
class Pool:
    """n comparisons, row by row; about 45 bytes each beside the text of the ids."""

    ids: Any
    """`pyarrow.StringArray`, shape (n,)."""
    keys: NDArray[np.uint64]
    """The pair keys as two numbers each, shape (n, 2)."""
    a_first: NDArray[np.bool_]
    """Whether the text of response a sorts before that of b, shape (n,)."""
    _ids_sorted: tuple[NDArray[np.uint64], NDArray[np.intp]]
    _keys_sorted: tuple[NDArray[np.uint64], NDArray[np.intp]]

    def __len__(self) -> int:
        return len(self.keys)

    def by_id(self, name: str) -> int | None:
        """The row with this id."""
        rows = _equal(self._ids_sorted, _hashed(name))
        return next((row for row in rows if self.ids[row].as_py() == name), None)

    def by_pair(self, pair_key: str) -> int | None:
        """The first row with this pair key."""
        high, low = _halves(pair_key)
        rows = _equal(self._keys_sorted, high)
        return min((row for row in rows if int(self.keys[row, 1]) == low), default=None)

    def id_of(self, row: int) -> str:
        """The id of a row."""
        return str(self.ids[row].as_py())

    def has_pair(self, row: int, pair_key: str) -> bool:
        """Whether a row compares just these texts."""
        return tuple(self.keys[row].tolist()) == _halves(pair_key)


def index_pairs(rows: Iterable[LabelledComparison]) -> Pool:
    """The pool of all `rows`, read once."""
    import pyarrow as pa

    ids: list[Any] = []
    batch: list[str] = []
    hashes, keys, first = array("Q"), array("Q"), array("b")
    for row in rows:
        pair = row.comparison
        batch.append(pair.id)
        hashes.append(_hashed(pair.id))
        keys.extend(_halves(pair.pair_key))
        first.append(a_sorts_first(pair))
        if len(batch) == 2**16:
            ids.append(pa.array(batch, pa.string()))
            batch = []
    ids.append(pa.array(batch, pa.string()))
    halves = np.asarray(keys, np.uint64).reshape(-1, 2)
    return Pool(
        ids=pa.concat_arrays(ids),
        keys=halves,
        a_first=np.asarray(first, bool),
        _ids_sorted=_sorted(np.asarray(hashes, np.uint64)),
        _keys_sorted=_sorted(halves[:, 0]),
    )


def a_sorts_first(pair: Comparison) -> bool:
    """Which of the two orders of one pair this is."""
    return pair.a.text < pair.b.text


def _hashed(name: str) -> int:
    data = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _halves(pair_key: str) -> tuple[int, int]:
    return int(pair_key[:16], 16), int(pair_key[16:], 16)


def _sorted(values: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    order = np.argsort(values, kind="stable")
    return values[order], order


def _equal(index: tuple[NDArray[np.uint64], NDArray[np.intp]], value: int) -> list[int]:
    values, order = index
    wanted = np.uint64(value)
    low, high = np.searchsorted(values, wanted), np.searchsorted(values, wanted, side="right")
    return [int(row) for row in order[low:high]]

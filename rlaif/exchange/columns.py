"""The figures of `verdicts.parquet` as NumPy columns: a million rows in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlaif.errors import InputError

_COLUMNS = ["comparison", "log_odds", "winner", "consistent", "consistent_debiased", "stage"]


@dataclass(frozen=True)
class VerdictColumns:
    """One entry a verdict, in file order."""

    comparison: list[str]
    log_odds: NDArray[np.float64]
    """That a beats b; NaN where there is no verdict."""
    tie: NDArray[np.bool_]
    consistent: NDArray[np.bool_]
    consistent_debiased: NDArray[np.bool_]
    stage: NDArray[np.int64]
    names: tuple[tuple[str, str], ...]
    """(judge, principle) of each column of `parts`."""
    parts: NDArray[np.float32]
    """Debiased log-odds by judge and principle, shape (verdicts, names); NaN where not asked."""

    def __len__(self) -> int:
        return len(self.comparison)

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviation of the log-odds over a verdict's parts; 0 where there is one."""
        there = ~np.isnan(self.parts)
        n = np.maximum(there.sum(axis=1), 1)
        values = np.where(there, self.parts, 0.0).astype(float)
        mean = values.sum(axis=1) / n
        square = np.square(values).sum(axis=1) / n - mean**2
        return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def verdict_columns(path: Path) -> VerdictColumns:
    """Read them. Raises InputError where the file is none of this version's."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=[*_COLUMNS, "parts"])
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read as verdicts: {error}") from None
    names, parts = _parts(table["parts"].combine_chunks())
    winner = table["winner"]
    return VerdictColumns(
        comparison=table["comparison"].to_pylist(),
        log_odds=table["log_odds"].to_numpy().astype(float),
        tie=np.array([name == "tie" for name in winner.to_pylist()], dtype=bool),
        consistent=_bool(table["consistent"]),
        consistent_debiased=_bool(table["consistent_debiased"]),
        stage=table["stage"].to_numpy(),
        names=names,
        parts=parts,
    )


@dataclass(frozen=True)
class PositionColumns:
    """How a verdict leans to a place, whoever stands there; one entry a verdict, in file order."""

    bias: NDArray[np.float64]
    """Log-odds for the first place; NaN where there is no verdict."""
    named_first: NDArray[np.float64]
    """Of the two orders, the share that named the first shown among those that named a side."""


def position_columns(path: Path) -> PositionColumns:
    """Read them from a file that `verdict_columns` reads."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["position_bias", "named_ab", "named_ba"])
    orders = [np.array(table[name].to_pylist(), dtype=object) for name in ("named_ab", "named_ba")]
    first = sum((order == "A").astype(float) for order in orders)
    sides = sum(((order == "A") | (order == "B")).astype(float) for order in orders)
    with np.errstate(invalid="ignore"):  # no side named: NaN
        named_first = np.asarray(first / sides, dtype=float)
    return PositionColumns(table["position_bias"].to_numpy().astype(float), named_first)


def _bool(column: Any) -> NDArray[np.bool_]:
    return np.asarray(column.to_numpy(), dtype=bool)


def _parts(lists: Any) -> tuple[tuple[tuple[str, str], ...], NDArray[np.float32]]:
    """The list column of parts as a matrix, one column for each judge and principle."""
    flat = lists.flatten()
    row = lists.value_parent_indices().to_numpy()
    keys = [flat.field(name).dictionary_encode() for name in ("judge", "principle")]
    judge, principle = (key.indices.to_numpy() for key in keys)
    wide = len(keys[1].dictionary)
    codes, column = np.unique(judge * wide + principle, return_inverse=True)
    judges, principles = (key.dictionary.to_pylist() for key in keys)
    names = tuple((judges[code // wide], principles[code % wide]) for code in codes)
    matrix = np.full((len(lists), len(names)), np.nan, dtype=np.float32)
    l_ab, l_ba = (flat.field(name).to_numpy() for name in ("l_ab", "l_ba"))
    matrix[row, column] = (l_ab - l_ba) / 2
    return names, matrix

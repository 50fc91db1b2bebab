"""Every text of a file, whatever its columns are called: what decontamination compares with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.rows import BadRow, Notes
from rlaif.exchange.sources import open_source


def texts_of(path: Path) -> Iterator[str]:
    """All strings of a JSONL, CSV or Parquet file, or the lines of a .txt.

    Raises InputError where it cannot be read, or a line of it is broken.
    """
    if path.suffix == ".txt":
        yield from _lines(path)
        return
    source = open_source(path, Notes(), _columns(path))
    for row in source.rows:
        if isinstance(row, BadRow):
            raise InputError(f"{source.place(row.line)}: {row.message}")
        yield from _strings(row.values)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _columns(path: Path) -> frozenset[str]:
    if path.suffix != ".parquet" or not path.is_file():
        return frozenset()
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return frozenset(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: is not a Parquet file: {error}") from None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)

"""Writes a file of preferences in another format, one file a split.

export(run / "preferences.parquet", folder, "trl-explicit")     # folder/train.parquet, ...
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

from rlaif.errors import ConfigError, InputError
from rlaif.exchange.formats import FORMATS, Format
from rlaif.exchange.sources import BUFFER
from rlaif.exchange.tables import columns_of, schema_of
from rlaif.records import Preference, Split

READ_ROWS = 512
"""Rows decoded at once: texts may be a megabyte."""
GROUP_ROWS = 2**14
GROUP_BYTES = 2**26
"""A row group is written when it holds this much."""
SPLITS: tuple[Split, ...] = get_args(Split)


def export(preferences: Path, folder: Path, name: str, stem: str = "{}") -> dict[str, int]:
    """Write the rows of `preferences` into `folder` in the format `name`; returns rows by split.

    Splits that have no row get no file; no rows at all make one valid, empty `train` file. `stem`
    is a file's name for its split. Raises ConfigError for an unknown format, InputError where the
    file is not one of preferences. Streams.
    """
    if name not in FORMATS:
        raise ConfigError(f"format {name!r}: formats are {', '.join(FORMATS)}")
    form = FORMATS[name]
    ending = "jsonl" if form.lines else "parquet"
    writers: dict[str, _Writer] = {}
    with ExitStack() as stack:
        for rows in read_columns(preferences):
            for split, part in by_split(rows):
                if split not in writers:
                    path = folder / f"{stem.format(split)}.{ending}"
                    writers[split] = stack.enter_context(_writer(path, form))
                writers[split].write(part)
        if not writers:
            path = folder / f"{stem.format('train')}.{ending}"
            writers["train"] = stack.enter_context(_writer(path, form))
    return {split: writers[split].count for split in SPLITS if split in writers}


def read_columns(path: Path) -> Iterator[Any]:
    """Record batches with the columns of `Preference`, streaming; a missing `split` is `train`.

    Raises InputError where the file is no Parquet or lacks another column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = schema_of(columns_of(Preference))
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER) as file:
            lacking = set(wanted.names) - set(file.schema_arrow.names) - {"split"}
            if lacking:
                known = f"column {min(lacking)!r} is missing"
                raise InputError(f"{path}: {known}; was it written by this version of rlaif?")
            present = [name for name in wanted.names if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=READ_ROWS, columns=present):
                if "split" not in present:
                    batch = batch.append_column("split", pa.repeat("train", batch.num_rows))
                yield batch.select(wanted.names).cast(wanted)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read as Parquet: {error}") from None


def by_split(rows: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a batch by split."""
    import pyarrow.compute as pc

    for split in SPLITS:
        part = rows.filter(pc.equal(rows["split"], split))
        if part.num_rows:
            yield split, part


class _Writer(ABC):
    """Writes one split; counts its rows as the format has them."""

    def __init__(self, form: Format) -> None:
        self.count = 0
        self._shape = form.shape

    def write(self, rows: Any) -> None:
        import pyarrow as pa

        shaped = pa.RecordBatch.from_pydict(self._shape(rows))
        self.count += shaped.num_rows
        self._put(shaped)

    @abstractmethod
    def _put(self, batch: Any) -> None: ...

    def __enter__(self) -> _Writer:
        return self

    @abstractmethod
    def __exit__(self, *raised: object) -> None: ...


class _Lines(_Writer):
    def __init__(self, path: Path, form: Format) -> None:
        super().__init__(form)
        self._file = path.open("w", encoding="utf-8")

    def _put(self, batch: Any) -> None:
        for row in batch.to_pylist():
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def __exit__(self, *raised: object) -> None:
        self._file.close()


class _Parquet(_Writer):
    """Gathers batches into row groups, so that a reader finds few of them."""

    def __init__(self, path: Path, form: Format) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        super().__init__(form)
        none = pa.RecordBatch.from_pylist([], schema_of(columns_of(Preference)))
        schema = pa.RecordBatch.from_pydict(self._shape(none)).schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._held: list[Any] = []
        self._rows = self._bytes = 0

    def _put(self, batch: Any) -> None:
        self._held.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._held:
            table = pa.Table.from_batches(self._held, schema=self._writer.schema)
            self._writer.write_table(table, row_group_size=self._rows)
        self._held, self._rows, self._bytes = [], 0, 0

    def __exit__(self, *raised: object) -> None:
        try:
            if raised[0] is None:
                self._flush()
        finally:
            self._writer.close()


def _writer(path: Path, form: Format) -> _Writer:
    return _Lines(path, form) if form.lines else _Parquet(path, form)

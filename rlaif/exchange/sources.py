"""Opens an input by its name: JSON lines, CSV, Parquet, a datasets folder or a hub dataset.

All readers stream: what they hold does not grow with the input.

    open_source("pairs.jsonl.gz")          one JSON object a line
    open_source("pairs.csv")               a header line, then rows
    open_source("pairs.parquet")
    open_source("folder")                  as Dataset.save_to_disk wrote it, or data files
    open_source("org/name:test")           a dataset on the hub, one split (train if not given)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.display import plain
from rlaif.exchange.rows import BadRow, Notes, RawRow, Source
from rlaif.exchange.textfiles import csv_header, csv_rows, json_rows

FORMATS = ".jsonl, .jsonl.gz, .json, .csv, .parquet, a datasets folder, or org/name[:split]"
HUB_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?::([\w.-]+))?")
BATCH_ROWS = 64
"""Rows of Parquet decoded at once: small, since texts may be a megabyte."""
BUFFER = 2**20
"""Bytes of Parquet read ahead for each column."""


def open_source(source: str | Path, notes: Notes, read: frozenset[str] | None) -> Source:
    """Open `source` for one pass. Raises InputError where it cannot be opened at all.

    Formats with columns load only those in `read` (None: all of them); `notes` gets the names of
    the others.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return _open_folder(path, notes, read)
    if path.is_file():
        try:
            path.open("rb").close()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        return _open_file(path, notes, read)
    name = HUB_NAME.fullmatch(str(source))
    if (
        name
        and not path.parent.is_dir()
        and not str(source).endswith((".jsonl", ".gz", ".json", ".csv", ".parquet"))
    ):
        return _from_splits(name[1], _load_streaming(name[1]), name[2], notes, read)
    raise InputError(f"{source}: there is no such file or folder; inputs are {FORMATS}")


def _open_file(path: Path, notes: Notes, read: frozenset[str] | None) -> Source:
    name = path.name.lower()
    if name.endswith((".jsonl", ".json", ".jsonl.gz", ".json.gz")):
        return Source(str(path), json_rows(path, notes), None, "line")
    if name.endswith(".csv"):
        header = csv_header(path)
        return Source(str(path), csv_rows(path, header), tuple(header), "line")
    if name.endswith(".parquet"):
        return _open_parquet(path, notes, read)
    raise InputError(f"{path}: unknown format {path.suffix!r}; inputs are {FORMATS}")


def _open_parquet(path: Path, notes: Notes, read: frozenset[str] | None) -> Source:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = tuple(pq.read_schema(path).names)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: is not a Parquet file: {error}") from None

    used = _used(columns, notes, read)

    def rows() -> Iterator[RawRow | BadRow]:
        line = 0
        try:
            # Without these two, Arrow holds a whole row group, which may be the whole file.
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER) as file:
                for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=used):
                    for values in batch.to_pylist():
                        line += 1
                        yield RawRow(line, values)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: is damaged after row {line}: {error}") from None

    return Source(str(path), rows(), columns, "row")


def _open_folder(path: Path, notes: Notes, read: frozenset[str] | None) -> Source:
    import datasets

    if (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file():
        loaded = datasets.load_from_disk(str(path))
    else:
        loaded = _load_streaming(str(path))
    return _from_splits(str(path), loaded, None, notes, read)


def _load_streaming(name: str) -> Any:
    import datasets

    try:
        return datasets.load_dataset(name, streaming=True)
    except Exception as error:  # the loader raises dozens of kinds, network errors among them
        raise InputError(f"{name}: datasets cannot load it: {_first_line(error)}") from None


def _used(columns: Iterable[str], notes: Notes, read: frozenset[str] | None) -> list[str]:
    """The columns worth loading; the others (images, embeddings) may be large."""
    if read is None:
        return list(columns)
    notes.ignore(set(columns) - read)
    return [column for column in columns if column in read]


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return plain(text.splitlines()[0], 300)


def _from_splits(
    name: str, loaded: Any, split: str | None, notes: Notes, read: frozenset[str] | None
) -> Source:
    if isinstance(loaded, dict):
        if split is None and len(loaded) == 1:
            split = next(iter(loaded))
        split = split or "train"
        if split not in loaded:
            known = ", ".join(map(str, loaded))
            raise InputError(f"{name}: no split {split!r}; there are {known}: name it {name}:SPLIT")
        loaded, name = loaded[split], f"{name}:{split}"
    columns = loaded.column_names
    if columns:
        loaded = loaded.select_columns(_used(columns, notes, read))

    def rows() -> Iterator[RawRow | BadRow]:
        line = 0
        try:
            for values in loaded:
                line += 1
                yield RawRow(line, dict(values))
        except Exception as error:  # a stream from afar can fail in any of its layers
            text = f"{name}: cannot be read after row {line}: {_first_line(error)}"
            raise InputError(text) from None

    return Source(name, rows(), tuple(columns) if columns else None, "row")

"""Opens an input by its name: JSON lines, CSV, Parquet, a datasets folder or a hub dataset.

All readers stream: what they hold does not grow with the input.

    open_source("pairs.jsonl.gz")          one JSON object a line
    open_source("pairs.csv")               a header line, then rows
    open_source("pairs.parquet")
    open_source("folder")                  as Dataset.save_to_disk wrote it, or data files
    open_source("org/name:test")           a dataset on the hub, one split (train if not given)
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.rows import BadRow, Notes, RawRow, Source, mend, shown

FORMATS = ".jsonl, .jsonl.gz, .json, .csv, .parquet, a datasets folder, or org/name[:split]"
HUB_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?::([\w.-]+))?")
LIST_CELLS = ("prompt", "chosen", "rejected", "votes", "annotators", "responses")
"""CSV columns in which a cell may hold a JSON list (messages, votes) instead of text."""
BATCH_ROWS = 64
"""Rows of Parquet decoded at once: small, since texts may be a megabyte."""


def open_source(source: str | Path, notes: Notes) -> Source:
    """Open `source` for one pass. Raises InputError where it cannot be opened at all."""
    path = Path(source).expanduser()
    if path.is_dir():
        return _open_folder(path)
    if path.is_file():
        try:
            path.open("rb").close()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        return _open_file(path, notes)
    name = HUB_NAME.fullmatch(str(source))
    if name and not str(source).endswith((".jsonl", ".gz", ".json", ".csv", ".parquet")):
        return _open_hub(name[1], name[2])
    raise InputError(f"{source}: there is no such file or folder; inputs are {FORMATS}")


def _open_file(path: Path, notes: Notes) -> Source:
    name = path.name.lower()
    if name.endswith((".jsonl", ".json", ".jsonl.gz", ".json.gz")):
        return Source(str(path), _json_rows(path, notes), None, "line")
    if name.endswith(".csv"):
        header = _csv_header(path)
        return Source(str(path), _csv_rows(path, header), tuple(header), "line")
    if name.endswith(".parquet"):
        return _open_parquet(path)
    raise InputError(f"{path}: unknown format {path.suffix!r}; inputs are {FORMATS}")


def _json_rows(path: Path, notes: Notes) -> Iterator[RawRow | BadRow]:
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        try:
            for line, raw in enumerate(file, start=1):
                if raw.strip():
                    yield _json_row(line, raw, notes)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path}: the compressed file is damaged: {error}") from None


def _json_row(line: int, raw: bytes, notes: Notes) -> RawRow | BadRow:
    try:
        values = json.loads(raw.rstrip().decode("utf-8-sig" if line == 1 else "utf-8"))
    except UnicodeDecodeError:
        return BadRow(line, None, "is not UTF-8 text; save the file as UTF-8", "broken")
    except (ValueError, RecursionError) as error:
        return BadRow(line, None, f"is not a JSON object: {_json_fault(error)}", "broken")
    if not isinstance(values, dict):
        hint = "; an array can be split into lines with: jq -c '.[]'" if line == 1 else ""
        return BadRow(line, None, f"must be one JSON object, not {shown(values)}{hint}", "broken")
    if b"\\ud" in raw or b"\\uD" in raw:
        mended = mend(values)
        notes.mended += mended != values
        values = mended
    return RawRow(line, values)


def _json_fault(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.colno}; one whole object a line is needed"
    return "nested too deeply" if isinstance(error, RecursionError) else "number too long"


def _csv_header(path: Path) -> list[str]:
    csv.field_size_limit(sys.maxsize)  # the default of 128 KiB would refuse a long response
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            header = next(csv.reader(file, strict=True), [])
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{path}:1: the header is not CSV in UTF-8: {error}") from None
    if twice := {name for name in header if header.count(name) > 1}:
        raise InputError(f"{path}:1: column {sorted(twice)[0]!r} is named twice in the header")
    return header


def _csv_rows(path: Path, header: list[str]) -> Iterator[RawRow | BadRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        next(reader, None)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield BadRow(line, None, f'is not CSV: {error}; quote texts with "', "broken")
                return  # an open quote swallows the rest: nothing after it can be trusted
            except UnicodeDecodeError:
                raise InputError(f"{path}:{line}: is not UTF-8 text; save it as UTF-8") from None
            if cells is None:
                return
            if not cells:
                continue
            if len(cells) != len(header):
                message = f"has {len(cells)} cells where the header names {len(header)}"
                yield BadRow(line, None, f"{message}; quote texts that hold commas", "broken")
                continue
            yield RawRow(line, {k: _cell(k, v) for k, v in zip(header, cells, strict=True)})


def _cell(column: str, text: str) -> Any:
    """A CSV cell: None where empty, a list where the column may hold one and the text is one."""
    if column in LIST_CELLS and text.startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
        messages = column not in ("votes", "annotators")
        if isinstance(value, list) and value and isinstance(value[0], dict) == messages:
            return mend(value)
        return text
    return text or None


def _open_parquet(path: Path) -> Source:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = tuple(pq.read_schema(path).names)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: is not a Parquet file: {error}") from None

    def rows() -> Iterator[RawRow | BadRow]:
        line = 0
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=BATCH_ROWS):
                    for values in batch.to_pylist():
                        line += 1
                        yield RawRow(line, values)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: is damaged after row {line}: {error}") from None

    return Source(str(path), rows(), columns, "row")


def _open_folder(path: Path) -> Source:
    import datasets

    if (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file():
        loaded = datasets.load_from_disk(str(path))
    else:
        loaded = _load_streaming(str(path))
    return _from_splits(str(path), loaded, None)


def _open_hub(name: str, split: str | None) -> Source:
    return _from_splits(name, _load_streaming(name), split)


def _load_streaming(name: str) -> Any:
    import datasets

    try:
        return datasets.load_dataset(name, streaming=True)
    except Exception as error:  # the loader raises dozens of kinds, network errors among them
        raise InputError(f"{name}: datasets cannot load it: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _from_splits(name: str, loaded: Any, split: str | None) -> Source:
    if isinstance(loaded, dict):
        if split is None and len(loaded) == 1:
            split = next(iter(loaded))
        split = split or "train"
        if split not in loaded:
            known = ", ".join(map(str, loaded))
            raise InputError(f"{name}: no split {split!r}; there are {known}: name it {name}:SPLIT")
        loaded, name = loaded[split], f"{name}:{split}"
    columns = loaded.column_names

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

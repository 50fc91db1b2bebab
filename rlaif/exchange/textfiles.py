"""JSON lines and CSV, read line by line: what is broken is a bad row, and reading goes on."""

from __future__ import annotations

import csv
import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.rows import BadRow, Notes, RawRow, mend, shown

VALUE_LISTS = ("votes", "annotators", "steps", "labels")
"""CSV columns in which a cell may hold a JSON list of plain values."""
LIST_CELLS = ("prompt", "chosen", "rejected", "responses", *VALUE_LISTS)
"""CSV columns in which a cell may hold a JSON list (of messages, or plain) instead of text."""


def json_rows(path: Path, notes: Notes) -> Iterator[RawRow | BadRow]:
    """One row a line that holds a JSON object; blank lines are nothing."""
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


def csv_header(path: Path) -> list[str]:
    """The names in the first line. Raises InputError where it is no header."""
    csv.field_size_limit(sys.maxsize)  # the default of 128 KiB would refuse a long response
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            header = next(csv.reader(file, strict=True), [])
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{path}:1: the header is not CSV in UTF-8: {error}") from None
    if twice := {name for name in header if header.count(name) > 1}:
        raise InputError(f"{path}:1: column {sorted(twice)[0]!r} is named twice in the header")
    return header


def csv_rows(path: Path, header: list[str]) -> Iterator[RawRow | BadRow]:
    """The rows under the header; a row is named by its first line."""
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
        messages = column not in VALUE_LISTS
        if isinstance(value, list) and value and isinstance(value[0], dict) == messages:
            return mend(value)
        return text
    return text or None

"""What a reader yields before a row has become a record: raw values, or what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from rlaif.errors import InputError

SURROGATES = re.compile("[\ud800-\udfff]")
MAX_NAMED = 50
"""How many ignored columns are remembered by name, so that hostile input cannot fill memory."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as its file has it. `line` is 1-based: a line of text, or a row of a table."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used: where, which column, why, and how to mend it."""

    line: int
    column: str | None
    message: str
    reason: str
    """A short word to count by: `missing`, `empty`, `identical`, `broken`, `type`, ..."""


class Fault(Exception):
    """Raised inside a reader for one row; the reader turns it into a `BadRow`."""

    def __init__(self, reason: str, column: str | None, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.column = column

    def at(self, line: int) -> BadRow:
        """The row this fault belongs to."""
        return BadRow(line, self.column, str(self), self.reason)


@dataclass
class Notes:
    """What was noticed while reading that is no error; filled as the rows go by."""

    ignored: dict[str, None] = field(default_factory=dict)
    """Columns nothing reads, in order of appearance (at most `MAX_NAMED`)."""
    mended: int = 0
    """Rows in which lone surrogates, which no file can hold, became U+FFFD."""

    def ignore(self, columns: set[str]) -> None:
        """Remember these unread columns."""
        for column in sorted(printable(column) for column in columns):
            if len(self.ignored) < MAX_NAMED:
                self.ignored.setdefault(column)


@dataclass(frozen=True, slots=True)
class Source:
    """An opened input: its rows, once, in order."""

    name: str
    rows: Iterator[RawRow | BadRow]
    columns: tuple[str, ...] | None
    """The columns every row has, where the format has a header; None for JSON lines."""
    unit: str
    """What `line` counts: `line` or `row`."""

    def place(self, line: int) -> str:
        """Where a row stands, in a user's words: `pairs.jsonl:3` or `pairs.parquet row 3`."""
        return f"{self.name}:{line}" if self.unit == "line" else f"{self.name} row {line}"

    def require(self, *choices: tuple[str, ...]) -> None:
        """Refuse a header that has none of these sets of columns. Raises InputError."""
        if self.columns is None or any(set(c) <= set(self.columns) for c in choices):
            return
        wanted = ", or ".join(" + ".join(c) for c in choices)
        has = listed(self.columns)
        raise InputError(f"{self.name}: columns needed: {wanted}; it has: {has}. Rename them.")


def shown(value: object) -> str:
    """A value for an error message: one line, escaped, at most 60 characters."""
    text = repr(value[:80] if isinstance(value, str | list) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def printable(name: object) -> str:
    """A column's name as it can be shown in a terminal."""
    text = str(name)
    return text if text.isprintable() and len(text) <= 60 else shown(text)


def listed(names: Iterable[object]) -> str:
    """The first 20 names of columns, for an error message."""
    return ", ".join(map(printable, islice(names, 20))) or "none"


def mend(value: Any) -> Any:
    """`value` (JSON) with every lone surrogate replaced by U+FFFD."""
    if isinstance(value, str):
        return SURROGATES.sub("\ufffd", value)
    if isinstance(value, list | tuple):
        return [mend(item) for item in value]
    if isinstance(value, dict):
        return {mend(key): mend(item) for key, item in value.items()}
    return value

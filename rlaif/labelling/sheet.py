"""Labelling in a spreadsheet: a CSV with two responses and empty cells for the answer, and back.

`id,prompt,response_a,response_b,label,strength,reason,annotator,drawn_by,shown_first`: the label is
a, b or tie in terms of the columns; `shown_first` remembers which of the input's sides is in
`response_a`, drawn by seed so that the place tells nothing.
"""

from __future__ import annotations

import csv
from pathlib import Path

from rlaif.errors import InputError
from rlaif.exchange.rows import BadRow, Notes, RawRow, Source, shown
from rlaif.exchange.sources import open_source
from rlaif.labelling.answers import STRENGTHS
from rlaif.labelling.taken import Given
from rlaif.labelling.tasks import Tasks, shown_order
from rlaif.records import Message

COLUMNS = (
    *("id", "prompt", "response_a", "response_b"),
    *("label", "strength", "reason", "annotator", "drawn_by", "shown_first"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run; such texts get an apostrophe before them."""


def write_sheet(tasks: Tasks, seed: int, path: Path) -> int:
    """Write one row a pair and return how many. Raises InputError where `path` exists."""
    if path.exists():
        raise InputError(f"{path}: exists, and may hold answers; give another --to")
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # Excel needs the mark
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for number in range(len(tasks)):
            pair = tasks.pair(number)
            order = shown_order(seed, "", pair)
            first, second = pair.shown(order)
            row = {"id": pair.id, "prompt": transcript(pair.prompt)}
            row |= {"response_a": first, "response_b": second, "shown_first": order[0]}
            row |= {"drawn_by": tasks.drawn_by(pair.id)}
            writer.writerow({column: _guarded(text) for column, text in row.items()})
    return len(tasks)


def read_sheet(path: Path, annotator: str | None) -> tuple[list[Given], int]:
    """The labels of a sheet, and how many rows had none; `annotator` where a row names nobody.

    Any table with the columns `id` and `label` (CSV, JSON lines, Parquet). Raises InputError.
    """
    source = open_source(path, Notes(), frozenset(COLUMNS))
    source.require(("id", "label"))
    given, empty = [], 0
    for row in source.rows:
        if isinstance(row, BadRow):
            raise InputError(f"{source.place(row.line)}: {row.message}")
        if _cell(row, "label"):
            given.append(_given(row, source, annotator))
        else:
            empty += 1
    return given, empty


def transcript(prompt: tuple[Message, ...]) -> str:
    """A prompt as one text: what was asked, or who said what in turn."""
    if len(prompt) == 1:
        return prompt[0].content
    return "\n\n".join(f"{message.role.capitalize()}: {message.content}" for message in prompt)


def _given(row: RawRow, source: Source, annotator: str | None) -> Given:
    place = source.place(row.line)
    texts = _cell(row, "response_a"), _cell(row, "response_b")
    return Given(
        place=place,
        id=_cell(row, "id").removeprefix("'"),
        label=_cell(row, "label"),
        annotator=_cell(row, "annotator") or annotator,
        strength=_strength(_cell(row, "strength"), place),
        reason=_cell(row, "reason"),
        shown_first=_cell(row, "shown_first") or None,
        texts=texts if all(texts) else None,
        drawn_by=_cell(row, "drawn_by") or None,
    )


def _cell(row: RawRow, column: str) -> str:
    value = row.values.get(column)
    return "" if value is None else str(value)


def _strength(text: str, place: str) -> float | None:
    word = text.strip().lower()
    if not word or word in STRENGTHS:
        return STRENGTHS.get(word)
    try:
        number = float(word)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        words = ", ".join(STRENGTHS)
        raise InputError(
            f"{place}: column strength: must be {words} or a number from 0 to 1, not {shown(text)}"
        )
    return number


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text

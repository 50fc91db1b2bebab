"""Records as Arrow columns: one schema a model, derived once, and batches of bounded size.

`schema_of(Judgement)` maps text and enumerations to string, numbers to int64 and float64, tuples
to lists and records to structs. What may be None is the record's business: every column may.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from rlaif.exchange.rows import mend

BATCH_ROWS = 4096
BATCH_CHARS = 64 * 2**20
"""A batch also ends here, so that megabyte texts neither fill memory nor overflow an offset."""


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column: its name, Arrow type, and how a record's value becomes a cell."""

    name: str
    type: Any
    take: Callable[[Any], Any]
    """Gives the cell of one record."""


@cache
def columns_of(model: type[BaseModel]) -> tuple[ColumnSpec, ...]:
    """The columns of a record type, in the order of its fields."""
    made = []
    for name, field in model.model_fields.items():
        kind = _without_none(field.annotation)
        made.append(ColumnSpec(name, _arrow_type(kind), _taker(name, kind)))
    return tuple(made)


def schema_of(columns: Sequence[ColumnSpec]) -> Any:
    """The `pyarrow.Schema` of these columns; all may be null, as `datasets` has it."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, c.type) for c in columns])


def batches(records: Iterable[BaseModel], columns: Sequence[ColumnSpec]) -> Iterator[Any]:
    """The records as `pyarrow.RecordBatch`es, holding one batch at a time."""
    import pyarrow as pa

    schema = schema_of(columns)
    for rows in _chunks(records):
        arrays = [_array(column, rows) for column in columns]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _chunks(records: Iterable[BaseModel]) -> Iterator[list[BaseModel]]:
    rows: list[BaseModel] = []
    size = 0
    for record in records:
        rows.append(record)
        size += _chars(record)
        if len(rows) >= BATCH_ROWS or size >= BATCH_CHARS:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _chars(value: Any) -> int:
    """About how much text a record holds."""
    total = 0
    for item in value.__dict__.values() if isinstance(value, BaseModel) else value:
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, BaseModel | tuple):
            total += _chars(item)
    return total


def _array(column: ColumnSpec, rows: list[BaseModel]) -> Any:
    import pyarrow as pa

    cells = list(map(column.take, rows))
    try:
        return pa.array(cells, column.type)
    except UnicodeEncodeError:  # a model replied with a lone surrogate; no file can hold one
        return pa.array(mend(cells), column.type)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        if len(kinds) != 1:
            raise TypeError(f"a column holds one type, not {annotation}")
        return kinds[0]
    return annotation


def _arrow_type(kind: Any) -> Any:
    import pyarrow as pa

    if get_origin(kind) is tuple:
        return pa.list_(_arrow_type(_item(kind)))
    if get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, str)):
        return pa.string()
    plain = {float: pa.float64(), int: pa.int64(), bool: pa.bool_()}
    if kind in plain:
        return plain[kind]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return pa.struct(list(schema_of(columns_of(kind))))
    raise TypeError(f"no column type for {kind}")


def _taker(name: str, kind: Any) -> Callable[[Any], Any]:
    """Reads one field of a record; nested records become dicts, since Arrow takes no objects."""
    take = attrgetter(name)
    item = _item(kind) if get_origin(kind) is tuple else None
    if isinstance(item, type) and issubclass(item, BaseModel):
        return lambda record: [_cell(part) for part in take(record)]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return lambda record: None if take(record) is None else _cell(take(record))
    return take


def _cell(record: BaseModel) -> dict[str, Any]:
    return {column.name: column.take(record) for column in columns_of(type(record))}


def _item(kind: Any) -> Any:
    item, *rest = get_args(kind)
    if rest != [Ellipsis]:
        raise TypeError(f"a column holds a tuple of one type and any length, not {kind}")
    return item

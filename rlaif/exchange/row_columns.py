"""What stands in a run's files as Arrow columns, for work that touches every row."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.exchange.tables import BATCH_CHARS, BATCH_ROWS, columns_of, schema_of
from rlaif.records import Comparison, Outcome


def pair_batches(database: Path) -> Iterator[Any]:
    """All pairs of a database that `stage_input` filled, as `pyarrow.RecordBatch`es in input order.

    The columns are the fields of `Comparison` and `label`; they were checked when they were staged.
    """
    import pyarrow as pa
    from pyarrow import json

    pair = pa.struct(list(schema_of(columns_of(Comparison))))
    schema = pa.schema([("comparison", pair), ("label", pa.string())])
    parse = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    for bodies in _bodies(database):
        lines = "\n".join(bodies).encode()
        # One block: a row may be as long as it likes.
        read = json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
        table = json.read_json(io.BytesIO(lines), read, parse).combine_chunks()
        for batch in table.to_batches():
            fields = pa.RecordBatch.from_struct_array(batch["comparison"])
            yield fields.append_column("label", batch["label"])


def _bodies(database: Path) -> Iterator[list[str]]:
    """JSON of the rows, of a bounded number and length at once."""
    uri = f"{database.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, check_same_thread=False)) as db:
        bodies: list[str] = []
        size = 0
        for (body,) in db.execute("SELECT body FROM pairs ORDER BY seq"):
            bodies.append(body)
            size += len(body)
            if len(bodies) >= BATCH_ROWS or size >= BATCH_CHARS:
                yield bodies
                bodies, size = [], 0
        if bodies:
            yield bodies


class Said(NamedTuple):
    """What of a judgement stands behind a preference."""

    comparison: str
    judge: str
    principle: str
    order: str
    rationale: str
    call_key: str


def votes_of_pairs(judgements: Path) -> Iterator[tuple[str, list[Said]]]:
    """The judgements that vote, by comparison id, in file order; a comparison without has none."""
    return ((name, list(group)) for name, group in groupby(_votes(judgements), itemgetter(0)))


def _votes(judgements: Path) -> Iterator[Said]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    voting = pa.array([outcome.value for outcome in Outcome if outcome.votes])
    columns = list(Said._fields)
    with pq.ParquetFile(judgements, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[*columns, "outcome"]):
            votes = batch.filter(pc.is_in(batch["outcome"], voting))
            yield from map(Said, *(votes[name].to_pylist() for name in columns))


def judged_batches(database: Path, verdicts: Path) -> Iterator[tuple[Any, Any]]:
    """Batches of pairs, each with a `pyarrow.Table` of what of its verdicts goes to the dataset.

    Raises ValueError where there are fewer verdicts than pairs.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [f"parts.list.element.{name}" for name in ("principle", "judge")]
    columns = ["pair_key", "judge", "stage", *parts]
    with pq.ParquetFile(verdicts, pre_buffer=False) as file:
        batches = file.iter_batches(batch_size=BATCH_ROWS, columns=columns)
        held: list[Any] = []
        for rows in pair_batches(database):
            while sum(map(len, held)) < len(rows):
                batch = next(batches, None)
                if batch is None:
                    raise ValueError(f"{verdicts}: has fewer verdicts than there are pairs")
                held.append(batch)
            table = pa.Table.from_batches(held)
            yield rows, table.slice(0, len(rows))
            held = table.slice(len(rows)).to_batches()

"""Preferences as a `datasets` folder that TRL's RewardTrainer and DPOTrainer take unchanged.

    write_dataset(preferences, folder)
    datasets.load_from_disk(folder)                          # a Dataset

`prompt`, `chosen` and `rejected` are lists of chat messages (TRL's explicit prompt). The columns
beside them say who decided, why and how sure; trainers drop them. There is no column `margin`:
TRL would train on it, and a judge's log-odds are not a margin.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from rlaif.exchange.parquet import read_batches
from rlaif.exchange.tables import batches, columns_of, schema_of
from rlaif.records import Preference

SIDES = ("chosen", "rejected")


def write_dataset(preferences: Iterable[Preference], folder: Path) -> int:
    """Write all `preferences` as a `datasets.Dataset` into `folder`; returns how many.

    Streams: memory does not grow with the rows. None at all make a valid, empty dataset.
    """
    return _write(batches(preferences, columns_of(Preference)), folder)


def write_splits(preferences: Path, names: Sequence[str], folder: Path) -> dict[str, int]:
    """Write the rows of a Parquet file of `Preference` as a `datasets.DatasetDict`, by `split`.

    Returns the rows of each of the splits `names`; those of other splits are left out.
    """
    import json

    import pyarrow.compute as pc

    folder.mkdir(parents=True, exist_ok=True)

    def of_split(name: str) -> Iterator[Any]:
        parts = (b.filter(pc.equal(b["split"], name)) for b in read_batches(preferences))
        return (part for part in parts if part.num_rows)

    counts = {name: _write(of_split(name), folder / name) for name in names}
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(counts)}))
    return counts


def _write(preferences: Iterable[Any], folder: Path) -> int:
    """Write batches of `Preference` columns."""
    import datasets
    import pyarrow as pa

    schema = dataset_schema()
    count = 0
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # save_to_disk copies a memory-mapped file: the one public way that needs no rows in memory.
        draft = str(Path(scratch) / "rows.arrow")
        with pa.ipc.new_stream(draft, schema) as stream:
            for batch in preferences:
                stream.write_batch(_as_rows(batch, schema))
                count += batch.num_rows
            if not count:  # `datasets` reads no stream without a batch
                stream.write_table(schema.empty_table(), max_chunksize=1)
        with _no_progress_bar():
            # An empty set gets a shard too: load_from_disk fails on a folder without any.
            shards = None if count else 1
            datasets.Dataset.from_file(draft).save_to_disk(str(folder), num_shards=shards)
    return count


@cache
def dataset_schema() -> Any:
    """TRL's three columns, then the provenance of `Preference`: a `pyarrow.Schema`."""
    import pyarrow as pa

    schema = schema_of(columns_of(Preference))
    prompt = schema.field("prompt")
    sides = [pa.field(name, prompt.type) for name in SIDES]
    rest = [field for field in schema if field.name not in ("prompt", *SIDES)]
    models = [pa.field(f"{name}_model", pa.string()) for name in SIDES]
    return pa.schema([prompt, *sides, *rest, *models])


def _as_rows(preferences: Any, schema: Any) -> Any:
    """A batch of `Preference` columns with those of the dataset."""
    import pyarrow as pa

    columns = dict(zip(preferences.schema.names, preferences.columns, strict=True))
    for side in SIDES:
        text, model = columns[side].flatten()
        role = pa.repeat(pa.scalar("assistant"), len(text))
        message = pa.StructArray.from_arrays([role, text], ["role", "content"])
        starts = pa.array(range(len(text) + 1), pa.int32())
        columns[side] = pa.ListArray.from_arrays(starts, message)
        columns[f"{side}_model"] = model
    arrays = [columns[field.name].cast(field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    import datasets

    shown = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not shown:
            datasets.enable_progress_bars()

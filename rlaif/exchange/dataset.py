"""Preferences as a `datasets` folder that TRL's RewardTrainer and DPOTrainer take unchanged.

    write_dataset(preferences, folder)
    datasets.load_from_disk(folder)                          # a Dataset

`prompt`, `chosen` and `rejected` are lists of chat messages (TRL's explicit prompt). The columns
beside them say who decided, why and how sure; trainers drop them. There is no column `margin`:
TRL would train on it, and a judge's log-odds are not a margin.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from rlaif.exchange.tables import ColumnSpec, batches, columns_of, schema_of
from rlaif.records import Preference, Response


def write_dataset(preferences: Iterable[Preference], folder: Path) -> int:
    """Write all `preferences` as a `datasets.Dataset` into `folder`; returns how many.

    Streams: memory does not grow with the rows. None at all make a valid, empty dataset.
    """
    import datasets
    import pyarrow as pa

    columns = dataset_columns()
    count = 0
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # save_to_disk copies a memory-mapped file: the one public way that needs no rows in memory.
        draft = str(Path(scratch) / "rows.arrow")
        with pa.ipc.new_stream(draft, schema_of(columns)) as stream:
            for batch in batches(preferences, columns):
                stream.write_batch(batch)
                count += batch.num_rows
            if not count:  # `datasets` reads no stream without a batch
                stream.write_table(schema_of(columns).empty_table(), max_chunksize=1)
        with _no_progress_bar():
            # An empty set gets a shard too: load_from_disk fails on a folder without any.
            shards = None if count else 1
            datasets.Dataset.from_file(draft).save_to_disk(str(folder), num_shards=shards)
    return count


def write_splits(splits: Mapping[str, Iterable[Preference]], folder: Path) -> dict[str, int]:
    """Write named splits (`train`, `test`) as a `datasets.DatasetDict`; returns rows of each."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    counts = {name: write_dataset(rows, folder / name) for name, rows in splits.items()}
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(counts)}))
    return counts


@cache
def dataset_columns() -> tuple[ColumnSpec, ...]:
    """TRL's three columns, then the provenance of `Preference`."""
    import pyarrow as pa

    of_record = {column.name: column for column in columns_of(Preference)}
    prompt = of_record.pop("prompt")
    sides = [ColumnSpec(name, prompt.type, _as_messages(name)) for name in ("chosen", "rejected")]
    models = [
        ColumnSpec(f"{name}_model", pa.string(), _model_of(name)) for name in ("chosen", "rejected")
    ]
    del of_record["chosen"], of_record["rejected"]
    return (prompt, *sides, *of_record.values(), *models)


def _as_messages(side: str) -> Any:
    def take(preference: Preference) -> list[dict[str, str]]:
        response: Response = getattr(preference, side)
        return [{"role": "assistant", "content": response.text}]

    return take


def _model_of(side: str) -> Any:
    def take(preference: Preference) -> str | None:
        response: Response = getattr(preference, side)
        return response.model

    return take


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

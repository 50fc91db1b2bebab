"""DATA of `rlaif train`: a run or a file becomes the rows of a training, each with a split.

read_pairs("outputs/demo")           # TrainingPair; a run's curated preferences where it has
reward_data(recipe, watch)           # what `rlaif train rm` trains on, splits and replay done
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlaif.errors import ConfigError, InputError
from rlaif.exchange import training
from rlaif.exchange.rows import BadRow, Notes
from rlaif.exchange.sources import open_source
from rlaif.exchange.training_rows import OnBadRow, Reading
from rlaif.exchange.training_sets import RATED, SETS, read_ratings, read_sets
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.balancing import balanced
from rlaif.pipelines.curated import CuratedFolder
from rlaif.pipelines.step_data import read_step_data
from rlaif.pipelines.training_splits import UNUSED, Reader, TrainingData, prepare
from rlaif.records import LabelledSolution, TrainingPair, digest

if TYPE_CHECKING:
    from rlaif.pipelines.training import Replay, TrainRecipe
    from rlaif.pipelines.watch import Watch
    from rlaif.rewards.dataset import Data, Kind

SETS_BY = ("responses", "completions")
"""Columns by which a file of ranked sets is known."""


def preferences_of(data: str | Path) -> str | Path:
    """The file of a run's preferences, curated where they are; other data is returned as it is.

    Raises InputError where a run has none, ConfigError where it was judged anew since it was
    curated.
    """
    path = Path(data).expanduser()
    run = RunFolder.standalone(path)
    curated = CuratedFolder(run)
    curated.check_fresh()
    for file in (curated.preferences, run.preferences):
        if file.is_file():
            return file
    if run.manifest.is_file():
        raise InputError(f"{path}: this run has no preferences: judge pairs in it first")
    return data


def read_pairs(
    data: str | Path,
    reading: Reading | None = None,
    *,
    decided_by: Collection[str] = (),
    on_bad_row: OnBadRow = "stop",
) -> Iterator[TrainingPair]:
    """The pairs of a run or of what `rlaif.exchange.training.read_pairs` reads, as that does."""
    source = preferences_of(data)
    return training.read_pairs(source, reading, decided_by=decided_by, on_bad_row=on_bad_row)


def reward_data(recipe: TrainRecipe, watch: Watch) -> Data:
    """The rows of a reward model's training: pairs, ranked sets or (with attributes) ratings.

    Says what was left out. Raises InputError where the data cannot be read or nothing is left.
    """
    from rlaif.rewards.dataset import Data

    kind = _kind(recipe)
    from rlaif.pipelines.training_families import read_families

    readers: dict[Kind, Any] = {
        "pairs": read_pairs, "families": read_families, "sets": read_sets, "ratings": read_ratings,
    }  # fmt: skip
    read = readers[kind]
    data = _prepared(recipe, partial(read, recipe.data), read)
    _tell(data, watch)
    made = Data(kind, partial(data.of, "train"), partial(data.of, "validation"))
    return balanced(made) if recipe.balance_domains else made


def process_data(recipe: TrainRecipe, watch: Watch) -> Data:
    """The labelled solutions of a process reward model's training.

    Says what was left out. Raises InputError as `reward_data`, ConfigError for `balance_domains`.
    """
    from rlaif.rewards.dataset import Data

    if recipe.balance_domains:
        raise ConfigError("balance_domains: worked solutions have no weights; leave it out")
    data = _prepared(recipe, partial(read_steps, recipe.data), read_steps)
    _tell(data, watch)
    return Data("steps", partial(data.of, "train"), partial(data.of, "validation"))


def read_steps(data: str | Path, reading: Reading | None = None) -> Iterator[LabelledSolution]:
    """The labelled solutions of a file, a run or the built-in set (`arithmetic`).

    Raises InputError at the first bad row.
    """
    at = reading if reading is not None else Reading()
    for row in read_step_data(data, notes=at.notes):
        if isinstance(row, BadRow):
            column = f"{row.column} " if row.column else ""
            raise InputError(f"{data}:{row.line}: {column}{row.message}")
        at.kept += 1
        yield row.labelled
    if not at.kept:
        raise InputError(f"{data}: nothing to train on: it has no rows")


def _kind(recipe: TrainRecipe) -> Kind:
    source = preferences_of(recipe.data)
    run = isinstance(source, Path)
    if recipe.attributes:
        return "families" if run else "ratings"
    if run:
        return "pairs"
    first = next(open_source(source, Notes(), SETS | RATED).rows, None)
    values = {} if first is None or isinstance(first, BadRow) else first.values
    return "sets" if any(values.get(name) is not None for name in SETS_BY) else "pairs"


def _prepared(recipe: TrainRecipe, new: Reader[Any], read: Any) -> TrainingData[Any]:
    """Splits over all rows at once, so that no replayed row trains on a prompt held back here."""
    old = partial(read, recipe.replay.data) if recipe.replay else None
    sizes: list[int] = []

    def both(reading: Reading) -> Iterator[Any]:
        own = Reading()
        yield from new(own)
        sizes[:] = [own.kept]
        reading.add(own)
        if old is not None:
            replayed = Reading()
            yield from old(replayed)
            reading.add(replayed)

    data = prepare(
        both,
        recipe.data,
        seed=recipe.seed,
        validation=recipe.validation,
        evaluation_files=recipe.decontaminate,
    )
    return data if recipe.replay is None else _thinned(data, sizes[0], recipe.replay, recipe.seed)


def _thinned(data: TrainingData[Any], new: int, replay: Replay, seed: int) -> TrainingData[Any]:
    """Of the rows after the first `new`, so many train that they are the share asked for."""
    old = np.flatnonzero(data.splits == "train")
    old = old[old >= new]
    wanted = replay.share / (1 - replay.share) * float((data.splits[:new] == "train").sum())
    rng = np.random.default_rng(int(digest("replay", seed)[:16], 16))
    splits = data.splits.copy()
    splits[new:] = UNUSED
    splits[rng.permutation(old)[: round(wanted)]] = "train"
    return replace(data, splits=splits)


def _tell(data: TrainingData[Any], watch: Watch) -> None:
    counts = data.counts
    held = f", {counts['test']:,} held out" if counts["test"] else ""
    validating = f"{counts['validation']:,} to validate{held}"
    watch.say(f"{data.name}: {counts['train']:,} rows to train on, {validating}")
    for reason, count in data.left_out.items():
        watch.say(f"left out: {count:,} rows, {reason}")

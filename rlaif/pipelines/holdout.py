"""`rlaif holdout`: how good a reward model is in a domain that it was not trained on.

DIR/models/all              trained on all domains
DIR/models/without_<...>    trained on all but one; run again, models that are there stay
DIR/holdout.json            accuracy of both in the domain, on the same held-out pairs, paired

What is held out trains none of the models: the data's own test split, or of each domain a share
of its prompts, by seed, whole groups of near-duplicates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rlaif.curation.duplicates import near_duplicates, prompt_text
from rlaif.errors import ConfigError, InputError
from rlaif.evaluation.results import Value, told
from rlaif.exchange.training_rows import Reading
from rlaif.measures.intervals import MIN_CLUSTERS, clustered_mean
from rlaif.measures.paired import holm, paired_test
from rlaif.pipelines.annotators import plain
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.balancing import balanced
from rlaif.pipelines.training import TrainRecipe, train_model
from rlaif.pipelines.training_data import read_pairs
from rlaif.pipelines.training_splits import TrainingData, prepare
from rlaif.pipelines.watch import Watch
from rlaif.records import Record, TrainingPair, digest

if TYPE_CHECKING:
    from rlaif.rewards.dataset import Data

SHARE = 0.3
"""Of a domain's prompts that are held out, where the data has no test split."""
LEAST = 2 * MIN_CLUSTERS
"""Prompts of a domain from which any are held out: enough for an interval, as many to train."""
ALL = "all"
UNFIT = ("attributes", "gate", "init_from", "replay")
"""Of a recipe: no pairs are learnt from, or the left-out domain may come in by another door."""


class DomainHeldOut(Record):
    """One domain's held-out pairs, by the model that never saw the domain and the one that did."""

    n: int
    prompts: int
    without: Value
    """Accuracy of the model trained without the domain."""
    with_it: Value
    """Accuracy of the model trained on all."""
    difference: Value
    """Without minus with it, paired."""
    p: float | None
    """Of no difference; over all domains together (Holm)."""
    longer: float
    """What picking the longer response reaches here."""


class HeldOut(Record):
    """What leaving out each domain came to."""

    domains: dict[str, DomainHeldOut]
    mean_without: float
    """Accuracy in a domain never seen, each domain counting the same."""
    mean_with_it: float
    too_few: dict[str, int]
    """Domains that stay in training, with how many of their prompts are held out."""


@dataclass(frozen=True)
class Held:
    """Rows with their splits, and what is tested."""

    data: TrainingData[TrainingPair]
    tests: tuple[TrainingPair, ...]
    groups: NDArray[np.uint64]
    """Of each test pair: its prompt's near-duplicates."""

    def prompts(self) -> dict[str, int]:
        """Held-out prompts by domain, of all domains."""
        domains = np.array([pair.domain for pair in self.tests])
        known = {pair.domain: 0 for pair in self.data.of("train")}
        tested = sorted(set(domains.tolist()))
        return known | {d: len(np.unique(self.groups[domains == d])) for d in tested}


def hold_out(recipe: TrainRecipe, out: Path, watch: Watch, command: str, share: float) -> HeldOut:
    """Train what is missing, score the held-out pairs and write `holdout.json`.

    Raises ConfigError for a recipe that does not fit or a folder of other work, InputError where
    fewer than two domains have prompts enough.
    """
    if wrong := [name for name in UNFIT if getattr(recipe, name)]:
        raise ConfigError(f"{wrong[0]}: leaving out a domain takes plain pairs and a fresh head")
    held = held_rows(recipe, share)
    prompts = held.prompts()
    domains = [name for name, n in prompts.items() if n >= MIN_CLUSTERS]
    if not domains or len(prompts) < 2:
        raise InputError(
            f"{recipe.data}: leaving out a domain takes two of them, one with {LEAST} prompts,"
            f" {MIN_CLUSTERS} of which are held out; column `domain` holds"
            f" {', '.join(f'{name} ({n:,} held out)' for name, n in prompts.items()) or 'none'}"
        )
    folder = RunFolder.standalone(out)
    with folder.locked():
        _same_work(folder, recipe, held)
        scored = {}
        for number, name in enumerate([ALL, *domains], start=1):
            everything = number == 1
            what = "all domains" if everything else f"without {name}"
            watch.say(f"model {number} of {len(domains) + 1}: {what}")
            scored[name, everything] = _scored(recipe, held, out, name, everything, watch)
        found = _compared(held, domains, scored, recipe.seed, prompts)
        with folder.writing(out / "holdout.json") as path:
            made = {"command": command, "recipe": recipe.model_dump(mode="json")}
            made |= plain(found.model_dump(mode="json"))
            path.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    return found


def held_rows(recipe: TrainRecipe, share: float) -> Held:
    """Read the pairs and hold some of every domain out."""
    domains: list[str] = []
    given: list[bool] = []

    def texts() -> Iterator[str]:
        for pair in read_pairs(recipe.data, Reading()):
            domains.append(pair.domain)
            given.append(pair.split == "test")
            yield prompt_text(pair.prompt)

    groups = near_duplicates(texts())
    test = np.array(given)
    if not test.any():
        test = _drawn(groups, np.array(domains), share, recipe.seed)

    def rows(reading: Reading) -> Iterator[TrainingPair]:
        for pair, held in zip(read_pairs(recipe.data, reading), test, strict=True):
            yield pair.model_copy(update={"split": "test"}) if held else pair

    data = prepare(
        rows, recipe.data, seed=recipe.seed, validation=recipe.validation,
        evaluation_files=recipe.decontaminate,
    )  # fmt: skip
    return Held(data, tuple(data.of("test")), groups[data.splits == "test"])


def _drawn(
    groups: NDArray[np.uint64], domains: NDArray[np.str_], share: float, seed: int
) -> NDArray[np.bool_]:
    """Which rows are held out: of each domain with enough prompts the share, 20 at least."""
    keys, first = np.unique(groups, return_index=True)
    home = domains[first]
    held: list[int] = []
    for name in np.unique(home):
        own = sorted(keys[home == name].tolist(), key=lambda key: digest("holdout", seed, key))
        if len(own) >= LEAST:
            held += own[: max(MIN_CLUSTERS, round(share * len(own)))]
    return np.isin(groups, np.array(held, dtype=np.uint64))


def _same_work(folder: RunFolder, recipe: TrainRecipe, held: Held) -> None:
    """Models of another recipe or other rows are not gone on with. Raises ConfigError."""
    rows = [pair.model_dump(mode="json") for pair in held.tests]
    counts = held.data.counts
    work = {"recipe": recipe.model_dump(mode="json"), "rows": digest(rows, counts)}
    path = folder.path / "work.json"
    if not path.exists():
        with folder.writing(path) as part:
            part.write_text(json.dumps(work, indent=2) + "\n", encoding="utf-8")
    elif json.loads(path.read_text(encoding="utf-8")) != work:
        raise ConfigError(
            f"{folder.path}: its models are of another recipe or other data: give a new folder"
        )


def _scored(
    recipe: TrainRecipe, held: Held, out: Path, name: str, everything: bool, watch: Watch
) -> NDArray[np.float64]:
    """Score gaps of all test pairs by one model, which is trained where it is missing."""
    from rlaif.rewards import load

    slug = re.sub(r"[^a-z0-9]+", "_", name.lower())[:40]
    target = out / "models" / (ALL if everything else f"without_{slug}_{digest(name)[:6]}")
    if not target.is_dir():
        train_model(recipe, _maker(held.data, None if everything else name), target, watch)
    prompts = [pair.prompt for pair in held.tests for _ in range(2)]
    texts = [text for pair in held.tests for text in (pair.chosen, pair.rejected)]
    scores = np.asarray(load(target).score(prompts, texts), dtype=float).reshape(-1, 2)
    return np.asarray(scores[:, 0] - scores[:, 1])


def _maker(
    data: TrainingData[TrainingPair], without: str | None
) -> Callable[[TrainRecipe, Watch], Data]:
    """The rows of every domain but one, for `train_model`."""

    def rows(split: str) -> Iterator[TrainingPair]:
        return (pair for pair in data.of(split) if pair.domain != without)  # type: ignore[arg-type]

    def make(recipe: TrainRecipe, watch: Watch) -> Data:
        from rlaif.rewards.dataset import Data

        made = Data("pairs", partial(rows, "train"), partial(rows, "validation"))
        return balanced(made) if recipe.balance_domains else made

    return make


def agreement(gap: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where score gap and label name the same side, .5 where just one is a tie; NaN is wrong."""
    said, label = np.sign(gap), np.sign(p - 0.5)
    right = np.where(said == label, 1.0, np.where((said == 0) | (label == 0), 0.5, 0.0))
    return np.where(np.isnan(gap), 0.0, right)


def _compared(
    held: Held,
    domains: list[str],
    scored: dict[tuple[str, bool], NDArray[np.float64]],
    seed: int,
    prompts: dict[str, int],
) -> HeldOut:
    p = np.array([pair.p for pair in held.tests])
    longer = np.array([len(pair.chosen) - len(pair.rejected) for pair in held.tests], dtype=float)
    of = np.array([pair.domain for pair in held.tests])
    made, tests = {}, []
    for name in domains:
        there = of == name
        one, other, length = (
            agreement(gap, p)[there] for gap in (scored[name, False], scored[ALL, True], longer)
        )
        clusters = held.groups[there]
        test = paired_test(one, other, clusters, seed=seed)
        tests.append(test.p or 0.0)
        made[name] = DomainHeldOut(
            n=int(there.sum()),
            prompts=prompts[name],
            without=told(clustered_mean(one, clusters, seed=seed)),
            with_it=told(clustered_mean(other, clusters, seed=seed)),
            difference=told(test.difference),
            p=test.p,
            longer=float(length.mean()),
        )
    adjusted = dict(zip(domains, holm(tests), strict=True))
    return HeldOut(
        domains={d: one.model_copy(update={"p": adjusted[d]}) for d, one in made.items()},
        mean_without=float(np.mean([one.without.value for one in made.values()])),
        mean_with_it=float(np.mean([one.with_it.value for one in made.values()])),
        too_few={name: n for name, n in prompts.items() if n < MIN_CLUSTERS},
    )

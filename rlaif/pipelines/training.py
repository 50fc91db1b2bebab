"""`rlaif train`: data and a base become a reward model's folder, with its card and its log."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from rlaif import content
from rlaif.errors import ConfigError, MissingExtra
from rlaif.judges.card import merge
from rlaif.pipelines.annotators import plain
from rlaif.pipelines.artifacts import OUTPUTS
from rlaif.pipelines.intro import fetch_base
from rlaif.pipelines.watch import Watch
from rlaif.records import Record
from rlaif.rewards.settings import Training

if TYPE_CHECKING:
    from rlaif.rewards.dataset import Data
    from rlaif.rewards.meta import Meta

FEW = 5_000
"""Pairs under which a reward model is said to have little to learn from."""
LITTLE = (
    "fewer than {few:,} pairs are little for a reward model: judge more pairs (rlaif judge), start"
    " from a trained one (--init-from), or use a judge as the reward"
)


class Replay(Record):
    """Rows of an earlier round, mixed in so that what was learnt there is not forgotten."""

    data: str
    share: float = Field(default=0.25, gt=0, lt=1)
    """Of all rows that are trained on."""


class TrainRecipe(Training):
    """A training recipe: what is learnt from, from which base, and `Training`'s settings."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    about: str = ""
    data: str
    """A run's folder or a file; see docs/training.md."""
    base: str
    """A known name, a folder or a hub id."""
    init_from: str | None = None
    """A trained model to go on from, instead of a base with a fresh head."""
    gate: str | None = None
    """Preferences (a run or a file) on which a gate is learnt: the prompt then weighs the
    attributes, instead of their fixed weights."""
    members: int = Field(default=1, ge=1, le=32)
    """An ensemble of so many runs, with seeds from `seed` up; `combine` makes them one score."""
    replay: Replay | None = None
    balance_domains: bool = False
    """Weigh rows by 1 / (number of domains * their domain's share): every domain counts the same,
    however many rows it has."""
    decontaminate: tuple[str, ...] = ()
    """Files whose prompts are trained on by no row."""


def load_train_recipe(name: str, overrides: Mapping[str, Any]) -> TrainRecipe:
    """A training recipe by name or path. Raises ConfigError for an unknown recipe or key."""
    path = content.find("pipelines", name)
    data = content.load_yaml(path)
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a recipe is a mapping of names and values")
    where = f"{path} with {', '.join(overrides)}" if overrides else str(path)
    return content.parse(TrainRecipe, merge(data, overrides), where)


def folder_for(kind: str, data: str) -> Path:
    """Where the model of this data goes: into the run, or outputs/<the file's name>/."""
    name = "reward_model" if kind == "rm" else "process_reward_model"
    path = Path(data)
    return (path if path.is_dir() else OUTPUTS / path.name.split(".")[0]) / name


def train_model(
    recipe: TrainRecipe, make: Callable[[TrainRecipe, Watch], Data], out: Path, watch: Watch
) -> Meta:
    """Train and save into `out`; checkpoints lie beside it, and a second call goes on from them.

    Raises MissingExtra without torch or trl, ConfigError or InputError for a base or data that
    will not do, StoppedError where training cannot go on.
    """
    try:
        import rlaif.rewards.train  # noqa: F401
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "train", "rlaif train") from error
    if recipe.gate and not recipe.attributes:
        raise ConfigError("gate: it weighs attributes; name them in the recipe")
    for tracker in recipe.trackers:
        if find_spec(tracker) is None:
            raise ConfigError(f"trackers: {tracker} is not installed: pip install {tracker}")
    data = make(recipe, watch)
    with _own(out.parent / ".training" / out.name) as work:
        train = _one if recipe.members == 1 else _ensemble
        meta, main = train(recipe, data, work, out, watch)
    if main and data.kind == "pairs" and meta.trained["rows"] < FEW:
        watch.say(LITTLE.format(few=FEW))
    return meta


def _one(recipe: TrainRecipe, data: Data, work: Path, out: Path, watch: Watch) -> tuple[Meta, bool]:
    """Train one model and save it; whether this process is the one that did."""
    from rlaif.rewards.card import write_card
    from rlaif.rewards.saving import save
    from rlaif.rewards.train import train

    start = Path(recipe.init_from) if recipe.init_from else fetch_base(recipe.base, watch)
    settings = Training.model_validate({k: getattr(recipe, k) for k in Training.model_fields})
    trained = train(
        start, data, settings, work, watch.say, fresh=recipe.init_from is None,
        named=recipe.init_from or recipe.base,
    )  # fmt: skip
    if not trained.main:
        return trained.meta, False
    meta = save(trained, data, out)
    for checkpoint in work.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    log = json.dumps(plain(list(trained.history)), indent=1)
    (out / "training.json").write_text(log + "\n", encoding="utf-8")
    if recipe.gate:
        from rlaif.pipelines.training_data import reward_data
        from rlaif.rewards.gating import add_gate

        changed: dict[str, Any] = {"data": recipe.gate, "attributes": {}, "replay": None}
        pairs = reward_data(recipe.model_copy(update=changed), watch)
        meta = add_gate(out, pairs, recipe.seed, watch.say)
    write_card(meta, recipe.model_dump(mode="json"), out)
    return meta, True


def _ensemble(
    recipe: TrainRecipe, data: Data, work: Path, out: Path, watch: Watch
) -> tuple[Meta, bool]:
    """Train the members one after the other, each with the next seed; then they become one."""
    from rlaif.rewards.card import write_card
    from rlaif.rewards.saving import save_ensemble

    names = [f"member_{i}" for i in range(recipe.members)]
    for i, name in enumerate(names):
        watch.say(f"member {i + 1} of {recipe.members}")
        member = recipe.model_copy(update={"seed": recipe.seed + i, "members": 1})
        place = work / "members" / name
        meta, main = _one(member, data, work / f"work_{i}", place, watch)
    if main:
        how = {"combine": recipe.combine, "penalty": recipe.penalty}
        meta = save_ensemble(work / "members", names, data, out, how)
        write_card(meta, recipe.model_dump(mode="json"), out)
    return meta, main


@contextmanager
def _own(work: Path) -> Iterator[Path]:
    """The folder of checkpoints, for one command at a time (all processes of which share it)."""
    import os

    work.mkdir(parents=True, exist_ok=True)
    if int(os.environ.get("RANK", "0")):
        yield work
        return
    with (work / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"{work}: another training is going on there") from None
        yield work

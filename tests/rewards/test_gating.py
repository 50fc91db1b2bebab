"""A gate on a trained attributes model: it learns what a prompt asks for, and is served so."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlaif.errors import ConfigError
from rlaif.records import Message, TrainingPair
from tests.rewards.test_score import PROMPTS, RESPONSES, loaded, saved

pytestmark = pytest.mark.heavy
torch = pytest.importorskip("torch")
pytest.importorskip("trl")

LABELS = ("long", "short")


@pytest.fixture(scope="module")
def attributes(causal: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attributes")
    weights = {"long": 1.0, "short": 0.5}
    return saved(causal, folder, kind="attributes", labels=LABELS, weights=weights)


def pairs(folder: Path, n: int, start: int = 0) -> list[TrainingPair]:
    """Of two responses, prompts A prefer the one with the higher first attribute, B the second."""
    model = loaded(folder)
    rng = np.random.default_rng(start)
    made = []
    for i in range(start, start + n):
        asks = i % 2
        prompt = (Message(role="user", content=f"{'AB'[asks] * 6} {i}"),)
        one, other = ("".join(rng.choice(list("xyz .!"), 12)) for _ in range(2))
        gap = model.outputs([prompt] * 2, [one, other])[:, asks]
        chosen, rejected = (one, other) if gap[0] > gap[1] else (other, one)
        made.append(TrainingPair(id=f"{i}", prompt=prompt, chosen=chosen, rejected=rejected))
    return made


@pytest.mark.slow
def test_it_learns_what_a_prompt_asks_for(attributes: Path, tmp_path: Path) -> None:
    from rlaif.rewards.dataset import Data
    from rlaif.rewards.gating import add_gate
    from rlaif.rewards.saving import score_pairs

    folder = shutil.copytree(attributes, tmp_path / "rm")
    train, held = pairs(folder, 160), pairs(folder, 60, start=1000)
    told: list[str] = []
    meta = add_gate(folder, Data("pairs", lambda: train, lambda: held), 0, told.append)
    model = loaded(folder)
    assert model.meta == meta
    scores = score_pairs(model, held)
    accuracy = float((scores[:, 0] > scores[:, 1]).mean())
    before = score_pairs(loaded(attributes), held)
    assert accuracy > 0.85
    assert accuracy > (before[:, 0] > before[:, 1]).mean()
    assert meta.trained["gate"]["accuracy"] == pytest.approx(accuracy)
    assert meta.calibration is not None
    assert meta.normalisation is not None
    assert meta.normalisation.mean == pytest.approx(scores.mean(), abs=1e-5)
    assert "160 pairs" in told[0]


def test_the_score_is_the_gates_sum_whatever_the_batch(attributes: Path, tmp_path: Path) -> None:
    from rlaif.rewards.gate import Gate
    from rlaif.rewards.meta import read_meta, write_meta

    folder = shutil.copytree(attributes, tmp_path / "rm")
    meta = read_meta(folder)
    assert meta is not None
    write_meta(meta.model_copy(update={"weights": {}}), folder)
    with pytest.raises(ConfigError, match="not a gate"):
        loaded(folder)
    hidden = loaded(attributes).model.config.hidden_size
    torch.manual_seed(0)
    gate = Gate(hidden, LABELS)
    torch.nn.init.normal_(gate.outer.weight)
    gate.save(folder)
    model: Any = loaded(folder)
    scores = model.score(PROMPTS, RESPONSES)
    alone = [model.score([p], [r])[0] for p, r in zip(PROMPTS, RESPONSES, strict=True)]
    assert scores == pytest.approx(alone, abs=1e-5)
    outputs, states = model.outputs_and_states(PROMPTS, RESPONSES)
    assert outputs == pytest.approx(loaded(attributes).outputs(PROMPTS, RESPONSES), abs=1e-5)
    assert torch.allclose(states[0], states[2], atol=1e-5), "the same prompt, whatever the response"
    with torch.inference_mode():
        weights = gate(states).double().numpy()
    assert scores == pytest.approx((weights * outputs).sum(axis=1), abs=1e-5)
    assert np.ptp(weights[:, 0]) > 0.01, "a constant gate would pass all this"
    Gate(hidden, LABELS[::-1]).save(folder)
    with pytest.raises(ConfigError, match="its gate weighs"):
        loaded(folder)


def test_what_takes_no_gate(causal: Path, encoder: Path, tmp_path: Path) -> None:
    from rlaif.rewards.dataset import Data
    from rlaif.rewards.gating import add_gate

    none = Data("pairs", list, list)
    with pytest.raises(ConfigError, match="weighs attributes"):
        add_gate(saved(causal, tmp_path / "scalar"), none, 0, print)
    folder = saved(encoder, tmp_path / "e", kind="attributes", labels=LABELS, weights={"long": 1.0})
    with pytest.raises(ConfigError, match="only a causal base"):
        add_gate(folder, none, 0, print)


@pytest.mark.slow
def test_a_recipe_trains_attributes_and_then_their_gate(causal: Path, tmp_path: Path) -> None:
    import json

    from rlaif.pipelines.training import TrainRecipe, train_model
    from rlaif.pipelines.watch import Silent
    from rlaif.records import RatedResponse
    from rlaif.rewards.dataset import Data

    ratings = [
        RatedResponse(
            id=f"{i}", prompt=(Message(role="user", content=f"Say {i}"),),
            response="x" * (i % 9 + 1),
            ratings={"long": (i % 9) / 8, "short": 1 - (i % 9) / 8},
        )
        for i in range(40)
    ]  # fmt: skip
    lines = [
        {"prompt": f"Say {i}", "chosen": "x" * (i % 5 + 2), "rejected": "y" * (i % 3 + 1)}
        for i in range(60)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe = TrainRecipe(
        name="gated", data="none", base=str(causal), gate=str(tmp_path / "pairs.jsonl"),
        attributes={"long": 1.0, "short": -1.0}, batch=8, micro_batch=8, max_length=128,
        learning_rate=2e-3, method="full", evaluations=1, validation=0.2,
    )  # fmt: skip
    rows = Data("ratings", lambda: ratings[:30], lambda: ratings[30:])
    meta = train_model(recipe, lambda recipe, watch: rows, tmp_path / "rm", Silent())
    assert meta.weights == {}
    assert meta.trained["gate"]["pairs"] + meta.trained["gate"]["validation_pairs"] == 60
    assert "the prompt weighs them" in (tmp_path / "rm/README.md").read_text()
    assert loaded(tmp_path / "rm").meta == meta
    assert np.isfinite(loaded(tmp_path / "rm").score(PROMPTS, RESPONSES)).all()
    with pytest.raises(ConfigError, match="name them"):
        train_model(recipe.model_copy(update={"attributes": {}}), None, tmp_path, Silent())  # type: ignore[arg-type]

"""Several models as one: standardised, combined, read from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlaif.errors import ConfigError
from rlaif.rewards.members import Ensemble, read_ensemble, write_ensemble
from tests.rewards.conftest import pairs
from tests.rewards.test_score import PROMPTS, RESPONSES, loaded, saved

pytestmark = pytest.mark.heavy
pytest.importorskip("torch")
pytest.importorskip("transformers")

SCALES = ((0.5, 2.0), (-1.0, 0.1))
"""Mean and standard deviation of each member."""


@pytest.fixture(scope="module")
def folder(causal: Path, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ensemble")
    for i, (base, (mean, std)) in enumerate(zip((causal, encoder), SCALES, strict=True)):
        saved(base, made / f"member_{i}", normalisation={"mean": mean, "std": std})
    write_ensemble(Ensemble(members=("member_0", "member_1")), made)
    return made


def with_(folder: Path, **how: Any) -> Any:
    from rlaif.rewards.ensemble import RewardEnsemble

    made = Ensemble(members=("member_0", "member_1"), **how)
    return RewardEnsemble([loaded(folder / name) for name in made.members], made)


def test_members_are_standardised_by_their_own_scale(folder: Path) -> None:
    z = np.array(
        [
            (loaded(folder / f"member_{i}").score(PROMPTS, RESPONSES) - mean) / std
            for i, (mean, std) in enumerate(SCALES)
        ]
    )
    assert loaded(folder).score(PROMPTS, RESPONSES) == pytest.approx(z.mean(axis=0), abs=1e-5)
    worst = with_(folder, combine="worst").score(PROMPTS, RESPONSES)
    assert worst == pytest.approx(z.min(axis=0), abs=1e-5)
    careful = with_(folder, combine="mean_minus_variance", penalty=0.5)
    expected = z.mean(axis=0) - 0.5 * z.var(axis=0)
    assert careful.score(PROMPTS, RESPONSES) == pytest.approx(expected, abs=1e-4)
    assert np.abs(z[0] - z[1]).max() > 0.1, "members that agree would pass all this"


def test_it_says_what_it_is(folder: Path) -> None:
    model = loaded(folder)
    assert (model.meta.kind, model.meta.labels, model.meta.max_length) == (
        "scalar",
        ("reward",),
        160,
    )
    model.score(["x " * 200], ["y"])
    assert model.cut == {"prompt": 1, "response": 0, "dropped": 0}, (
        "a text counts once, not once a member"
    )


def test_process_models_combine_step_by_step(causal: Path, tmp_path: Path) -> None:
    one = saved(causal, tmp_path / "a", kind="process")
    write_ensemble(Ensemble(members=("a", "a"), combine="worst"), tmp_path)
    model = loaded(tmp_path)
    assert model.meta.kind == "process"
    given = ("What is (2 + 2) * 3?", "Q"), (["2 + 2 = 4", "4 * 3 = 12"], ["One step"])
    alone = loaded(one).score_steps(*given)
    for ours, theirs in zip(model.score_steps(*given), alone, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_what_makes_no_ensemble(folder: Path, causal: Path, tmp_path: Path) -> None:
    from rlaif.rewards.ensemble import RewardEnsemble

    bare = loaded(saved(causal, tmp_path / "bare"))
    with pytest.raises(ConfigError, match="member 1 has no stored mean"):
        RewardEnsemble([loaded(folder / "member_0"), bare], Ensemble(members=("a", "b")))
    process = loaded(saved(causal, tmp_path / "process", kind="process"))
    with pytest.raises(ConfigError, match="not both"):
        RewardEnsemble([bare, process], Ensemble(members=("a", "b")))


@pytest.mark.parametrize("members", ['["../a"]', '["/a"]', "[]", '"a"'])
def test_members_lie_below(members: str, tmp_path: Path) -> None:
    (tmp_path / "ensemble.json").write_text(f'{{"members": {members}}}')
    with pytest.raises(ConfigError, match=r"ensemble\.json: not an ensemble"):
        read_ensemble(tmp_path)


@pytest.mark.slow
def test_members_are_trained_apart_and_calibrated_together(causal: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    from rlaif.pipelines.training import TrainRecipe, train_model
    from rlaif.pipelines.watch import Silent
    from rlaif.rewards.dataset import Data
    from rlaif.rewards.saving import score_pairs

    recipe = TrainRecipe(
        name="two", data="none", base=str(causal), members=2, combine="mean", seed=5, batch=8,
        micro_batch=4, max_length=128, learning_rate=2e-3, method="full", evaluations=1,
    )  # fmt: skip
    held = pairs(40, start=1000)
    rows = Data("pairs", lambda: pairs(48), lambda: held)
    out = tmp_path / "rm"
    meta = train_model(recipe, lambda recipe, watch: rows, out, Silent())
    assert {p.name for p in out.iterdir()} == {"ensemble.json", "README.md", "member_0", "member_1"}
    whole, members = loaded(out), [loaded(out / f"member_{i}") for i in range(2)]
    assert [m.meta.trained["settings"]["seed"] for m in members] == [5, 6]
    tables = np.stack([score_pairs(member, held) for member in members])
    assert np.abs(tables[0] - tables[1]).max() > 1e-3, "the same model twice"
    scales = [member.meta.normalisation for member in members]
    z = [(table - s.mean) / s.std for table, s in zip(tables, scales, strict=True)]
    assert score_pairs(whole, held) == pytest.approx(np.mean(z, axis=0), abs=1e-4)
    scores = score_pairs(whole, held)
    d = scores[:, 0] - scores[:, 1]
    assert meta.trained["validation"]["accuracy"] == pytest.approx((d > 0).mean())
    assert whole.meta.calibration == meta.calibration
    assert whole.meta.calibration.n == 40
    assert whole.meta.normalisation.mean == pytest.approx(scores.mean())
    assert "2, of seeds one after the other" in (out / "README.md").read_text()

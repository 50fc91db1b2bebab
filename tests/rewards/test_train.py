"""Training on tiny models: it learns, resumes to the same weights, and what is saved is served."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlaif.errors import ConfigError, InputError, StoppedError
from rlaif.records import LabelledSolution, RankedSet, RatedResponse, Solution, TrainingPair
from tests.rewards.conftest import data, pairs

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.slow,
]
torch = pytest.importorskip("torch")
pytest.importorskip("trl")


def quick(**changes: Any) -> Any:
    from rlaif.rewards.settings import Training

    given = {
        "max_length": 128, "batch": 8, "micro_batch": 4, "learning_rate": 2e-2, "evaluations": 2,
        "patience": None, "epochs": 2,
    }  # fmt: skip
    return Training.model_validate(given | changes)


def trained(base: Path, folder: Path, rows: Any = None, **changes: Any) -> tuple[Any, Any]:
    """(the model in memory, its folder's meta)."""
    from rlaif.rewards.saving import save
    from rlaif.rewards.train import train

    rows = rows or data()
    made = train(base, rows, quick(**changes), folder / "work", tell=lambda line: None)
    return made, save(made, rows, folder / "out")


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "model.safetensors"))


@pytest.mark.parametrize(
    ("base", "method"),
    [
        ("causal", "lora"), ("causal", "full"), ("encoder", "lora"), ("encoder", "full"),
        pytest.param("causal", "qlora", marks=pytest.mark.gpu),
    ],
)  # fmt: skip
def test_it_learns_and_saves_what_it_learnt(
    base: str, method: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    from rlaif.rewards import load
    from rlaif.rewards.saving import score_pairs

    made, meta = trained(
        request.getfixturevalue(base), tmp_path, method=method, epochs=6,
        learning_rate=2e-3 if method == "full" else 2e-2,
    )  # fmt: skip
    served = load(tmp_path / "out")
    scores = score_pairs(served, pairs(48))
    assert (scores[:, 0] > scores[:, 1]).mean() > 0.75, "it does not even fit its training rows"
    from rlaif.rewards.score import RewardModel

    here = score_pairs(RewardModel(made.model, made.tokenizer, meta), pairs(16, start=1000))
    assert score_pairs(served, pairs(16, start=1000)) == pytest.approx(here, abs=1e-5)
    assert meta.normalisation is not None
    assert meta.trained["rows"] == 48
    assert any("eval_accuracy/odd" in entry or "eval_ece" in entry for entry in made.history)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "chat_template.jinja", "config.json", "model.safetensors", "rlaif.json", "tokenizer.json",
        "tokenizer_config.json",
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["lora", "full"])
def test_trained_in_half_precision_it_is_saved_as_it_scores(
    causal: Path, method: str, tmp_path: Path
) -> None:
    from rlaif.rewards.saving import score_pairs
    from rlaif.rewards.score import RewardModel

    made, meta = trained(causal, tmp_path, method=method, precision="bf16")
    here = score_pairs(RewardModel(made.model, made.tokenizer, meta), pairs(16))
    within = 1e-5 if method == "full" else 0.05  # the weights of a base under adapters are bf16
    there = score_pairs(RewardModel.load(tmp_path / "out"), pairs(16))
    assert there == pytest.approx(here, abs=within)


@pytest.mark.parametrize("loss", ["bradley_terry", "rao_kupper", "davidson", "contrastive"])
def test_packed_training_ends_where_plain_training_does(
    causal: Path, loss: str, tmp_path: Path
) -> None:
    options = {"method": "full", "learning_rate": 1e-3, "pair_loss": loss, "epochs": 1}
    for name, packing in (("packed", True), ("plain", False)):
        trained(causal, tmp_path / name, packing=packing, **options)
    plain = weights(tmp_path / "plain/out")
    for name, value in weights(tmp_path / "packed/out").items():
        assert torch.allclose(value, plain[name], atol=1e-4), name


def test_a_pair_and_its_swap_teach_the_same(causal: Path, tmp_path: Path) -> None:
    from rlaif.rewards.dataset import Data

    soft = [pair.model_copy(update={"p": 0.8}) for pair in pairs(24)]
    turned = [
        pair.model_copy(update={"chosen": pair.rejected, "rejected": pair.chosen, "p": 1 - pair.p})
        for pair in soft
    ]
    held = pairs(8, start=1000)
    for name, rows in (("as", soft), ("swapped", turned)):
        trained(
            causal, tmp_path / name, Data("pairs", lambda rows=rows: rows, lambda: held),
            method="full", learning_rate=1e-3, epochs=1, packing=False,
        )  # fmt: skip
    swapped = weights(tmp_path / "swapped/out")
    for name, value in weights(tmp_path / "as/out").items():
        assert torch.allclose(value, swapped[name], atol=1e-4), name


SCRIPT = """
import sys
from pathlib import Path
from tests.rewards.conftest import data
from tests.rewards.test_train import trained
trained(Path(sys.argv[1]), Path(sys.argv[2]), method=sys.argv[3], epochs=6, evaluations=4)
"""


@pytest.mark.parametrize("method", ["lora", "full"])
def test_sigkill_then_the_same_command_gives_the_same_weights(
    causal: Path, method: str, tmp_path: Path
) -> None:
    from rlaif.rewards.trainers import last_checkpoint

    command = [sys.executable, "-c", SCRIPT, str(causal)]
    subprocess.run([*command, str(tmp_path / "whole"), method], check=True, capture_output=True)
    broken = subprocess.Popen(
        [*command, str(tmp_path / "broken"), method], stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    work = tmp_path / "broken/work"
    wait_for(lambda: last_checkpoint(work) is not None or broken.poll() is not None)
    os.kill(broken.pid, signal.SIGKILL)
    broken.wait()
    assert not (tmp_path / "broken/out").exists(), "it was too quick to be killed"
    # A checkpoint torn by the kill is passed over.
    (work / "checkpoint-9999").mkdir()
    again = subprocess.run(
        [*command, str(tmp_path / "broken"), method], check=True, capture_output=True, text=True
    )
    del again
    whole = weights(tmp_path / "whole/out")
    for name, value in weights(tmp_path / "broken/out").items():
        assert torch.equal(value, whole[name]), name


def test_other_settings_do_not_go_on_from_old_checkpoints(causal: Path, tmp_path: Path) -> None:
    from rlaif.rewards.train import train

    told: list[str] = []
    for rate in (1e-3, 1e-3, 2e-3):
        train(causal, data(), quick(learning_rate=rate, epochs=1), tmp_path, told.append)
    kept = [line for line in told if "going on" in line or "anew" in line]
    assert [line.split()[0] for line in kept] == ["going", "the"], "the second call, the third"


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.005)


def test_a_loss_that_is_no_number_stops_and_names_the_rows(causal: Path, tmp_path: Path) -> None:
    from rlaif.rewards.dataset import Data

    bad = [pair.model_copy(update={"margin": float("nan")}) for pair in pairs(1)]
    rows = Data("pairs", lambda: [*pairs(15, start=1), *bad], lambda: pairs(4, start=1000))
    with pytest.raises(StoppedError, match="'r0'"):
        trained(causal, tmp_path, rows)


def test_rows_too_long_are_dropped_and_counted_or_an_error(causal: Path, tmp_path: Path) -> None:
    from rlaif.rewards.dataset import Data

    long = pairs(1)[0].model_copy(update={"chosen": "long " * 100})
    rows = Data("pairs", lambda: [long, *pairs(15, start=1)], lambda: pairs(4, start=1000))
    _, meta = trained(causal, tmp_path / "drop", rows, too_long="drop")
    assert meta.trained["dropped"] == {"over max_length": 1}
    _, meta = trained(causal, tmp_path / "cut", rows, too_long="truncate")
    assert meta.trained["cut"] == {"response": 1}
    with pytest.raises(InputError, match=r"'r0'.*limit of 128"):
        trained(causal, tmp_path / "error", rows, too_long="error")


def test_identical_responses_teach_nothing(causal: Path, tmp_path: Path) -> None:
    from rlaif.rewards.dataset import Data

    same = [p.model_copy(update={"rejected": p.chosen}) for p in pairs(3)]
    rows = Data("pairs", lambda: [*same, *pairs(12, start=3)], lambda: pairs(4, start=1000))
    _, meta = trained(causal, tmp_path / "some", rows)
    assert meta.trained["dropped"] == {"identical chosen and rejected": 3}
    with pytest.raises(InputError, match="3 identical chosen and rejected"):
        trained(causal, tmp_path / "all", Data("pairs", lambda: same, lambda: same))


def test_heads_of_an_ensemble_differ_and_are_combined(causal: Path, tmp_path: Path) -> None:
    from rlaif.rewards import load

    _, meta = trained(causal, tmp_path, heads=3, combine="worst", epochs=1)
    assert meta.kind == "heads"
    model: Any = load(tmp_path / "out")
    outputs = model.outputs(["a", "b"], ["c", "d"])
    assert outputs.shape == (2, 3)
    assert model.score(["a", "b"], ["c", "d"]) == pytest.approx(outputs.min(axis=1))
    assert len(set(np.round(outputs[0], 5))) == 3


def test_attributes_are_learnt_and_weighed(causal: Path, tmp_path: Path) -> None:
    from rlaif.rewards import load
    from rlaif.rewards.dataset import Data

    def rated(n: int, start: int = 0) -> list[RatedResponse]:
        made = []
        for pair in pairs(n, start):
            for text, value in ((pair.chosen, 1.0), (pair.rejected, 0.0)):
                ratings = {"right": value} | ({"short": 0.5} if value else {})
                made.append(
                    RatedResponse(id=pair.id, prompt=pair.prompt, response=text, ratings=ratings)
                )
        return made

    rows = Data("ratings", lambda: rated(24), lambda: rated(8, start=1000))
    _, meta = trained(causal, tmp_path, rows, attributes={"right": 1.0, "short": -0.5})
    assert (meta.kind, meta.labels) == ("attributes", ("right", "short"))
    model: Any = load(tmp_path / "out")
    outputs = model.outputs(["a"], ["b"])
    assert model.score(["a"], ["b"])[0] == pytest.approx(outputs[0, 0] - 0.5 * outputs[0, 1])
    assert "mse" in meta.trained["validation"]
    with pytest.raises(ConfigError, match="attributes"):
        trained(causal, tmp_path / "none", rows)


@pytest.mark.parametrize("loss", ["plackett_luce", "listnet"])
def test_ranked_sets_are_learnt(causal: Path, loss: str, tmp_path: Path) -> None:
    from rlaif.rewards.dataset import Data

    def ranked(n: int, start: int = 0) -> list[RankedSet]:
        return [
            RankedSet(
                id=p.id,
                prompt=p.prompt,
                responses=(p.rejected, p.chosen, "no"),
                relevance=(1, 2, 0),
            )
            for p in pairs(n, start)
        ]

    rows = Data("sets", lambda: ranked(24), lambda: ranked(8, start=1000))
    _, meta = trained(causal, tmp_path, rows, set_loss=loss, epochs=4)
    assert meta.kind == "scalar"
    assert meta.trained["validation"]["accuracy"] > 0.6


class TestSteps:
    @staticmethod
    def solutions(n: int, start: int = 0) -> list[LabelledSolution]:
        made = []
        for i in range(start, start + n):
            wrong = i % 4
            steps = tuple("right." if s != wrong else "WRONG!" for s in range(3))
            labels = tuple(1.0 if s < wrong else 0.0 if s == wrong else -100.0 for s in range(3))
            made.append(
                LabelledSolution(
                    solution=Solution(id=f"s{i}", problem=f"Problem {i}", steps=steps),
                    labels=labels,
                )
            )
        return made

    def rows(self) -> Any:
        from rlaif.rewards.dataset import Data

        return Data("steps", lambda: self.solutions(48), lambda: self.solutions(12, start=500))

    def test_a_process_model_learns_its_steps(self, causal: Path, tmp_path: Path) -> None:
        from rlaif.rewards import load

        _, meta = trained(causal, tmp_path, self.rows(), epochs=6)
        assert meta.kind == "process"
        model = load(tmp_path / "out")
        problems = ["Problem 7", "Problem 8"]
        right, wrong = model.score_steps(problems, [["right.", "right."], ["right.", "WRONG!"]])
        assert right.min() > wrong[1]
        assert meta.trained["validation"]["accuracy"] > 0.9

    def test_ignored_labels_stay_ignored(self, causal: Path, tmp_path: Path) -> None:
        """The text of a step without a label is read, but whether it is right is not asked."""
        from rlaif.rewards.objectives import Objective

        outputs = torch.tensor([[0.0, 1.0], [3.0, -2.0], [0.5, 0.5]], requires_grad=True)
        rows = {"targets": torch.tensor([1.0, -100.0, 0.0]), "sizes": (2, 1)}
        losses = Objective("steps", quick()).losses(outputs, rows)
        losses.sum().backward()
        assert outputs.grad is not None
        assert outputs.grad[1].tolist() == [0.0, 0.0]
        assert losses.tolist() == pytest.approx([np.log1p(np.exp(-1)), np.log(2)])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_four_bits_want_a_gpu(causal: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="qlora needs a GPU"):
        trained(causal, tmp_path, method="qlora")


def test_soft_labels_off_takes_the_likelier_side(causal: Path) -> None:
    from rlaif.rewards.dataset import Counts, Encoder
    from rlaif.rewards.models import load_tokenizer
    from rlaif.rewards.texts import Formatter

    formatter = Formatter(load_tokenizer(causal), 128)
    pair: TrainingPair = pairs(1)[0].model_copy(update={"p": 0.7, "p_tie": 0.2})
    soft, hard = (Encoder(formatter, (), flag).encode(pair, Counts()) for flag in (True, False))
    assert soft["targets"] == [0.7, 0.2, 0.0]
    assert hard["targets"] == [1.0, 0.0, 0.0]


def test_rows_that_are_dropped_for_their_length_stop_nothing(causal: Path, tmp_path: Path) -> None:
    """Validation has such rows too: they take no part in calibration and in the last check."""
    from rlaif.rewards.dataset import Data

    long = pairs(4, start=2000)[0].model_copy(update={"chosen": "red " * 100})
    rows = Data("pairs", lambda: [long, *pairs(24)], lambda: [long, *pairs(30, start=1000)])
    _, meta = trained(causal, tmp_path, rows, too_long="drop", epochs=1)
    assert meta.trained["dropped"] == {"over max_length": 2}
    assert meta.normalisation is not None
    assert meta.calibration is not None
    assert meta.calibration.n == 30


def test_a_judges_log_odds_by_group_are_learnt(causal: Path, tmp_path: Path) -> None:
    from rlaif.rewards import load
    from rlaif.rewards.dataset import Data

    def judged(n: int, start: int = 0) -> list[TrainingPair]:
        return [
            pair.model_copy(update={"families": {"honesty": 2.0} if i % 2 else {"honesty": 1.0}})
            for i, pair in enumerate(pairs(n, start))
        ]

    rows = Data("families", lambda: judged(48), lambda: judged(8, start=1000))
    _, meta = trained(causal, tmp_path, rows, attributes={"honesty": 1.0, "respect": 1.0}, epochs=4)
    assert (meta.kind, meta.labels) == ("attributes", ("honesty", "respect"))
    pair = pairs(1, start=2000)[0]
    outputs = load(tmp_path / "out").outputs([pair.prompt] * 2, [pair.chosen, pair.rejected])
    gap = outputs[0] - outputs[1]
    assert gap[0] > 0.5, "the named group is learnt as a difference"


def test_a_full_disk_keeps_the_last_whole_checkpoint(
    causal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Trainer

    from rlaif.rewards.trainers import last_checkpoint

    save, saved = Trainer._save_checkpoint, []

    def full(self: Any, *args: Any) -> None:
        save(self, *args)
        saved.append(self.state.global_step)
        if len(saved) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(Trainer, "_save_checkpoint", full)
    with pytest.raises(StoppedError, match="the one before it is whole"):
        trained(causal, tmp_path)
    kept = last_checkpoint(tmp_path / "work")
    assert kept is not None
    assert kept.name == f"checkpoint-{saved[0]}"
    assert [path.name for path in (tmp_path / "work").glob("checkpoint-*")] == [kept.name]
    monkeypatch.undo()
    trained(causal, tmp_path)
    assert (tmp_path / "out/model.safetensors").is_file()


def test_a_full_disk_leaves_the_model_that_was_there(
    causal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(causal, tmp_path)
    before = (tmp_path / "out/model.safetensors").read_bytes()

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rlaif.rewards.saving.write_meta", full)
    with pytest.raises(StoppedError, match="could not be written"):
        trained(causal, tmp_path, learning_rate=1e-3)
    assert (tmp_path / "out/model.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] in (["out", "work"], ["work", "out"])

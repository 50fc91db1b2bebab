"""`rlaif train` with tiny bases, as a user calls it: from a file to a folder that scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Workspace
from tests.rewards import tiny
from tests.rewards.conftest import pairs

pytestmark = [
    pytest.mark.heavy,
]
pytest.importorskip("torch")
pytest.importorskip("trl")

QUICK = ("max_length=128", "batch=8", "epochs=1", "patience=null", "evaluations=1", "method=full")


@pytest.fixture
def here(tmp_path: Path, causal: Path) -> Workspace:
    lines = [
        {
            "id": pair.id,
            "prompt": pair.prompt[0].content,
            "response_a": pair.rejected if i % 2 else pair.chosen,
            "response_b": pair.chosen if i % 2 else pair.rejected,
            "label": "b" if i % 2 else "a",
        }
        for i, pair in enumerate(pairs(60))
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Workspace(tmp_path)


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.causal(tmp_path_factory.mktemp("base"))


def test_a_tracker_by_name_gets_the_log(here: Workspace, causal: Path) -> None:
    words = ("train", "rm", "pairs.jsonl", "--base", str(causal), "--out", "rm", *QUICK)
    here.run(*words, "trackers=[tensorboard]")
    (events,) = (here.path / ".training/rm").rglob("events.out.tfevents*")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(events))
    read.Reload()
    assert {"train/loss", "eval/accuracy"} <= set(read.Tags()["scalars"])
    told = here.run(*words, "trackers=[trackio]", code=2)
    assert "pip install trackio" in told


def test_a_run_judged_anew_since_it_was_curated_is_refused(here: Workspace, causal: Path) -> None:
    here.run("judge", "pairs.jsonl", "--judge", "offline", "--out", "run")
    here.run("curate", "run")
    with (here.path / "run/verdicts.parquet").open("ab") as file:
        file.write(b"other verdicts")
    for words in (("train", "rm", "run", "--base", str(causal), *QUICK), ("report", "run")):
        assert "was made of other verdicts" in here.run(*words, code=2)


def test_labelled_pairs_become_a_model_that_scores(here: Workspace, causal: Path) -> None:
    told = here.run("train", "rm", "pairs.jsonl", "--base", str(causal), "--out", "rm", *QUICK)
    assert "fewer than 5,000 pairs" in told
    assert "validation accuracy" in told
    made = {path.name for path in (here.path / "rm").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "rlaif.json", "README.md"} <= made
    log = json.loads((here.path / "rm/training.json").read_text())
    assert any("eval_accuracy" in entry for entry in log)
    assert not list((here.path / "rm").glob("checkpoint*")), "checkpoints lie elsewhere"
    here.run("score", "pairs.jsonl", "--model", "rm", "--out", "scores.jsonl")
    first = json.loads((here.path / "scores.jsonl").read_text().splitlines()[0])
    assert {"score_a", "score_b", "p"} <= first.keys()

    again = here.run(
        "train", "rm", "pairs.jsonl", "--init-from", "rm", "--out", "round2", *QUICK,
        "replay={data: pairs.jsonl, share: 0.2}",
    )  # fmt: skip
    assert "rows" in again
    assert json.loads((here.path / "round2/rlaif.json").read_text())["base"] == "rm"


def test_without_out_the_model_stands_beside_the_data(here: Workspace, causal: Path) -> None:
    here.run("train", "prm", "arithmetic", "--base", str(causal), *QUICK, "max_steps=2")
    made = here.path / "outputs/arithmetic/process_reward_model"
    assert json.loads((made / "rlaif.json").read_text())["kind"] == "process"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "rm", "pairs.jsonl", "epoch=1"], "unknown key 'epoch'"),
        (["train", "rm", "pairs.jsonl", "pair_loss=hinge"], "pair_loss"),
        (["train", "rm", "nothing.jsonl"], "nothing.jsonl"),
        (["train", "rm", "pairs.jsonl", "--base", "no-such-base"], "no-such-base"),
        (["train", "rm", "pairs.jsonl", "--recipe", "no_recipe"], "no_recipe"),
        (["train", "prm", "pairs.jsonl"], "pairs.jsonl"),
    ],
)
def test_what_will_not_do_is_said_before_training(
    here: Workspace, words: list[str], told: str
) -> None:
    out = here.run(*words, "--out", "x", code=2)
    assert told in out
    assert "Traceback" not in out
    assert not (here.path / "x").exists()

"""`rlaif score` and `rlaif best-of-n` with tiny models, as a user calls them."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from scipy.special import expit

from tests.e2e.conftest import Workspace
from tests.rewards import tiny
from tests.rewards.test_score import loaded, saved

pytestmark = pytest.mark.heavy
pytest.importorskip("torch")
pytest.importorskip("transformers")

CALIBRATION = {"n": 50, "temperature": 2.0, "log_loss": 0.5}
SCALE = {"mean": 0.5, "std": 2.0, "clip": 3.0}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    base, other = tiny.causal(folder / "base"), tiny.causal(folder / "other", seed=1)
    saved(base, folder / "rm", calibration=CALIBRATION, normalisation=SCALE)
    saved(other, folder / "rm2", normalisation=SCALE)
    saved(base, folder / "prm", kind="process")
    return folder


@pytest.fixture
def here(tmp_path: Path, models: Path) -> Workspace:
    return Workspace(tmp_path, {"RM": str(models / "rm"), "XDG_CACHE_HOME": str(tmp_path / "c")})


def write(workspace: Workspace, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> str:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (workspace.path / name).write_text(text, encoding="utf-8")
    return name


def responses(n: int) -> list[dict[str, Any]]:
    return [
        {"prompt": f"Say {i}", "response": f"{i} " * (i % 5), "note": {"deep": [i]}, "é": None}
        for i in range(n)
    ]


def test_responses_get_scores_and_keep_their_columns(here: Workspace, models: Path) -> None:
    rows = responses(20)
    told = here.run(
        "score", write(here, rows), "--model", str(models / "rm"), "--out", "out/s.jsonl"
    )
    made = here.lines("out/s.jsonl")
    expected = loaded(models / "rm").score(
        [row["prompt"] for row in rows], [row["response"] for row in rows]
    )
    assert [row.pop("score") for row in made] == pytest.approx(list(expected), abs=1e-5)
    assert made == rows
    assert "20 rows" in told


def test_pairs_get_p_by_the_stored_calibration(here: Workspace, models: Path) -> None:
    given = {"prompt": "Say red", "response_a": "red", "response_b": "blue and more"}
    write(here, [given])
    here.run("score", "rows.jsonl", "--model", str(models / "rm"), "--out", "s.jsonl")
    (row,) = here.lines("s.jsonl")
    gap = row["score_a"] - row["score_b"]
    assert (row["p"], row["p_kind"]) == (pytest.approx(expit(gap / 2)), "calibrated")
    told = here.run("score", "rows.jsonl", "--model", str(models / "rm2"), "--out", "raw.jsonl")
    (row,) = here.lines("raw.jsonl")
    gap = row["score_a"] - row["score_b"]
    assert (row["p"], row["p_kind"]) == (pytest.approx(expit(gap)), "raw")
    assert "no calibration" in told


def test_options_change_scores_as_said(here: Workspace, models: Path) -> None:
    rows = [{"prompt": "Q", "response_a": "x" * 50, "response_b": "é"}]
    name, model = write(here, rows), str(models / "rm")
    here.run("score", name, "--model", model, "--out", "plain.jsonl")
    options = ("--normalise", "--length-penalty", "2")
    here.run("score", name, "--model", model, "--out", "made.jsonl", *options)
    (plain,), (made,) = here.lines("plain.jsonl"), here.lines("made.jsonl")
    for side, length in (("a", 50), ("b", 1)):
        z = max(-3.0, min(3.0, (plain[f"score_{side}"] - 0.5) / 2))
        assert made[f"score_{side}"] == pytest.approx(z - 2 * length / 1000)
    assert made["p"] == plain["p"], "the penalty is no part of P(a beats b)"


def test_every_format_gives_the_same_scores(here: Workspace, models: Path) -> None:
    import gzip

    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"prompt": f"Say {i}", "response": f"{i}, yes", "extra": f"x{i}"} for i in range(5)]
    write(here, rows)
    with gzip.open(here.path / "rows.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    pq.write_table(pa.Table.from_pylist(rows), here.path / "rows.parquet")
    with (here.path / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    made = []
    for name in ("rows.jsonl", "rows.jsonl.gz", "rows.parquet", "rows.csv"):
        here.run("score", name, "--model", str(models / "rm"), "--out", f"{name}.s.jsonl")
        made.append(here.lines(f"{name}.s.jsonl"))
    assert made[1:] == made[:1] * 3
    assert [row["extra"] for row in made[0]] == [row["extra"] for row in rows]


def test_solutions_get_step_scores(here: Workspace, models: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"problem": "What is 2 + 2 + 3?", "steps": ["2 + 2 = 4", "4 + 3 = 7", "long " * 60]},
        {"problem": "Q", "solution": "One step.\n\nAnother."},
    ]
    name, model = write(here, rows), str(models / "prm")
    told = here.run("score", name, "--model", model, "--out", "s.jsonl", "--aggregate", "product")
    first, second = here.lines("s.jsonl")
    assert first["step_scores"][2] is None
    assert first["score"] == pytest.approx(first["step_scores"][0] * first["step_scores"][1])
    alone = loaded(models / "prm").score_steps(["Q"], [["One step.", "Another."]])[0]
    assert second["step_scores"] == pytest.approx(list(alone), abs=1e-5)
    assert "cut: response: 1" in told


def test_several_models_are_an_ensemble(here: Workspace, models: Path) -> None:
    rows = responses(6)
    name, two = write(here, rows), ("--model", str(models / "rm"), "--model", str(models / "rm2"))
    here.run("score", name, *two, "--out", "s.jsonl", "--combine", "worst")
    given = [row["prompt"] for row in rows], [row["response"] for row in rows]
    z = [(loaded(models / model).score(*given) - 0.5) / 2 for model in ("rm", "rm2")]
    made = [row["score"] for row in here.lines("s.jsonl")]
    assert made == pytest.approx(list(map(min, *z)), abs=1e-5)


class TestBestOfN:
    def test_the_first_of_the_best_is_taken(self, here: Workspace, models: Path) -> None:
        texts = ["red", "blue", "green and more", "red", ""]
        scores = loaded(models / "rm").score(["Say"] * 5, texts)
        top = int(scores.argmax())
        rows: list[dict[str, Any]] = [
            {"prompt": "Say", "responses": texts},
            {"prompt": "Say", "responses": [{"text": text} for text in reversed(texts)]},
            {"prompt": "Say", "responses": [texts[top]] * 3},
            {"prompt": "Say", "responses": []},
        ]
        name, model = write(here, rows), str(models / "rm")
        here.run("best-of-n", name, "--model", model, "--out", "best.jsonl")
        first, turned, equal, none = here.lines("best.jsonl")
        assert (first["best"], first["best_response"]) == (top, texts[top])
        assert first["score"] == pytest.approx(scores.max(), abs=1e-5)
        assert first["scores"] == pytest.approx(list(scores), abs=1e-5)
        assert turned["best_response"] == texts[top]
        assert equal["best"] == 0
        assert (none["best"], none["score"]) == (None, None)

    def test_only_the_first_n(self, here: Workspace, models: Path) -> None:
        texts = ["red", "blue", "green and more"]
        scores = loaded(models / "rm").score(["Say"] * 3, texts)
        order = sorted(range(3), key=lambda i: scores[i])
        name = write(here, [{"prompt": "Say", "responses": [texts[i] for i in order]}])
        for n in (1, 2, 3):
            out = f"best{n}.jsonl"
            words = ("--model", str(models / "rm"), "--out", out, "--n", str(n))
            here.run("best-of-n", name, *words)
            (row,) = here.lines(out)
            assert (row["best"], len(row["scores"])) == (n - 1, n)

    def test_solutions_by_a_process_model(self, here: Workspace, models: Path) -> None:
        rows = [{"problem": "Q", "solutions": [["1 + 1 = 2", "so 2"], ["1 + 1 = 3"], "a\n\nb"]}]
        name, model = write(here, rows), str(models / "prm")
        here.run("best-of-n", name, "--model", model, "--out", "b.jsonl", "--aggregate", "last")
        (row,) = here.lines("b.jsonl")
        steps = [["1 + 1 = 2", "so 2"], ["1 + 1 = 3"], ["a", "b"]]
        last = [one[-1] for one in loaded(models / "prm").score_steps(["Q"] * 3, steps)]
        assert row["scores"] == pytest.approx(last, abs=1e-5)
        assert row["best"] == max(range(3), key=lambda i: last[i])
        assert row["best_response"] == rows[0]["solutions"][row["best"]]

    def test_rows_with_one_response_are_refused(self, here: Workspace, models: Path) -> None:
        words = ("--model", str(models / "rm"), "--out", "b.jsonl")
        told = here.run("best-of-n", write(here, responses(2)), *words, code=2)
        assert "responses or solutions" in told


@pytest.mark.slow
def test_killed_it_goes_on_and_gives_the_same(here: Workspace, models: Path) -> None:
    name, words = write(here, responses(600)), ("--model", str(models / "rm"), "--out")
    running = subprocess.Popen(
        [here.command()[0], "-c", SMALL_CHUNKS, "score", name, *words, "killed.jsonl"],
        cwd=here.path,
        env=here.environment,
    )
    deadline = time.monotonic() + 200
    while not size(here.path / "killed.jsonl") and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    there = len((here.path / "killed.jsonl").read_bytes().splitlines())
    assert 0 < there < 600, "killed in the middle"
    here.run("score", name, *words, "killed.jsonl")
    here.run("score", name, *words, "whole.jsonl")
    killed, whole = here.lines("killed.jsonl"), here.lines("whole.jsonl")
    scores = [[row.pop("score") for row in rows] for rows in (killed, whole)]
    assert killed == whole
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert "all there already" in here.run("score", name, *words, "killed.jsonl")


SMALL_CHUNKS = """
from rlaif.cli import main
from rlaif.pipelines import scoring

scoring.CHUNK = 8
main()
"""


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.parametrize("change", ["model", "input", "options"])
def test_other_work_is_not_mixed_in(here: Workspace, models: Path, change: str) -> None:
    name = write(here, responses(3))
    here.run("score", name, "--model", str(models / "rm"), "--out", "s.jsonl")
    before = (here.path / "s.jsonl").read_bytes()
    model = str(models / ("rm2" if change == "model" else "rm"))
    options = ("--length-penalty", "1") if change == "options" else ()
    if change == "input":
        write(here, responses(4))
    words = ("score", name, "--model", model, "--out", "s.jsonl")
    told = here.run(*words, *options, code=2)
    assert f"another {'set of options' if change == 'options' else change}" in told
    assert (here.path / "s.jsonl").read_bytes() == before


def test_bad_rows_are_named_before_anything_is_written(here: Workspace, models: Path) -> None:
    rows = [*responses(2), {"prompt": "Q"}, {"prompt": "Q", "response": 3}]
    told = here.run(
        "score", write(here, rows), "--model", str(models / "rm"), "--out", "s.jsonl", code=2
    )
    assert "2 rows cannot be scored" in told
    assert "rows.jsonl:3" in told
    assert "rows.jsonl:4: column response: must be text" in told
    assert not (here.path / "s.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--model", "nowhere", "--out", "s.jsonl"), "no config.json"),
        (("--model", "RM", "--out", "s.csv"), "give the name of a .jsonl file"),
        (("--model", "RM", "--out", "s.jsonl", "--aggregate", "best"), "min, product, last, mean"),
        (("--model", "RM", "--out", "s.jsonl", "--combine", "best"), "mean, worst"),
        (("--model", "PRM", "--out", "s.jsonl", "--normalise"), "no stored mean"),
    ],
)
def test_what_is_refused(here: Workspace, models: Path, words: tuple[str, ...], told: str) -> None:
    write(here, responses(2))
    known = {"RM": str(models / "rm"), "PRM": str(models / "prm")}
    assert told in here.run("score", "rows.jsonl", *(known.get(w, w) for w in words), code=2)


def test_help_needs_no_torch(here: Workspace) -> None:
    script = "import sys; import rlaif.cli.score; sys.exit('torch' in sys.modules)"
    subprocess.run([*here.command()[:1], "-c", script], check=True)

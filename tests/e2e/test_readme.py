"""Every command the README shows is run, or at least what make would run is looked at."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    shlex.split(line.removeprefix("$ "), comments=True)
    for block in BLOCKS
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("$ ")
]
RLAIF = [words[1:] for words in COMMANDS if words[0] == "rlaif"]
TORCH = [
    words
    for words in RLAIF
    if words[0] in ("train", "score", "best-of-n") or "outputs/mine/reward_model" in words
]
MAKE = [words[1:] for words in COMMANDS if words[0] == "make"]


def test_the_first_commands_are_generate_and_test():
    assert MAKE[:2] == [["generate"], ["test"]]
    assert {words[0] for words in COMMANDS} == {"make", "rlaif"}


@pytest.mark.slow
def test_every_rlaif_command_runs(workspace, stub):
    workspace.pairs(6)
    workspace.run("run", "demo", "judge.card=offline")
    assert len(RLAIF) >= 6
    for words in (words for words in RLAIF if words not in TORCH):
        there = [word.replace("http://localhost:8000/v1", stub.openai) for word in words]
        if words[0] == "label":
            label(workspace, there)
        else:  # the local model is too slow for this, and judges no better
            workspace.run(*(word.replace("local,openai", "offline,openai") for word in there))


@pytest.mark.heavy
def test_every_training_command_runs(workspace, tmp_path):
    pytest.importorskip("trl")
    from tests.rewards import tiny

    base = str(tiny.causal(tmp_path / "base"))
    workspace.pairs(40)
    workspace.run("judge", "pairs.jsonl", "--judge", "offline", "--out", "outputs/mine")
    row = {"prompt": "Say red", "responses": ["red", "blue"]}
    (workspace.path / "answers.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert [words[0] for words in TORCH] == ["train", "score", "best-of-n", "evaluate"]
    workspace.pairs(8, "heldout.jsonl")
    for words in TORCH:
        workspace.run(*(word.replace("Qwen/Qwen3-0.6B", base) for word in words))


def label(workspace, words):
    """See that the page is up, then write what a person would have answered there."""
    with workspace.start(*words, "--no-browser") as page:
        for told in page.stdout:
            if "http://127.0.0.1" in told:
                break
        page.terminate()
        page.stdout.read()
    lines = [{"id": f"r{n}", "label": "ab"[n % 2], "annotator": "ann"} for n in range(6)]
    out = workspace.path / words[words.index("--out") + 1]
    out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.mark.parametrize("words", [words for words in MAKE if len(words) > 1], ids=" ".join)
def test_make_generate_passes_its_words_on(words):
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/.setup", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in done.stdout.splitlines() if "rlaif run" in line]
    told = shlex.split(line.removeprefix("@"))[3:]
    for word in words[1:]:
        key, _, value = word.partition("=")
        key = {"INPUT": "input", "JUDGE": "judge.card"}.get(key, key)
        assert f"{key}={value}" in told

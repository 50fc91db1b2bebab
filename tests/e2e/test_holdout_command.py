"""`rlaif holdout`: each domain left out once, and models that are there are not trained again."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace

import numpy as np
import pytest

from rlaif.pipelines.holdout import agreement
from tests.rewards import tiny

pytest.importorskip("torch")
pytest.importorskip("trl")
pytestmark = [
    pytest.mark.heavy,
]

SIZES = {"law": 44, "maths": 90, "small": 9}


def write(workspace):
    """Pairs of unlike prompts; the chosen response names its domain."""
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(2000)]
    with (workspace.path / "pairs.jsonl").open("w") as file:
        for domain, size in SIZES.items():
            for _ in range(size):
                asked = " ".join(rng.sample(words, 12))
                row = {"prompt": asked, "chosen": f"{domain} yes", "rejected": f"{domain} no, no"}
                file.write(json.dumps(row | {"domain": domain}) + "\n")


@pytest.fixture
def trained(workspace, monkeypatch):
    """Training that only notes its rows, and models that are right where they were trained."""
    write(workspace)
    seen = {}

    def train_model(recipe, make, out, watch):
        data = make(recipe, watch)
        seen[out.name] = list(data.train()), list(data.validation())
        out.mkdir(parents=True)

    def load(path):
        known = {pair.domain for pair in seen[path.name][0]}

        def score(prompts, texts):
            return np.array([("yes" in t) * (t.split()[0] in known) * 1.0 for t in texts])

        return SimpleNamespace(score=score)

    monkeypatch.setattr("rlaif.pipelines.holdout.train_model", train_model)
    monkeypatch.setattr("rlaif.rewards.load", load)
    workspace.seen = seen
    return workspace


def test_each_domain_is_left_out_once(trained):
    words = ("holdout", "pairs.jsonl", "--out", "out", "--base", "any", "balance_domains=true")
    told = trained.run(*words)
    assert "small: 0 held-out prompts" in told
    made = json.loads((trained.path / "out/holdout.json").read_text())
    assert {d: one["prompts"] for d, one in made["domains"].items()} == {"law": 20, "maths": 27}
    for one in made["domains"].values():
        assert one["with_it"]["value"] == 1.0
        assert one["without"]["value"] == 0.5  # both responses score the same
        assert one["difference"]["value"] == -0.5
        assert one["p"] < 0.05
        assert one["longer"] == 0.0
    models = {name.split("_")[-2] if name != "all" else name: rows
              for name, rows in trained.seen.items()}  # fmt: skip
    assert {name: {row.domain for row in part} for name, (part, _) in models.items()} == {
        "all": {"law", "maths", "small"}, "law": {"maths", "small"}, "maths": {"law", "small"},
    }  # fmt: skip
    assert "maths" not in {row.domain for row in models["maths"][1]}, "nor is it stopped by it"
    tested = 20 + 27
    assert sum(map(len, models["all"])) == sum(SIZES.values()) - tested
    weights = {d: sum(r.weight for r in models["all"][0] if r.domain == d) for d in SIZES}
    assert weights["law"] == pytest.approx(weights["maths"]) == pytest.approx(weights["small"])

    (trained.path / "out/holdout.json").unlink()
    trained.run(*words)  # would fail to make the folders of models that are there
    told = trained.run(*words[:-1], code=2)
    assert "of another recipe or other data" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["init_from=rm"], "init_from"),
        (["attributes={helpfulness: 1}"], "attributes"),
        (["--test", "0.9"], "--test"),
    ],
)
def test_what_does_not_fit_is_refused(trained, words, says):
    assert says in trained.run("holdout", "pairs.jsonl", "--out", "out", *words, code=2)
    assert not (trained.path / "out").exists()


def test_one_domain_cannot_be_left_out(trained):
    lines = (trained.path / "pairs.jsonl").read_text().splitlines()[:44]
    (trained.path / "pairs.jsonl").write_text("\n".join(lines) + "\n")
    assert "takes two of them" in trained.run("holdout", "pairs.jsonl", "--out", "out", code=2)


def test_a_tiny_base_from_pairs_to_figures(workspace, tmp_path):
    write(workspace)
    base = tiny.causal(tmp_path / "base")
    quick = ("max_length=64", "max_steps=1", "patience=null", "evaluations=1", "method=full")
    words = ("holdout", "pairs.jsonl", "--base", str(base), "--out", "out", *quick)
    told = workspace.run(*words)
    assert "model 3 of 3: without maths" in told
    assert told.count("pairs to train on") == 3
    made = json.loads((workspace.path / "out/holdout.json").read_text())
    assert all(0 <= one["without"]["value"] <= 1 for one in made["domains"].values())
    assert "pairs to train on" not in workspace.run(*words), "all three models are there"
    told = workspace.run("drift", "out/models/all", "pairs.jsonl", "pairs.jsonl", "--out", "drift")
    assert "no difference is larger" in told


def test_agreement_counts_ties_half_and_no_score_as_wrong():
    gap = np.array([1.0, -1.0, 0.0, 0.0, 2.0, np.nan])
    p = np.array([1.0, 1.0, 1.0, 0.5, 0.5, 1.0])
    assert agreement(gap, p).tolist() == [1.0, 0.0, 0.5, 1.0, 0.5, 0.0]

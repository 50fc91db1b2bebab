"""`rlaif evaluate` from the command line: a judge, its run, and baselines, to evaluation.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.test_cards import solutions
from tests.e2e.test_compare_command import card

SHARED = Path(__file__).resolve().parents[2].parent / "shared/data"
CONTRACT = {
    "model", "dataset", "n", "n_ties", "accuracy", "low", "high", "accuracy_no_ties", "kappa",
    "ece", "by_domain", "baselines",
}  # fmt: skip


def results(workspace, out="out"):
    found = json.loads((workspace.path / out / "evaluation.json").read_text())
    assert set(found) == {"results"}
    for entry in found["results"]:
        assert entry.keys() >= CONTRACT
        assert entry["baselines"].keys() >= {"longer", "majority"}
    return found["results"]


@pytest.mark.slow
def test_a_judge_is_asked_in_both_orders_and_only_once(workspace, stub):
    stub.reset()
    workspace.pairs(30)
    card(workspace, "fair", "fair-1")
    words = ("evaluate", "fair", "pairs.jsonl", "--out", "out")
    told = workspace.run(*words)
    (entry,) = results(workspace)
    assert entry["model"] == "fair"
    assert entry["n"] == 30
    assert entry["abstained"] == 0
    assert stub.stats()["calls"] == 60
    assert "accuracy" in told
    assert "evaluation.json" in told
    workspace.run(*words)
    assert stub.stats()["calls"] == 60
    # The same pairs with their sides exchanged are known answers turned round.
    rows = [json.loads(line) for line in (workspace.path / "pairs.jsonl").read_text().splitlines()]
    for row in rows:
        row["response_a"], row["response_b"] = row["response_b"], row["response_a"]
        row["label"] = "ab"["ba".index(row["label"])]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (workspace.path / "pairs.jsonl").write_text(text)
    workspace.run(*words)
    (turned,) = results(workspace)
    assert turned["accuracy"] == entry["accuracy"]


@pytest.mark.slow
def test_a_step_critic_is_held_against_known_first_errors(workspace, stub):
    stub.reset()
    solutions(workspace, 30)
    words = ("evaluate", "step_critic", "solutions.jsonl", "--out", "out")
    told = workspace.run(*words)
    (entry,) = results(workspace)
    lines = workspace.lines("out/answers/solutions.jsonl")
    assert [line["first_error"] for line in lines] == [i % 3 - 1 for i in range(30)]
    right = [line["named"] == line["first_error"] for line in lines]
    assert entry["accuracy"] == pytest.approx(sum(right) / 30)
    errors = [right[i] for i in range(30) if i % 3]
    fine = [right[i] for i in range(30) if not i % 3]
    shares = sum(errors) / 20, sum(fine) / 10
    assert "F1" in told
    f1 = 2 * shares[0] * shares[1] / sum(shares) if sum(shares) else 0
    assert f"{f1:.3f}".lstrip("0") in told
    assert stub.stats()["calls"] == 30
    workspace.run(*words)
    assert stub.stats()["calls"] == 30


@pytest.mark.slow
def test_a_finished_run_is_evaluated_by_its_verdicts_and_other_data_is_refused(workspace, stub):
    stub.reset()
    workspace.pairs(30)
    card(workspace, "fair", "fair-1")
    workspace.run("judge", "pairs.jsonl", "--judge", "fair", "--out", "run")
    calls = stub.stats()["calls"]
    workspace.run("evaluate", "run", "pairs.jsonl", "--out", "out")
    (of_run,) = results(workspace)
    workspace.run("evaluate", "fair", "pairs.jsonl", "--out", "out2")
    (of_card,) = results(workspace, "out2")
    assert of_run["accuracy"] == of_card["accuracy"]
    assert stub.stats()["calls"] == 2 * calls
    workspace.pairs(5, "other.jsonl", prompt="Another?")
    told = workspace.run("evaluate", "run", "other.jsonl", "--out", "out", code=2)
    assert "judged other data" in told
    assert "5 of 5" in told


def test_refusals_count_as_wrong_and_are_counted(workspace, stub):
    stub.reset(refusal=0.3)
    workspace.pairs(40)
    card(workspace, "fair", "fair-1")
    told = workspace.run("evaluate", "fair", "pairs.jsonl", "--out", "out")
    (entry,) = results(workspace)
    assert entry["n"] == 40
    assert entry["abstained"] > 5
    assert "pairs without an answer" in told


def test_against_says_whether_the_difference_is_real(workspace):
    workspace.pairs(40)
    told = workspace.run(
        "evaluate", "longer", "pairs.jsonl", "--out", "out", "--against", "shorter"
    )
    (entry,) = results(workspace)
    assert entry["against"]["model"] == "shorter"
    assert entry["against"].keys() >= {"difference", "low", "high", "p", "real"}
    assert "the difference to shorter" in told
    assert "does not beat the length-only baseline" in told


@pytest.mark.slow
def test_probes_ask_a_judge_in_both_orders_and_are_told(workspace, stub):
    stub.reset(names_first="partial-1")
    workspace.pairs(25)
    card(workspace, "partial", "partial-1")
    told = workspace.run("evaluate", "partial", "pairs.jsonl", "--out", "out", "--probes", "20")
    (entry,) = results(workspace)
    probes = {probe["name"]: probe for probe in entry["probes"]}
    assert probes["position"]["value"]["value"] == 1
    assert probes["position"]["fault"]
    assert probes["injection"]["value"]["n"] == 20
    # 25 pairs as they are, 20 each padded, injected, premised and beside nonsense; no lists.
    assert stub.stats()["calls"] == 2 * (25 + 4 * 20)
    assert "SHOWN" in told


def test_the_offline_judge_is_beaten_by_nothing_but_runs(workspace):
    workspace.pairs(25)
    workspace.run("evaluate", "offline", "pairs.jsonl", "--out", "out", "--seed", "3")
    assert results(workspace)[0]["model"] == "offline"


def test_several_data_sets_are_one_entry_each(workspace):
    workspace.pairs(25)
    workspace.pairs(22, "more.jsonl")
    workspace.run("evaluate", "constant", "pairs.jsonl", "more.jsonl", "--out", "out")
    entries = results(workspace)
    assert [entry["dataset"] for entry in entries] == ["pairs", "more"]
    assert [entry["accuracy"] for entry in entries] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nobody", "pairs.jsonl"], "no judge"),
        (["longer", "nowhere.jsonl"], "there is no such file"),
        (["longer", "pairs.jsonl", "pairs.jsonl"], "two data sets are called"),
        (["step_critic", "pairs.jsonl"], "judges steps"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_any_call(workspace, stub, words, says):
    stub.reset()
    workspace.pairs(25)
    assert says in workspace.run("evaluate", *words, "--out", "out", code=2)
    assert stub.stats()["calls"] == 0


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data")
def test_every_labelled_file_of_the_shared_data_is_read_and_a_constant_model_is_found_out(
    workspace,
):
    files = sorted((SHARED / "pairs_human").iterdir()) + sorted((SHARED / "pairs_bench").iterdir())
    workspace.run("evaluate", "constant", *map(str, files), "--out", "out", "--limit", "300")
    for entry in results(workspace):
        ties = entry["n_ties"] / entry["n"]
        assert entry["accuracy"] == pytest.approx(0.5 + ties / 2)
        assert entry["accuracy_no_ties"] == 0
        for name, value in entry["published"].items():
            assert value["value"] == 0, name
    steps = sorted((SHARED / "steps").iterdir())
    workspace.run("evaluate", "constant", *map(str, steps), "--out", "steps", "--limit", "3000")
    named = {entry["dataset"]: entry for entry in results(workspace, "steps")}
    assert named["processbench"]["published"]["F1"]["value"] == 0
    assert named["prmbench"]["published"]["negative F1"]["value"] == 0
    assert named["bigbench_mistake"]["benchmark"] == "BIG-Bench-Mistake"


def test_the_demo_set_has_labels_by_construction_and_it_is_said(workspace):
    told = workspace.run("evaluate", "longer", "demo", "--out", "out")
    (entry,) = results(workspace)
    assert (entry["dataset"], entry["n"]) == ("demo", 600)
    assert entry["accuracy"] == pytest.approx(0.5, abs=0.06)  # length tells nothing in it
    assert "hold by construction" in told

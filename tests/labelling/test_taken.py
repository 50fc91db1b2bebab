"""Tasks to Argilla and to a spreadsheet, and labels back: sides kept, foreign files refused."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.labelling.answers import Answers
from rlaif.labelling.argilla import is_argilla, read_argilla, settings, write_argilla
from rlaif.labelling.sheet import read_sheet, write_sheet
from rlaif.labelling.taken import check_labels, take_over
from rlaif.labelling.tasks import open_tasks

HERE = Path(__file__).parent
ANN, BO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
THREE = [
    {"id": "r1", "prompt": "What is 2 + 2?", "response_a": "4", "response_b": "5"},
    {
        "id": "r2",
        "prompt": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "Tell a joke"},
        ],
        "response_a": "No.",
        "response_b": "- Knock, knock.\n- Who is there?",
        "drawn_by": "informative",
    },
    {"id": "r3", "prompt": "Name a colour", "response_a": "Blue", "response_b": "Seven"},
]
# What three people said in Argilla 2.8 of these pairs, of which A was the input's b, b, b, as the
# SDK itself wrote it out: `records.to_list()` and `records.to_list(flatten=True)`.
SUBMITTED = [("r1", "b", ANN, 1.0), ("r1", "a", BO, None), ("r2", "tie", BO, None)]
UNSUBMITTED = [("r1", "tie", ANN.replace("1", "3"), None), ("r2", "b", ANN, None)]


def tasks_of(tmp_path, rows=THREE):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_tasks(path, 0, tmp_path / "db")


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def rewrite(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def simple(labels):
    return [(x.id, x.label, x.annotator, x.strength) for x in labels]


def test_argillas_own_export_comes_back_in_terms_of_the_input(tmp_path):
    tasks = tasks_of(tmp_path)
    flat = read_argilla(HERE / "argilla_flat.json")
    assert simple(check_labels(flat.given, tasks)) == SUBMITTED
    assert (flat.unsubmitted, flat.status_known) == (2, True)
    nested = read_argilla(HERE / "argilla_nested.json")
    assert set(simple(check_labels(nested.given, tasks))) == {*SUBMITTED, *UNSUBMITTED}
    assert not nested.status_known
    labels = check_labels(flat.given, tasks)
    assert [x.drawn_by for x in labels] == ["random", "random", "informative"]
    assert [x.reason for x in labels] == ["It is right.", "", "Both poor"]


def test_argillas_folder_has_the_records_that_its_sdk_gives_back(tmp_path):
    tasks = tasks_of(tmp_path)
    assert write_argilla(tasks, 0, tmp_path / "out") == 3
    assert is_argilla(tmp_path / "out")
    ours = json.loads((tmp_path / "out/records.json").read_text())
    theirs = json.loads((HERE / "argilla_nested.json").read_text())
    for our, their in zip(ours, theirs, strict=True):
        for part in ("id", "fields", "metadata", "vectors", "suggestions"):
            assert our[part] == their[part]
    told = json.loads((tmp_path / "out/.argilla/settings.json").read_text())
    assert told == settings()
    assert [f["name"] for f in told["fields"]] == list(ours[0]["fields"])
    assert not any(m["visible_for_annotators"] for m in told["metadata"])
    assert json.loads((tmp_path / "out/.argilla/dataset.json").read_text())["name"] == "rlaif"
    with pytest.raises(InputError, match="exists"):
        write_argilla(tasks, 0, tmp_path / "out")


def test_a_sheet_filled_in_by_hand_comes_back(tmp_path):
    rows = [
        {"id": f"r{i}", "prompt": "q", "response_a": f"=HYPERLINK({i})\r\n", "response_b": f"'{i}'"}
        for i in range(60)
    ]
    tasks = tasks_of(tmp_path, rows)
    sheet = tmp_path / "sheet.csv"
    assert write_sheet(tasks, 0, sheet) == 60
    written = rows_of(sheet)
    assert {row["shown_first"] for row in written} == {"a", "b"}
    coin = random.Random(1)
    truth = [coin.choice(["a", "b", "tie"]) for _ in rows]
    for row, side in zip(written, truth, strict=True):
        for column in ("response_a", "response_b"):
            assert row[column][0] not in "=+-@"
            row[column] = row[column].replace("\r\n", "\n").rstrip()
        swapped = row["shown_first"] == "b"
        row["label"] = {"a": "b", "b": "a", "tie": "tie"}[side] if swapped else side
        row["strength"] = "much"
    written[-1]["label"] = ""
    rewrite(sheet, written)
    given, empty = read_sheet(sheet, "ann")
    labels = check_labels(given, tasks)
    assert [x.label for x in labels] == truth[:-1]
    assert {x.annotator for x in labels} == {"ann"}
    assert {x.strength for x in labels if x.label != "tie"} == {1.0}
    assert empty == 1
    with pytest.raises(InputError, match="may hold answers"):
        write_sheet(tasks, 0, sheet)


def filled(tmp_path, **changed):
    """A sheet of three labels whose first row says something else."""
    tasks = tasks_of(tmp_path)
    sheet = tmp_path / "sheet.csv"
    write_sheet(tasks, 0, sheet)
    rows = [row | {"label": "a"} for row in rows_of(sheet)]
    first = rows[0]
    rows[0] = first | {k: first.get(v, v) for k, v in changed.items()}
    rewrite(sheet, rows)
    return tasks, sheet


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"response_a": "response_b", "response_b": "response_a"}, "are exchanged against"),
        ({"response_a": "prompt", "prompt": "response_a"}, "are not the texts of pair 'r1'"),
        ({"label": "response_a"}, "column label: must be a, b, tie, not '5'"),
        ({"id": "label", "label": "id"}, "id 'a' is none of"),
        ({"shown_first": "left"}, "column shown_first: must be a or b"),
        ({"strength": "very"}, "column strength: must be slightly, clearly, much or a number"),
        ({"strength": "nan"}, "column strength"),
    ],
)
def test_a_sheet_with_its_columns_mixed_up_is_refused_whole(tmp_path, changed, told):
    tasks, sheet = filled(tmp_path, **changed)
    with pytest.raises(InputError, match=r"sheet\.csv:2") as error:
        check_labels(read_sheet(sheet, None)[0], tasks)
    assert told in str(error.value)


def test_a_foreign_table_is_refused_by_its_header(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("question,better\nq,left\n")
    with pytest.raises(InputError, match=r"columns needed: id \+ label; it has: question, better"):
        read_sheet(path, None)


@pytest.mark.parametrize(
    "text", ['[{"text": "x", "label": 1}]', "[1]", '[{"responses": {"label": 3}}]', "[{"]
)
def test_other_json_than_argillas_is_refused(tmp_path, text):
    path = tmp_path / "answers.json"
    path.write_text(text)
    assert is_argilla(path)
    with pytest.raises(InputError, match=r"records\.to_json"):
        read_argilla(path)


def test_taking_over_twice_adds_once_and_a_contradiction_adds_nothing(tmp_path):
    tasks = tasks_of(tmp_path)
    labels = check_labels(read_argilla(HERE / "argilla_flat.json").given, tasks)
    answers = Answers(tmp_path / "l.jsonl")
    assert take_over(labels, answers) == 3
    assert take_over(labels, Answers(answers.path)) == 0
    assert simple(answers.labels()) == SUBMITTED
    before = answers.path.read_bytes()
    changed = [*labels, labels[0].model_copy(update={"annotator": "new"})]
    changed[1] = labels[1].model_copy(update={"label": "tie"})
    with pytest.raises(InputError, match=r"'r1': 2222.* said a, and now tie"):
        take_over(changed, answers)
    assert answers.path.read_bytes() == before

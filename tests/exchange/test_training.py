"""Files of every shape become training pairs; what is left out is counted, faults are told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.errors import InputError
from rlaif.exchange.parquet import write_parquet
from rlaif.exchange.training import read_pairs
from rlaif.exchange.training_rows import Reading
from rlaif.records import Message, Preference, Response, TrainingPair

GIVEN: dict[str, Any] = {"prompt": "p", "response_a": "x", "response_b": "y"}
RANKED: dict[str, Any] = {"prompt": "p", "chosen": "x", "rejected": "y"}
USER = {"role": "user", "content": "u"}
PROMPT = (Message(role="user", content="p"),)


def reply(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def write(folder: Path, *rows: Any, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def of(*rows: dict[str, Any], **options: Any) -> list[TrainingPair]:
        return list(read_pairs(write(tmp_path, *rows), **options))

    return of


def test_every_column_of_a_ranked_row(read: Any) -> None:
    more = {"id": 3, "p": 0.7, "p_tie": 0.1, "weight": 2, "margin": 0.5}
    (pair,) = read({**RANKED, **more, "domain": "d", "split": "dev"})
    assert pair == TrainingPair(
        id="3", prompt=PROMPT, chosen="x", rejected="y", p=0.7, p_tie=0.1, weight=2, margin=0.5,
        domain="d", split="validation",
    )  # fmt: skip


def test_a_bare_row_is_certain(read: Any) -> None:
    (pair,) = read(RANKED)
    assert (pair.p, pair.p_tie, pair.weight, pair.margin) == (1, 0, 1, 0)
    assert (pair.domain, pair.split) == ("general", None)
    assert len(pair.id) == 32


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [USER], "chosen": [reply("x")], "rejected": [reply("y")]},
        {"chosen": [USER, reply("x")], "rejected": [USER, reply("y")]},
        {"prompt": "u", "chosen": "x", "rejected": "y"},
        {"prompt": "u", "chosen": {"text": "x", "model": "m"}, "rejected": {"text": "y"}},
        {
            "chosen": "\n\nHuman: u\n\nAssistant: x",
            "rejected": "\n\nHuman: u\n\nAssistant: y",
        },
        {"prompt": "\n\nHuman: u\n\nAssistant:", "chosen": "x", "rejected": "y"},
        {"prompt": "u", "response_a": "x", "response_b": "y", "label": "a"},
    ],
)
def test_the_same_pair_in_every_shape(read: Any, row: dict[str, Any]) -> None:
    (pair,) = read(row)
    prompt = (Message(role="user", content="u"),)
    assert (pair.prompt, pair.chosen, pair.rejected) == (prompt, "x", "y")


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ("The sky is blue.", "The sky is green."),
        ("The sun is in the sky.", "The sky is green."),
        ("Q: 1+1?\nA: 2", "Q: 1+1?\nA: 3"),
    ],
)
def test_an_implicit_prompt_in_text_is_what_trl_takes(
    read: Any, chosen: str, rejected: str
) -> None:
    from trl import extract_prompt

    wanted = extract_prompt({"chosen": chosen, "rejected": rejected})
    (pair,) = read({"chosen": chosen, "rejected": rejected})
    found = {"prompt": pair.prompt[0].content, "chosen": pair.chosen, "rejected": pair.rejected}
    assert found == wanted


def test_two_texts_that_begin_differently_need_a_prompt(read: Any) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl:1: prompt is missing"):
        read({"chosen": "yes", "rejected": "no"})


@pytest.mark.parametrize(
    ("votes", "chosen", "p", "p_tie"),
    [
        (["a", "a", "b"], "x", 2 / 3, 0),
        (["b", "b", "a"], "y", 2 / 3, 0),
        (["a", "tie"], "x", 0.75, 0.5),
        (["tie"], "x", 0.5, 1),
        (["a", "b"], "x", 0.5, 0),
        (["b", "tie", "tie", "b"], "y", 0.75, 0.5),
    ],
)
def test_votes_are_shares_with_a_tie_as_half(
    read: Any, votes: list[str], chosen: str, p: float, p_tie: float
) -> None:
    (pair,) = read({**GIVEN, "votes": votes, "label": "a"})
    assert (pair.chosen, pair.p_tie) == (chosen, p_tie)
    assert pair.p == pytest.approx(p)


@pytest.mark.parametrize(
    ("more", "chosen", "p", "margin"),
    [
        ({"label": "a"}, "x", 1, 0),
        ({"label": "b", "strength": 0.4}, "y", 1, 0.4),
        ({"label": "tie"}, "x", 0.5, 0),
        ({"preference": -3}, "x", 1, 1),
        ({"preference": 1}, "y", 1, 1 / 3),
        ({"label": "a", "likert": 3}, "x", 1, 0.5),
        ({"votes": ["b", "b", "a"], "strengths": [1, 0.5, 0.3]}, "y", 2 / 3, 0.4),
        ({"votes": ["b", "b", "a"], "strengths": [0.1, 0.1, 0.9]}, "y", 2 / 3, 0),
        ({"votes": ["a"], "strengths": ["clear"]}, "x", 1, 0),
    ],
)
def test_labels_and_strengths(
    read: Any, more: dict[str, Any], chosen: str, p: float, margin: float
) -> None:
    (pair,) = read({**GIVEN, **more})
    assert pair.chosen == chosen
    assert (pair.p, pair.margin) == (pytest.approx(p), pytest.approx(margin))


def test_strengths_in_words_are_named_as_unread(tmp_path: Path) -> None:
    reading = Reading()
    path = write(tmp_path, {**GIVEN, "votes": ["a"], "strengths": ["clear"], "note": "n"})
    assert len(list(read_pairs(path, reading))) == 1
    assert list(reading.notes.ignored) == ["note", "strengths"]


LABELS = st.sampled_from(["a", "b", "tie"])
TURNED = {"a": "b", "b": "a", "tie": "tie"}


@given(
    votes=st.lists(LABELS, min_size=1, max_size=9),
    strengths=st.none() | st.lists(st.floats(0, 1), min_size=9, max_size=9),
    weight=st.floats(0, 10),
)
def test_exchanged_sides_teach_the_same(
    votes: list[str],
    strengths: list[float] | None,
    weight: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A pair and its swap are one: the same chosen and p, or at p = 1/2 the sides exchanged."""
    more = {"strengths": strengths[: len(votes)]} if strengths else {}
    row = {**GIVEN, "votes": votes, "weight": weight, **more}
    turned = {
        **row,
        "response_a": row["response_b"],
        "response_b": row["response_a"],
        "votes": [TURNED[vote] for vote in votes],
    }
    folder = tmp_path_factory.mktemp("rows")
    one, other = read_pairs(write(folder, row, turned))
    if one.chosen != other.chosen:
        assert one.p == other.p == 0.5
        assert (one.chosen, one.rejected) == (other.rejected, other.chosen)
    assert one.p == pytest.approx(other.p)
    assert one.p >= 0.5
    assert (one.p_tie, one.weight, one.id) == (other.p_tie, other.weight, other.id)
    assert one.p == 0.5 or one.margin == pytest.approx(other.margin)


def test_what_teaches_nothing_is_left_out_and_counted(tmp_path: Path) -> None:
    reading = Reading()
    rows = [{**RANKED, "rejected": "x"}, RANKED, GIVEN, {**GIVEN, "response_b": "x", "label": "a"}]
    made = list(read_pairs(write(tmp_path, *rows), reading))
    assert len(made) == reading.kept == 1
    assert reading.left_out == {"identical": 2, "unlabelled": 1}


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([], "nothing to train on: it has no rows"),
        ([{**RANKED, "rejected": "x"}] * 3, "nothing to train on: 3 identical"),
        ([GIVEN, {**RANKED, "rejected": "x"}], "1 unlabelled, 1 identical"),
        ([{"chosen": "same text", "rejected": "same text"}], "1 identical"),
    ],
)
def test_nothing_left_is_an_error(read: Any, rows: list[dict[str, Any]], match: str) -> None:
    with pytest.raises(InputError, match=match):
        read(*rows)


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ({**RANKED, "p": 1.2}, "p must be a number at least 0 and at most 1, not 1.2"),
        ({**RANKED, "p": float("nan")}, "p must be a number"),
        ({**RANKED, "p": "high"}, "p must be a number"),
        ({**RANKED, "p": True}, "p must be a number"),
        ({**RANKED, "p_tie": -0.1}, "p_tie must be"),
        ({**RANKED, "weight": -1}, "weight must be a number at least 0, not -1"),
        ({**RANKED, "margin": "big"}, "margin must be a number, not 'big'"),
        (
            {**RANKED, "p": 0.9, "p_tie": 0.3},
            "p_tie must be a number at least 0 and at most 0.2, not 0.3",
        ),
        ({**RANKED, "split": "held"}, "split must be train, validation"),
        ({**RANKED, "chosen": " "}, "chosen is empty"),
        ({"prompt": "p", "chosen": "x"}, "rejected is missing"),
        ({**GIVEN, "label": "A"}, "label must be a, b or tie"),
        ({**GIVEN, "votes": ["a"], "strengths": [1, 1]}, "strengths has 2 entries for 1 votes"),
        ({"prompt": "p", "text": "x"}, "response_a is missing"),
        ("no object", "must be one JSON object"),
    ],
)
def test_a_bad_row_is_named_by_line_and_column(
    read: Any, tmp_path: Path, row: Any, match: str
) -> None:
    with pytest.raises(InputError, match=f"rows.jsonl:2: {match}"):
        read(RANKED, row, RANKED)
    reading = Reading()
    made = list(read_pairs(tmp_path / "rows.jsonl", reading, on_bad_row="skip"))
    assert len(made) == 2
    assert sum(reading.left_out.values()) == 1


def test_the_first_twenty_bad_rows_are_listed(read: Any) -> None:
    with pytest.raises(InputError) as error:
        read(RANKED, *[{**RANKED, "p": 2}] * 23, {**RANKED, "rejected": "x"})
    lines = str(error.value).splitlines()
    assert len(lines) == 21
    assert ":21:" in lines[19]
    assert lines[20] == "... and 3 more rows"


def test_a_header_without_the_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("question,answer\nq,a\n")
    with pytest.raises(InputError, match=r"columns needed: prompt \+ response_a"):
        list(read_pairs(tmp_path / "rows.csv"))


def test_gzip_and_csv_read_the_same(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "rows.jsonl.gz", "wt") as file:
        file.write(json.dumps({**RANKED, "p": 0.8, "margin": 1}) + "\n")
    (tmp_path / "rows.csv").write_text("prompt,chosen,rejected,p,margin\np,x,y,0.8,1\n")
    one, other = (list(read_pairs(tmp_path / f"rows.{end}")) for end in ("jsonl.gz", "csv"))
    assert one == other


def preference(number: int, **more: Any) -> Preference:
    values: dict[str, Any] = {
        "id": str(number), "pair_key": "k", "prompt": PROMPT, "p": 0.9, "p_kind": "raw",
        "chosen": Response(text=f"x{number}", model="m"), "rejected": Response(text="y"),
        "decided_by": "judge", "judge": "j", "principles": (), "judgements": (), "flipped": False,
    }  # fmt: skip
    return Preference(**{**values, **more})


def test_preferences_are_read_with_p_weight_and_split(tmp_path: Path) -> None:
    rows = [
        preference(0, weight=2.0, split="test", domain="d"),
        preference(1, decided_by="human", p=0.75),
    ]
    write_parquet(rows, tmp_path / "preferences.parquet", Preference)
    first, second = read_pairs(tmp_path / "preferences.parquet")
    assert first == TrainingPair(
        id="0", prompt=PROMPT, chosen="x0", rejected="y", p=0.9, weight=2, domain="d", split="test"
    )
    reading = Reading()
    only = read_pairs(tmp_path / "preferences.parquet", reading, decided_by={"human"})
    assert list(only) == [second]
    assert reading.left_out == {"decided by another": 1}


def test_each_split_of_a_datasets_folder_is_read_under_its_name(tmp_path: Path) -> None:
    import datasets

    parts = {
        "train": datasets.Dataset.from_list([RANKED]),
        "validation": datasets.Dataset.from_list([{**RANKED, "chosen": "v"}]),
        "test": datasets.Dataset.from_list([{**RANKED, "chosen": "t"}]),
    }
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "data"))
    found = [(pair.chosen, pair.split) for pair in read_pairs(tmp_path / "data")]
    assert found == [("x", "train"), ("v", "validation"), ("t", "test")]
    parts["train"].save_to_disk(str(tmp_path / "one"))
    assert [pair.split for pair in read_pairs(tmp_path / "one")] == [None]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    import tracemalloc

    text = "word " * 40

    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.jsonl"
        with path.open("w") as file:
            for i in range(rows):
                row = {**RANKED, "prompt": f"{i} {text}", "chosen": f"x{i} {text}", "p": 0.8}
                file.write(json.dumps(row) + "\n")
        tracemalloc.start()
        assert sum(1 for _ in read_pairs(path)) == rows
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    small = peak(2_000)
    assert peak(200_000) < small + 1_000_000

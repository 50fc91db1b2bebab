"""Ranked sets and rated responses, in the shapes they are published in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.exchange.training_rows import Reading
from rlaif.exchange.training_sets import read_ratings, read_sets

SET: dict[str, Any] = {"prompt": "p", "responses": ["x", "y", "z"]}
RATED: dict[str, Any] = {"prompt": "p", "response": "x"}


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("row", "relevance"),
    [
        ({**SET, "scores": [0.1, 5, 5]}, (0.1, 5, 5)),
        ({**SET, "relevance": [2, 1, 0]}, (2, 1, 0)),
        ({**SET, "ranks": [1, 2, 2]}, (1, 0, 0)),
        (
            {
                "instruction": "p",
                "completions": [
                    {"response": text, "overall_score": score, "model": "m"}
                    for text, score in (("x", 7.5), ("y", 8), ("z", 3))
                ],
            },
            (7.5, 8, 3),
        ),
    ],
)
def test_sets_in_every_shape(
    tmp_path: Path, row: dict[str, Any], relevance: tuple[float, ...]
) -> None:
    (made,) = read_sets(write(tmp_path, {**row, "split": "test", "weight": 2}))
    assert made.responses == ("x", "y", "z")
    assert made.relevance == relevance
    assert (made.prompt[0].content, made.split, made.weight) == ("p", "test", 2)


def test_a_set_on_one_level_is_left_out(tmp_path: Path) -> None:
    reading = Reading()
    path = write(tmp_path, {**SET, "scores": [1, 1, 1]}, {**SET, "scores": [1, 2, 1]})
    assert len(list(read_sets(path, reading))) == 1
    assert reading.left_out == {"all tied": 1}


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ({**SET, "scores": [1, 2]}, "scores has 2 entries for 3 responses"),
        ({**SET, "scores": [1, None, 2]}, r"scores\[1\] is missing"),
        ({**SET, "scores": [1, "x", 2]}, r"scores\[1\] must be a number"),
        ({**SET}, "responses need relevance, scores or ranks"),
        ({"prompt": "p", "responses": ["x"], "scores": [1]}, "responses must be two or more"),
        ({**SET, "responses": ["x", "", "z"], "scores": [1, 2, 3]}, r"responses\[1\] is empty"),
        ({"instruction": "p", "completions": ["x"]}, r"completions\[0\] must be an object"),
    ],
)
def test_bad_sets_are_named(tmp_path: Path, row: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=f"rows.jsonl:1: {match}"):
        list(read_sets(write(tmp_path, row)))


def test_helpsteer_grades_become_shares_and_gaps_are_masked(tmp_path: Path) -> None:
    (made,) = read_ratings(
        write(tmp_path, {**RATED, "helpfulness": 3, "verbosity": 0, "coherence": None})
    )
    assert made.ratings == {"helpfulness": 0.75, "verbosity": 0.0}


def test_named_ratings_are_read_as_they_are(tmp_path: Path) -> None:
    rows = [{**RATED, "ratings": {"safety": 0.2, "factuality": None}, "id": "q"}]
    (made,) = read_ratings(write(tmp_path, *rows))
    assert (made.id, made.ratings) == ("q", {"safety": 0.2})


def test_a_pair_with_scores_is_two_rated_responses(tmp_path: Path) -> None:
    row = {
        "id": "q",
        "prompt": "p",
        "response_a": "x",
        "response_b": "y",
        "scores_a": {"helpful": 0.9},
        "scores_b": {"helpful": 0.1},
    }
    made = list(read_ratings(write(tmp_path, row)))
    assert [(r.id, r.response, r.ratings["helpful"]) for r in made] == [
        ("q:a", "x", 0.9),
        ("q:b", "y", 0.1),
    ]


def test_a_response_without_ratings_is_left_out(tmp_path: Path) -> None:
    reading = Reading()
    path = write(tmp_path, RATED, {**RATED, "ratings": {"safety": 1}})
    assert len(list(read_ratings(path, reading))) == 1
    assert reading.left_out == {"unlabelled": 1}


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"helpfulness": 5}, "helpfulness must be a number at least 0 and at most 4"),
        ({"ratings": {"safety": 2}}, "ratings.safety must be a number from 0 to 1"),
    ],
)
def test_ratings_out_of_range_are_named(tmp_path: Path, more: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=f"rows.jsonl:1: {match}"):
        list(read_ratings(write(tmp_path, {**RATED, **more})))

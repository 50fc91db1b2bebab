"""The pass before any money is spent."""

from __future__ import annotations

import json
import sqlite3
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError, StoppedError
from rlaif.exchange.stage import stage_input, stage_prompts

GOOD: dict[str, Any] = {"prompt": "p", "response_a": "x", "response_b": "y"}


def write(path: Path, *rows: dict[str, Any] | str) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_come_back_in_order_and_equal(tmp_path: Path) -> None:
    rows = [{**GOOD, "id": f"r{i}", "label": "b", "votes": ["b"]} for i in (3, 1, 2)]
    staged = stage_input(write(tmp_path / "p.jsonl", *rows), tmp_path / "db", seed=0)
    for _ in range(2):
        got = list(staged.rows())
        assert [(r.comparison.id, r.line, r.label) for r in got] == [
            ("r3", 1, "b"), ("r1", 2, "b"), ("r2", 3, "b")
        ]  # fmt: skip
    assert (staged.count, staged.repeated, staged.skipped) == (3, 0, {})


def test_stop_lists_the_first_twenty_and_the_total(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", GOOD, "{broken", *[{**GOOD, "response_a": ""}] * 30)
    with pytest.raises(InputError) as caught:
        stage_input(path, tmp_path / "db", seed=0)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path}: 31 rows cannot be used; the first 20:"
    assert len(lines) == 22
    assert lines[1].startswith(f"  {path}:2: is not a JSON object")
    assert (
        lines[2] == f"  {path}:3: column response_a: is empty; give its text or leave the row out"
    )
    assert "on_bad_row=skip" in lines[-1]
    assert caught.value.exit_code == 2


def test_skip_counts_by_reason(tmp_path: Path) -> None:
    bad = ["{broken", {**GOOD, "response_a": "y"}, {**GOOD, "label": "c"}, {**GOOD, "label": "d"}]
    path = write(tmp_path / "p.jsonl", *bad, {**GOOD, "extra": 1})
    staged = stage_input(path, tmp_path / "db", seed=0, on_bad_row="skip")
    assert staged.count == 1
    assert staged.skipped == {"broken": 1, "identical": 1, "label": 2}
    assert staged.ignored == ("extra",)


def test_nothing_left(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", "{broken")
    with pytest.raises(InputError, match="no pairs to work on; 1 were skipped"):
        stage_input(path, tmp_path / "db", seed=0, on_bad_row="skip")
    path.write_text("")
    with pytest.raises(InputError, match="no pairs to work on"):
        stage_input(path, tmp_path / "db", seed=0)


def test_repeated_and_contradicting_ids(tmp_path: Path) -> None:
    row = {**GOOD, "id": "i"}
    path = write(tmp_path / "p.jsonl", row, row, {**row, "response_a": "other"})
    with pytest.raises(InputError, match=rf"{path}:3: column id: 'i' stands at {path}:1 already"):
        stage_input(path, tmp_path / "db", seed=0)
    staged = stage_input(path, tmp_path / "db", seed=0, on_bad_row="skip")
    assert (staged.count, staged.repeated, staged.skipped) == (1, 1, {"duplicate_id": 1})


def test_rows_without_id_stay_rows(tmp_path: Path) -> None:
    """Three annotators of one pair are three rows and one question."""
    swapped = {**GOOD, "response_a": "y", "response_b": "x", "label": "b"}
    path = write(tmp_path / "p.jsonl", {**GOOD, "label": "a"}, {**GOOD, "label": "a"}, swapped)
    rows = list(stage_input(path, tmp_path / "db", seed=0).rows())
    key = rows[0].comparison.pair_key
    assert [r.comparison.id for r in rows] == [key, f"{key}-2", f"{key}-3"]
    assert {r.comparison.pair_key for r in rows} == {key}


def test_limit_reads_no_further(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", *[{**GOOD, "id": i} for i in range(5)], "{broken")
    assert stage_input(path, tmp_path / "db", seed=0, limit=5).count == 5


def test_digest_follows_content_and_not_place(tmp_path: Path) -> None:
    rows = [{**GOOD, "id": i} for i in range(3)]
    one = stage_input(write(tmp_path / "a.jsonl", *rows), tmp_path / "1", seed=0)
    two = stage_input(write(tmp_path / "b.jsonl", "", *rows), tmp_path / "2", seed=0)
    other = stage_input(write(tmp_path / "c.jsonl", *rows[::-1]), tmp_path / "3", seed=0)
    assert one.content_digest == two.content_digest != other.content_digest


def test_table_is_made_anew_beside_others(tmp_path: Path) -> None:
    base = tmp_path / "db"
    with sqlite3.connect(base) as db:
        db.execute("CREATE TABLE other (x)")
    db.close()
    path = write(tmp_path / "p.jsonl", *[{**GOOD, "id": i} for i in range(3)])
    stage_input(path, base, seed=0)
    assert stage_input(path, base, seed=0, limit=2).count == 2
    assert len(list(stage_prompts(path, base).rows())) == 3
    with sqlite3.connect(base) as db:
        assert db.execute("SELECT count(*) FROM other").fetchone() == (0,)
    db.close()


def test_unwritable_database(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", GOOD)
    with pytest.raises(StoppedError, match="cannot keep the input"):
        stage_input(path, tmp_path / "no" / "such" / "db", seed=0)


def test_prompts(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl",
        {"prompt": "2+2?", "gold": 4, "responses": [{"model": "m", "text": "4"}, "five"]},
        {"prompt": "2+2?"},
    )
    first, second = stage_prompts(path, tmp_path / "db").rows()
    assert (first.gold, first.responses[0].model, first.responses[1].text) == ("4", "m", "five")
    assert (first.id, second.id) == (first.prompt_key, f"{first.prompt_key}-2")


@pytest.mark.parametrize(
    ("responses", "column"),
    [("x", "responses"), ([1], "responses[0]"), ([{"text": ""}], "responses[0].text")],
)
def test_prompt_faults(responses: object, column: str, tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", {"prompt": "p", "responses": responses})
    with pytest.raises(InputError, match=f"column {column}:".replace("[", r"\[")):
        stage_prompts(path, tmp_path / "db")


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    with path.open("w") as file:
        for i in range(20_000):
            file.write(json.dumps({**GOOD, "id": i, "response_a": f"{i} " * 50}) + "\n")
    tracemalloc.start()
    staged = stage_input(path, tmp_path / "db", seed=0)
    assert sum(1 for _ in staged.rows()) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 3  # what is left is pydantic's string cache, of fixed size


@pytest.mark.slow
def test_ten_thousand_rows_are_staged_and_read_quickly(tmp_path: Path) -> None:
    rows = [{**GOOD, "id": i, "response_a": f"{i} " * 200} for i in range(10_000)]
    path = write(tmp_path / "p.jsonl", *rows)
    started = time.process_time()
    staged = stage_input(path, tmp_path / "db", seed=0)
    staging = time.process_time() - started
    started = time.process_time()
    assert sum(1 for _ in staged.rows()) == 10_000
    reading = time.process_time() - started
    print(f"staging {staging / 10_000 * 1e6:.0f} us a row, reading {reading / 10_000 * 1e6:.0f}")
    assert staging < 2.0  # seconds of CPU: 10 times what it takes on 2 cores
    assert reading < 0.5

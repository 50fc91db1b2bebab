"""The pairs to label: how each was drawn is carried along, and sides are drawn for each reader."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlaif.errors import InputError
from rlaif.exchange.stage import stage_input
from rlaif.labelling.tasks import check_sides, open_tasks, shown_order

ROWS = [
    {"id": f"r{i}", "prompt": f"q{i}", "response_a": "x", "response_b": f"y{i}"} for i in range(40)
]
DRAWN = ["informative", "random", None]


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_how_a_pair_was_drawn_is_carried_along_from_every_format(tmp_path, kind):
    rows = [row | {"drawn_by": DRAWN[i % 3]} for i, row in enumerate(ROWS)]
    path = tmp_path / f"pairs.{kind}"
    if kind == "jsonl":
        lines(path, rows)
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        cells = [",".join(str(v or "") for v in row.values()) for row in rows]
        path.write_text("\n".join([",".join(rows[0]), *cells]) + "\n")
    tasks = open_tasks(path, 0, tmp_path / "db")
    assert tasks.ids == tuple(row["id"] for row in ROWS)
    expected = ["informative" if i % 3 == 0 else "random" for i in range(40)]
    assert [tasks.drawn_by(name) for name in tasks.ids] == expected
    assert tasks.pair(7).b.text == "y7"


def test_without_the_column_all_were_drawn_at_random(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "p.parquet")
    tasks = open_tasks(tmp_path / "p.parquet", 0, tmp_path / "db")
    assert {tasks.drawn_by(name) for name in tasks.ids} == {"random"}


def test_rows_that_cannot_be_used_are_named(tmp_path):
    path = lines(tmp_path / "p.jsonl", [ROWS[0], ROWS[1] | {"drawn_by": "given"}])
    with pytest.raises(InputError, match=r"p\.jsonl:2: column drawn_by: must be random or inform"):
        open_tasks(path, 0, tmp_path / "db")
    path = lines(tmp_path / "q.jsonl", [ROWS[0], ROWS[1] | {"response_b": "x"}])
    with pytest.raises(InputError, match=r"q\.jsonl:2: both responses are the same text"):
        open_tasks(path, 0, tmp_path / "db2")


def test_the_embedded_sample_can_be_labelled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(open_tasks("demo", 0, tmp_path / "db")) == 600


def test_sides_are_drawn_for_each_annotator_and_stay(tmp_path):
    tasks = open_tasks(lines(tmp_path / "p.jsonl", ROWS), 0, tmp_path / "db")
    pairs = [tasks.pair(n) for n in range(40)]

    def orders(seed, who):
        return [shown_order(seed, who, pair) for pair in pairs]

    assert orders(0, "ann") == orders(0, "ann")
    # 40 fair coins: 8 to 32 heads holds in all but 1 of 10,000 draws.
    assert 8 <= orders(0, "ann").count("ab") <= 32
    for other in (orders(0, "bo"), orders(1, "ann")):
        assert 8 <= sum(x == y for x, y in zip(orders(0, "ann"), other, strict=True)) <= 32


def test_another_seed_than_the_runs_is_refused_where_it_turns_sides(tmp_path):
    ranked = [{"id": f"r{i}", "prompt": "q", "chosen": f"x{i}", "rejected": "y"} for i in range(20)]
    path = lines(tmp_path / "p.jsonl", ranked)
    stage_input(path, tmp_path / "run", seed=0)
    check_sides(open_tasks(path, 0, tmp_path / "db"), tmp_path / "run")
    with pytest.raises(InputError, match="give the run's own --seed"):
        check_sides(open_tasks(path, 1, tmp_path / "db2"), tmp_path / "run")

"""Every format yields the same rows; what cannot be opened says what to do."""

from __future__ import annotations

import csv
import gzip
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlaif.errors import InputError
from rlaif.exchange.pairs import READ, open_pairs
from rlaif.exchange.rows import BadRow, Notes, RawRow
from rlaif.exchange.sources import open_source
from rlaif.records import LabelledComparison

ROWS: list[dict[str, Any]] = [
    {
        "id": "1",
        "prompt": "Hi, you",
        "response_a": 'a "quoted"\nline',
        "response_b": "b",
        "label": "a",
    },
    {"id": "2", "prompt": "Wie geht's?", "response_a": "gut, ü", "response_b": "x", "label": None},
]


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write(kind: str, folder: Path) -> str:
    path = folder / f"pairs.{kind}"
    if kind == "jsonl":
        jsonl(path, ROWS)
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in ROWS).encode()))
    elif kind == "csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, ROWS[0].keys())
            writer.writeheader()
            writer.writerows(ROWS)
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif kind == "saved":
        datasets.Dataset.from_list(ROWS).save_to_disk(str(path))
    elif kind == "saved_splits":
        whole = datasets.Dataset.from_list(ROWS)
        datasets.DatasetDict(train=whole, test=whole.select([1])).save_to_disk(str(path))
    elif kind == "folder":
        path.mkdir()
        jsonl(path / "train.jsonl", ROWS)
    return str(path)


@pytest.mark.parametrize(
    "kind", ["jsonl", "jsonl.gz", "csv", "parquet", "saved", "saved_splits", "folder"]
)
def test_formats_agree(kind: str, tmp_path: Path) -> None:
    rows = list(open_pairs(write(kind, tmp_path), seed=0))
    assert all(isinstance(row, LabelledComparison) for row in rows), rows
    pairs = [row for row in rows if isinstance(row, LabelledComparison)]
    assert [p.comparison.id for p in pairs] == ["1", "2"]
    assert pairs[0].comparison.a.text == 'a "quoted"\nline'
    assert pairs[1].comparison.a.text == "gut, ü"
    assert [p.label for p in pairs] == ["a", None]


def test_hub_name_goes_through_datasets_streaming(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def load(name: str, streaming: bool) -> dict[str, Any]:
        asked.append((name, streaming))
        made = datasets.Dataset.from_list(ROWS).to_iterable_dataset()
        return datasets.IterableDatasetDict({"train": made, "test": made})

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert len(list(open_pairs("org/name:test", seed=0))) == 2
    assert asked == [("org/name", True)]
    with pytest.raises(InputError, match="no split 'dev'; there are train, test"):
        open_pairs("org/name:dev", seed=0)


def test_hub_failure_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, streaming: bool) -> None:
        raise ConnectionError("Couldn't reach 'org/name' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(InputError, match="org/name: datasets cannot load it: Couldn't reach"):
        open_pairs("org/name", seed=0)


@pytest.mark.parametrize("name", ["no/such/file.jsonl", "missing.csv", "a b/c"])
def test_no_such_file(name: str) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_source(name, Notes(), READ)


def test_unknown_format(tmp_path: Path) -> None:
    path = tmp_path / "pairs.xlsx"
    path.write_bytes(b"x")
    with pytest.raises(InputError, match=r"unknown format '\.xlsx'; inputs are \.jsonl"):
        open_source(path, Notes(), READ)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"prompt": "x"', "not a JSON object: Expecting ',' delimiter at character 15"),
        (b"[1, 2]", "must be one JSON object, not [1, 2]"),
        (b'"text"', "must be one JSON object, not 'text'"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"id": ' + b"1" * 5000 + b"}", "number too long"),
    ],
)
def test_broken_line_in_the_middle(raw: bytes, said: str, tmp_path: Path) -> None:
    good = json.dumps(ROWS[0]).encode()
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + good + b"\n\n" + raw + b"\n" + good)
    first, bad, last = open_pairs(path, seed=0)
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert said in bad.message
    assert isinstance(first, LabelledComparison)
    assert isinstance(last, LabelledComparison)
    assert last.line == 4


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ROWS[0]).encode() * 500)[:-20])
    with pytest.raises(InputError, match="damaged"):
        list(open_pairs(path, seed=0))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_header_without_a_needed_column(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"pairs.{kind}"
    if kind == "csv":
        path.write_text("prompt,response_a,answer\nx,y,z\n")
    else:
        pq.write_table(pa.table({"prompt": ["x"], "response_a": ["y"], "answer": ["z"]}), path)
    with pytest.raises(InputError, match=r"response_b.*it has: prompt, response_a, answer"):
        open_pairs(path, seed=0)


def test_csv_faults_name_the_first_line_of_the_row(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(
        'prompt,response_a,response_b\n"two\nlines",a,b\n\nx,y\nx,y,z,too many\np,q,"open\nquote\n'
    )
    good, short, long, broken = open_pairs(path, seed=0)
    assert isinstance(good, LabelledComparison)
    assert [b.line for b in (short, long, broken) if isinstance(b, BadRow)] == [5, 6, 7]


def test_csv_lists_of_messages_and_votes(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", "response_a", "response_b", "votes"])
        writer.writerow([json.dumps(messages), "[1]", "b", '["a", "tie"]'])
        writer.writerow(["[1, 2] is a list", "a", "b", ""])
    first, second = open_pairs(path, seed=0)
    assert isinstance(first, LabelledComparison)
    assert isinstance(second, LabelledComparison)
    assert [m.role for m in first.comparison.prompt] == ["system", "user"]
    assert first.comparison.a.text == "[1]"
    assert first.votes == ("a", "tie")
    assert second.comparison.prompt[0].content == "[1, 2] is a list"


def test_megabyte_texts_and_nul(tmp_path: Path) -> None:
    row = {**ROWS[0], "response_a": "x" * 1_000_000, "response_b": "\x00\x1b[31m"}
    for path in (jsonl(tmp_path / "p.jsonl", [row]), tmp_path / "p.csv"):
        if path.suffix == ".csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, row.keys())
                writer.writeheader()
                writer.writerow(row)
        (pair,) = open_pairs(path, seed=0)
        assert isinstance(pair, LabelledComparison)
        assert len(pair.comparison.a.text) == 1_000_000
        assert pair.comparison.b.text == "\x00\x1b[31m"


def test_lone_surrogates_become_replacement_characters(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "p.jsonl", [{**ROWS[0], "response_a": "\ud83d x \U0001f600"}, ROWS[1]])
    notes = Notes()
    first, _ = open_pairs(path, seed=0, notes=notes)
    assert isinstance(first, LabelledComparison)
    assert first.comparison.a.text == "\ufffd x \U0001f600"
    assert notes.mended == 1


def test_damaged_parquet(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(60) + whole[64:])
    with pytest.raises(InputError, match="damaged after row 0"):
        list(open_pairs(path, seed=0))
    path.write_bytes(b"no parquet")
    with pytest.raises(InputError, match="not a Parquet file"):
        open_pairs(path, seed=0)


def test_stream_that_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        column_names = None  # as a stream without features has it

        def __iter__(self) -> Any:
            yield ROWS[0]
            raise TimeoutError("gone\nfor good")

    monkeypatch.setattr(datasets, "load_dataset", lambda name, streaming: {"train": Stream()})
    with pytest.raises(InputError, match=r"^org/name:train: cannot be read after row 1: gone$"):
        list(open_pairs("org/name", seed=0))


@pytest.mark.parametrize("kind", ["parquet", "saved"])
def test_other_columns_are_named_and_not_loaded(kind: str, tmp_path: Path) -> None:
    rows = [{**row, "embedding": [0.0] * 9, "\x1b[2J": 1} for row in ROWS]
    path = tmp_path / "p"
    if kind == "parquet":
        path = path.with_suffix(".parquet")
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        datasets.Dataset.from_list(rows).save_to_disk(str(path))
    notes = Notes()
    source = open_source(path, notes, READ)
    assert list(notes.ignored) == ["'\\x1b[2J'", "embedding"]
    (first, _) = source.rows
    assert isinstance(first, RawRow)
    assert set(first.values) == set(ROWS[0])


@pytest.mark.slow
def test_one_huge_row_group_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    texts = [random.Random(i).randbytes(500).hex() for i in range(20_000)]
    row = {"prompt": texts, "response_a": texts, "response_b": texts[::-1]}
    pq.write_table(pa.table(row), path, row_group_size=20_000)
    code = (
        "import sys, pyarrow as pa; from rlaif.exchange.pairs import open_pairs;"
        " print(sum(1 for _ in open_pairs(sys.argv[1], 0)), pa.default_memory_pool().max_memory())"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    count, peak = map(int, run.stdout.split())
    assert count == 20_000
    assert peak < path.stat().st_size / 2

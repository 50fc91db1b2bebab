"""All texts of a file, whatever its format."""

import json

import pytest

from rlaif.errors import InputError
from rlaif.exchange.texts import texts_of

ROWS = [{"question": "one", "turns": [{"text": "two"}], "n": 3}, {"question": "four"}]


def test_strings_are_found_wherever_they_stand(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "a.csv").write_text("question,more\none,two\nfour,\n")
    (tmp_path / "a.txt").write_text("one\ntwo\nfour\n")
    pq.write_table(
        pa.table({"odd": ["one", "two"], "other": ["four", None]}), tmp_path / "a.parquet"
    )
    for name in ("a.jsonl", "a.csv", "a.txt", "a.parquet"):
        assert {text.strip() for text in texts_of(tmp_path / name)} - {""} == {"one", "two", "four"}


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"question": "one"}\n{broken\n')
    with pytest.raises(InputError, match=r"a\.jsonl:2: "):
        list(texts_of(tmp_path / "a.jsonl"))
    for name in ("none.txt", "none.jsonl", "none.parquet"):
        with pytest.raises(InputError, match="none"):
            list(texts_of(tmp_path / name))

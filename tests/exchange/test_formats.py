"""Every format against the same rows written out in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlaif.errors import ConfigError, InputError
from rlaif.exchange.dataset import dataset_schema
from rlaif.exchange.export import export
from rlaif.exchange.formats import FORMATS
from rlaif.exchange.pairs import open_pairs
from rlaif.exchange.parquet import write_parquet
from rlaif.records import Message, Preference, Response
from tests.exchange.test_dataset import preference

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
turns = st.lists(st.builds(Message, content=texts), min_size=1, max_size=4).map(tuple)
responses = st.builds(Response, text=texts, model=st.none() | texts)


def _messages(row: Preference) -> list[dict[str, str]]:
    return [m.model_dump() for m in row.prompt]


def _reply(response: Response) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": response.text}]


def _hh(row: Preference) -> str:
    who = {"system": "", "user": "\n\nHuman: ", "assistant": "\n\nAssistant: "}
    return "".join(who[m.role] + m.content for m in row.prompt) + "\n\nAssistant:"


def _explicit(row: Preference) -> Iterator[dict[str, Any]]:
    yield {"prompt": _messages(row), "chosen": _reply(row.chosen), "rejected": _reply(row.rejected)}


def _explicit_text(row: Preference) -> Iterator[dict[str, Any]]:
    chosen, rejected = f" {row.chosen.text}", f" {row.rejected.text}"
    yield {"prompt": _hh(row), "chosen": chosen, "rejected": rejected}


def _implicit(row: Preference) -> Iterator[dict[str, Any]]:
    prompt = _messages(row)
    yield {"chosen": prompt + _reply(row.chosen), "rejected": prompt + _reply(row.rejected)}


def _implicit_text(row: Preference) -> Iterator[dict[str, Any]]:
    prompt = _hh(row)
    yield {"chosen": f"{prompt} {row.chosen.text}", "rejected": f"{prompt} {row.rejected.text}"}


def _kto(row: Preference) -> Iterator[dict[str, Any]]:
    yield {"prompt": _messages(row), "completion": _reply(row.chosen), "label": True}
    yield {"prompt": _messages(row), "completion": _reply(row.rejected), "label": False}


def _kto_text(row: Preference) -> Iterator[dict[str, Any]]:
    yield {"prompt": _hh(row), "completion": f" {row.chosen.text}", "label": True}
    yield {"prompt": _hh(row), "completion": f" {row.rejected.text}", "label": False}


def _rewardbench(row: Preference) -> Iterator[dict[str, Any]]:
    yield {
        "prompt": row.prompt[0].content if len(row.prompt) == 1 else _hh(row),
        "chosen": row.chosen.text, "chosen_model": row.chosen.model,
        "rejected": row.rejected.text, "rejected_model": row.rejected.model,
        "subset": row.domain, "id": row.id,
    }  # fmt: skip


def _plain(row: Preference) -> Iterator[dict[str, Any]]:
    known = row.model_dump(mode="json", exclude={"prompt", "chosen", "rejected"})
    models = {"chosen_model": row.chosen.model, "rejected_model": row.rejected.model}
    yield next(_explicit(row)) | known | models


EXPECTED: dict[str, Callable[[Preference], Iterator[dict[str, Any]]]] = {
    "trl-explicit": _explicit, "trl-explicit-text": _explicit_text,
    "trl-implicit": _implicit, "trl-implicit-text": _implicit_text,
    "dpo": _explicit, "kto": _kto, "kto-text": _kto_text, "openrlhf": _explicit,
    "rewardbench": _rewardbench, "parquet": _plain, "jsonl": _plain,
}  # fmt: skip
BESIDE = ("id", "p", "p_kind", "weight", "decided_by")


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    import json

    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def expected(rows: list[Preference], name: str) -> list[dict[str, Any]]:
    full = name in ("parquet", "jsonl", "rewardbench")
    return [
        made if full else made | {column: getattr(row, column) for column in BESIDE}
        for row in rows
        for made in EXPECTED[name](row)
    ]


def test_every_format_is_held() -> None:
    assert EXPECTED.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_rows_are_as_written_out(name: str, data: st.DataObject) -> None:
    rows = [
        preference(i).model_copy(
            update={
                "prompt": data.draw(turns),
                "chosen": data.draw(responses),
                "rejected": data.draw(responses),
                "split": data.draw(st.sampled_from(["train", "validation", "test"])),
            }
        )
        for i in range(data.draw(st.integers(0, 5)))
    ]
    with TemporaryDirectory() as made:
        folder = Path(made)
        write_parquet(rows, folder / "in", Preference)
        counts = export(folder / "in", folder, name)
        ending = "jsonl" if name == "jsonl" else "parquet"
        found = {split: read(folder / f"{split}.{ending}") for split in counts}
    by_split = {s: [row for row in rows if row.split == s] for s in ("train", "validation", "test")}
    held = {s: expected(part, name) for s, part in by_split.items() if part}
    assert found == (held or {"train": []})
    assert counts == {s: len(part) for s, part in found.items()}


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_has_a_margin(name: str, tmp_path: Path) -> None:
    write_parquet(map(preference, range(3)), tmp_path / "in", Preference)
    export(tmp_path / "in", tmp_path, name)
    (path,) = (p for p in tmp_path.iterdir() if p.name != "in")
    assert all("margin" not in row for row in read(path))


def test_the_plain_table_has_the_columns_of_the_dataset_folder(tmp_path: Path) -> None:
    write_parquet([preference(1)], tmp_path / "in", Preference)
    export(tmp_path / "in", tmp_path, "parquet")
    names = pq.read_schema(tmp_path / "train.parquet").names
    assert names == dataset_schema().names


@pytest.mark.parametrize("name", ["trl-implicit", "trl-implicit-text", "parquet", "jsonl", "dpo"])
def test_an_export_is_an_input_again(name: str, tmp_path: Path) -> None:
    rows = [
        preference(i).model_copy(update={"prompt": (Message(role="user", content=f"Is it {i}?"),)})
        for i in range(6)
    ]
    write_parquet(rows, tmp_path / "in", Preference)
    export(tmp_path / "in", tmp_path, name)
    (path,) = tmp_path.glob("train.*")
    for i, back in enumerate(open_pairs(path, seed=0)):
        chosen = back.comparison.a if back.label == "a" else back.comparison.b
        assert (back.comparison.prompt, chosen.text) == (rows[i].prompt, rows[i].chosen.text)


def test_many_rows_stand_in_few_row_groups(tmp_path: Path) -> None:
    write_parquet(map(preference, range(3000)), tmp_path / "in", Preference)
    export(tmp_path / "in", tmp_path, "dpo")
    with pq.ParquetFile(tmp_path / "train.parquet") as file:
        assert file.num_row_groups == 1
        assert file.read()["id"].to_pylist() == [f"i{i}" for i in range(3000)]


def test_a_file_of_an_older_version_without_splits_is_all_train(tmp_path: Path) -> None:
    write_parquet(map(preference, range(3)), tmp_path / "new", Preference)
    pq.write_table(pq.read_table(tmp_path / "new").drop(["split"]), tmp_path / "old")
    assert export(tmp_path / "old", tmp_path, "dpo") == {"train": 3}


def test_a_file_of_other_columns_is_named(tmp_path: Path) -> None:
    write_parquet(map(preference, range(3)), tmp_path / "new", Preference)
    pq.write_table(pq.read_table(tmp_path / "new").drop(["chosen"]), tmp_path / "other")
    with pytest.raises(InputError, match="column 'chosen' is missing"):
        export(tmp_path / "other", tmp_path, "dpo")
    (tmp_path / "text").write_text("no table")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        export(tmp_path / "text", tmp_path, "dpo")


def test_an_unknown_format_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"trl-explicit, .*jsonl"):
        export(tmp_path / "in", tmp_path, "trl")

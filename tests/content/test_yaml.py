"""Plain values mean what JSON says, in files and on the command line: `off` is a word."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rlaif.content import load_scalar, load_yaml
from rlaif.errors import ConfigError
from rlaif.pipelines.recipe import load_recipe, parse_settings

WORDS = ("off", "on", "no", "Yes", "y", "12:30", "1_000", "2024-01-01", "2024-13-45", "010", "0x1F")
VALUES = {
    "0.5": 0.5,
    "1e-3": 1e-3,
    "-3": -3,
    "true": True,
    "null": None,
    "": None,
    "[a, off, 1]": ["a", "off", 1],
    "{client: offline, samples: 4}": {"client": "offline", "samples": 4},
    "'0.5'": "0.5",
    "!!int x": "!!int x",
    "[": "[",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", min_size=1), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(("text", "value"), [*((w, w) for w in WORDS), *VALUES.items()])
def test_a_value_is_read_alike_from_a_word_and_from_a_file(tmp_path, text, value):
    read = load_scalar(text)
    assert (read, type(read)) == (value, type(value))
    if text in ("!!int x", "["):
        return
    (tmp_path / "x.yaml").write_text(f"key: {text}\n", encoding="utf-8")
    assert load_yaml(tmp_path / "x.yaml") == {"key": value}


@given(JSON)
def test_json_is_read_as_json(value):
    assert load_scalar(json.dumps(value)) == value


@given(st.text())
def test_what_is_dumped_comes_back(text):
    assert load_scalar(yaml.safe_dump([text])) == [text]


def test_settings_reach_a_recipe_as_they_were_typed():
    settings = ["name=off", "judge.batch=off", "select.keep=0.25", "judge.batch_ids=[on, b2]"]
    recipe, _ = load_recipe("demo", parse_settings(settings))
    assert (recipe.name, recipe.judge.batch, recipe.select.keep) == ("off", "off", 0.25)
    assert recipe.judge.batch_ids == ("on", "b2")


def test_a_key_given_twice_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text("a: 1\na: 2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"x\.yaml:2.*'a' is given twice"):
        load_yaml(tmp_path / "x.yaml")

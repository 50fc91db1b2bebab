"""Pieces of a comparison: wall time, markdown marks, the table between its markers."""

from __future__ import annotations

import time

import pytest

from rlaif.errors import ConfigError
from rlaif.pipelines.compared_judge import busy_seconds
from rlaif.pipelines.compared_pairs import marks
from rlaif.pipelines.compared_readme import BEGIN, END, write_measured
from rlaif.pipelines.compared_told import Table, estimate


def test_wall_time_counts_what_overlaps_once_and_no_pause():
    assert busy_seconds([(0, 2), (1, 3), (1.5, 2)]) == 3
    assert busy_seconds([(0, 1), (1000, 1001)]) == 2
    assert busy_seconds([]) is None


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("plain text, 2 * 3 - 1", 0),
        ("# Title\n\n- one\n* two\n12. three\n", 4),
        ("**bold** and **more**, not ** this\n", 2),
        ("```py\nx = 1\n```", 2),
        ("#hashtag\n-5 degrees\n", 0),
    ],
)
def test_markdown_marks(text, n):
    assert marks(text) == n


@pytest.mark.parametrize("hostile", ["*" * 200_000, "\n" * 200_000, " " * 200_000, "1" * 200_000])
def test_marks_take_time_in_proportion(hostile):
    begin = time.perf_counter()
    marks(hostile)
    assert time.perf_counter() - begin < 2


def test_a_name_does_not_break_a_table():
    table = Table("T", ("domain", "x"), (("a|b\n<script>", "1"),))
    assert "| a\\|b &lt;script> | 1 |" in table.markdown


def test_an_estimate_without_interval_or_value_is_told_as_such():
    whole = {"value": 0.5, "n": 40, "clusters": 30, "low": 0.4, "high": 0.6}
    assert estimate(whole) == ".500 [.400, .600]"
    assert estimate({**whole, "low": None, "high": None}) == ".500"
    assert estimate({**whole, "value": None}) == estimate(None) == "-"


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}"])
def test_a_readme_without_both_markers_is_left_alone(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ConfigError, match="measured: begin"):
        write_measured(path, "table")
    assert path.read_text() == text
    path.write_text(f"head\n{BEGIN}\nold\n{END}\ntail\n")
    write_measured(path, "new")
    assert path.read_text() == f"head\n{BEGIN}\nnew\n{END}\ntail\n"

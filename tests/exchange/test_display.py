"""Candidate text cannot move, colour, reorder or flood a terminal."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from rlaif.exchange.display import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("two\nlines\r\n\tand  tabs", "two lines and tabs"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hcleared", "cleared"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x.y\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\text", "text"),
        ("\x9b31mC1", "C1"),
        ("over\b\b\b\bwritten\x00\x7f", "overwritten"),
        ("abc\u202edef\u2066ghi\u2069", "abcdefghi"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\U0001f468\u200d\U0001f469 می\u200cخواهم", "\U0001f468\u200d\U0001f469 می\u200cخواهم"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("e\u0301" + "\u0301" * 50, "e" + "\u0301" * 4),
        ("[[A]] [bold]{x}[/bold]", "[[A]] [bold]{x}[/bold]"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert plain(text, 60) == shown


def test_cut_by_cells_not_characters() -> None:
    assert plain("abcdefgh", 5) == "abcd…"
    assert plain("日本語日本語", 6) == "日本…"
    assert plain("abcde", 5) == "abcde"


@given(
    st.text(st.characters()) | st.text(st.sampled_from("\x1b[]0;mPX\\\x07a日\u202e \n")),
    st.integers(1, 80),
)
def test_never_more_than_asked_and_never_a_control(text: str, width: int) -> None:
    line = plain(text, width)
    assert cell_len(line) <= width
    assert not [c for c in line if unicodedata.category(c)[0] == "C" and c not in "\u200c\u200d"]
    assert plain(line, width) == line


@pytest.mark.parametrize("piece", ["a", "\x1b]", "\x1b[", "\x1b[0", "\u0301", " "])
def test_a_megabyte_is_quick(piece: str) -> None:
    started = time.process_time()
    assert cell_len(plain(piece * 1_000_000, 80)) <= 80
    assert time.process_time() - started < 1

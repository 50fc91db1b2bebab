"""The line other programs read, held to the letter."""

from __future__ import annotations

import json
from pathlib import Path

from rlaif.exchange.verdicts import verdict_line, write_verdicts
from rlaif.records import Verdict

DECIDED = Verdict(
    comparison="é\u202e\x1b[2J\ud800", pair_key="k", judge="j", winner="b", log_odds=-1.0, p=0.25,
    position_bias=0.5, consistent=True, consistent_debiased=False, named_ab="B", named_ba="A",
)  # fmt: skip
OPEN = Verdict(
    comparison="2", pair_key="k", judge="j", winner=None, log_odds=None, p=None,
    position_bias=None, consistent=False, consistent_debiased=False, named_ab="tie",
    named_ba=None, reason="ba: refusal",
)  # fmt: skip


def test_shape() -> None:
    line = verdict_line(OPEN)
    assert line == (
        '{"id": "2", "winner": null, "p": null, "consistent": false, "consistent_debiased": false,'
        ' "reason": "ba: refusal", "orders": {"ab": "tie", "ba": null}}'
    )
    assert json.loads(verdict_line(DECIDED)) == {
        "id": DECIDED.comparison, "winner": "b", "p": 0.25, "consistent": True,
        "consistent_debiased": False, "reason": None, "orders": {"ab": "B", "ba": "A"},
    }  # fmt: skip


def test_file_is_one_ascii_line_a_verdict(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    assert write_verdicts(iter([DECIDED, OPEN]), path) == 2
    lines = path.read_text(encoding="ascii").splitlines()
    assert [json.loads(line)["winner"] for line in lines] == ["b", None]
    assert "\x1b" not in path.read_text()

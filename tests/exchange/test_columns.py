"""Verdicts read as columns say what they say as records."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlaif.errors import InputError
from rlaif.exchange.columns import verdict_columns
from rlaif.exchange.parquet import write_parquet
from rlaif.records import PrinciplePart, Verdict

odds = st.floats(-6, 6)
parts = st.lists(
    st.builds(
        PrinciplePart,
        principle=st.sampled_from(["p1", "p2", "p3"]),
        judge=st.sampled_from(["j1", "j2"]),
        l_ab=odds,
        l_ba=odds,
        weight=st.just(1.0),
    ),
    max_size=4,
    unique_by=lambda part: (part.judge, part.principle),
)


def verdict(number, told):
    log_odds = float(np.mean([part.log_odds for part in told])) if told else None
    winner = None if log_odds is None else "tie" if log_odds == 0 else "ab"[log_odds < 0]
    return Verdict(
        comparison=f"c{number}", pair_key="k", judge="j", winner=winner, log_odds=log_odds,
        p=None, position_bias=None, consistent=number % 2 == 0, consistent_debiased=number % 3 == 0,
        named_ab=None, named_ba=None, parts=tuple(told), stage=1 + number % 2,
    )  # fmt: skip


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(st.lists(parts, max_size=8))
def test_columns_say_what_the_records_say(tmp_path, rows):
    verdicts = [verdict(number, told) for number, told in enumerate(rows)]
    write_parquet(iter(verdicts), tmp_path / "v.parquet", Verdict)
    columns = verdict_columns(tmp_path / "v.parquet")
    assert columns.comparison == [v.comparison for v in verdicts]
    assert columns.tie.tolist() == [v.winner == "tie" for v in verdicts]
    assert columns.stage.tolist() == [v.stage for v in verdicts]
    assert columns.consistent.tolist() == [v.consistent for v in verdicts]
    for row, one in enumerate(verdicts):
        assert math.isnan(columns.log_odds[row]) == (one.log_odds is None)
        told = {(part.judge, part.principle): part.log_odds for part in one.parts}
        for column, name in enumerate(columns.names):
            value = columns.parts[row, column]
            assert value == pytest.approx(told[name], abs=1e-5) if name in told else np.isnan(value)
        spread = np.std(list(told.values())) if told else 0.0
        assert columns.spread[row] == pytest.approx(spread, abs=1e-3)


def test_a_foreign_file_is_named(tmp_path):
    (tmp_path / "v.parquet").write_text("no parquet")
    with pytest.raises(InputError, match=r"v\.parquet: cannot be read as verdicts"):
        verdict_columns(tmp_path / "v.parquet")

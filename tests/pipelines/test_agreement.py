"""Agreement with labels: ties count half on one side, and no verdict is wrong."""

import pytest

from rlaif.pipelines.agreement import Agreement, score
from rlaif.records import Comparison, LabelledComparison, Message, Response, Verdict


@pytest.mark.parametrize(
    ("named", "label", "expected"),
    [("a", "a", 1), ("a", "b", 0), ("tie", "a", 0.5), ("a", "tie", 0.5), ("tie", "tie", 1),
     (None, "a", 0)],
)  # fmt: skip
def test_score(named, label, expected):
    assert score(named, label) == expected


def row(label, a="longer text", b="short"):
    prompt = (Message(role="user", content="q"),)
    pair = Comparison(id="1", prompt=prompt, a=Response(text=a), b=Response(text=b))
    return LabelledComparison(comparison=pair, label=label)


def verdict(winner, ab, ba, log_odds=1.0):
    return Verdict(
        comparison="1", pair_key="k", judge="j", winner=winner, log_odds=log_odds, p=0.5,
        position_bias=0.0, consistent=ab != ba, consistent_debiased=True, named_ab=ab, named_ba=ba,
    )  # fmt: skip


def test_one_order_is_the_mean_of_both_and_longer_wins_stands_beside():
    agreement = Agreement()
    agreement.add(row("a"), verdict("a", "A", "A"))  # right in ab, wrong in ba
    agreement.add(row("b"), verdict("b", "B", "A"))  # right in both; the longer is wrong
    agreement.add(row("tie"), verdict("a", "A", "B"))
    agreement.add(row(None), verdict("a", "A", "B"))
    figures = agreement.figures()
    assert len(agreement) == 2
    assert agreement.label_ties == 1
    assert figures["one order"].value == 0.75
    assert figures["both orders"].value == 1.0
    assert figures["consistent"].n == 1
    assert figures["longer wins"].value == 0.5


def test_without_any_verdict_the_figures_still_stand():
    agreement = Agreement()
    agreement.add(row("a"), verdict(None, None, None, log_odds=None))
    figures = agreement.figures()
    assert figures["both orders"].value == 0.0
    assert figures["top half by confidence"].n == 0

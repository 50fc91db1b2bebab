"""The page over HTTP: who may ask, what it tells, and what becomes of an answer."""

from __future__ import annotations

import pytest

from rlaif.exchange.labels import read_labels
from rlaif.exchange.pool import index_pairs
from rlaif.exchange.stage import stage_input
from tests.labelling.conftest import HOSTILE, TOKEN

PAGES = ["", "label?annotator=ann", "disagreements?annotator=ann", "static/label.js"]


@pytest.mark.parametrize("page", PAGES)
def test_without_the_token_nothing_is_told(site, page):
    assert site.ask("GET", f"/{TOKEN}/{page}").status == 200
    for path in (f"/{page}", f"/wrong/{page}", f"/{TOKEN}x/{page}", f"/x/../{TOKEN}/{page}"):
        reply = site.ask("GET", path)
        assert reply.status == 403
        assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert site.ask("POST", "/answer", "annotator=ann&pair=0&save=tie").status == 403
    assert site.labels() == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "", "[::1]"])
def test_another_name_for_this_machine_is_refused_even_with_the_token(site, host):
    assert site.ask("GET", f"/{TOKEN}/", Host=host).status == 403
    assert site.ask("GET", f"/{TOKEN}/", Host="localhost:9999").status == 200


def test_nothing_may_run_load_or_frame_the_page(site):
    headers = site.get("label", annotator="ann").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert site.get("docs").status == site.get("openapi.json").status == 404


def test_a_page_tells_neither_who_wrote_what_nor_what_anybody_said(site):
    site.post("answer", annotator="bo", pair=0, save="tie", reason="bo-says-so")
    for number in range(6):
        text = site.get("label", annotator="ann", pair=number).text
        for secret in ("secret", "gpt9", "llama", "honesty", "0.12", "88 %", "bo-says-so"):
            assert secret not in text
        assert "<script>document" not in text
        assert "<img" not in text


@pytest.mark.parametrize("who", ["ann", "bo", "chris", "dee"])
def test_an_answer_is_kept_in_terms_of_the_inputs_sides(site, who):
    for number, side in enumerate("abab"):
        seen = site.seen(who, number, side)
        reply = site.post(
            *("answer",), annotator=who, pair=number, side=seen, save="much", reason=" why "
        )
        assert reply.status == 303
        assert reply.headers["location"] == f"label?annotator={who}&pair={number + 1}"
    for label, side in zip(site.labels(), "abab", strict=True):
        assert (label["label"], label["strength"], label["reason"]) == (side, 1.0, "why")
        assert label["annotator"] == who
    assert [row["drawn_by"] for row in site.labels()].count("informative") == 1
    assert site.labels()[2]["drawn_by"] == "informative"


def test_the_file_is_read_as_labels_as_it_stands(site):
    for number, side in enumerate("ab"):
        seen = site.seen("ann", number, side)
        site.post("answer", annotator="ann", pair=number, side=seen, save="slightly")
    site.post("answer", annotator="ann", pair=2, save="tie", reason="equal")
    site.post("answer", annotator="ann", pair=3, save="skip")
    site.post("answer", annotator="bo", pair=2, save="tie")
    site.post("undo", annotator="bo")
    staged = stage_input(site.folder / "pairs.jsonl", site.folder / "staged", seed=0)
    read = read_labels(site.desk.answers.path, index_pairs(staged.rows()))
    assert [(x.id[-1], x.label, x.annotator, x.drawn_by, x.reason) for x in read.labels] == [
        ("0", "a", "ann", "random", ""),
        ("1", "b", "ann", "random", ""),
        ("2", "tie", "ann", "informative", "equal"),
    ]
    assert [x.strength for x in read.labels] == [1 / 3, 1 / 3, None]


def test_ties_skips_and_answers_without_a_side(site):
    site.post("answer", annotator="ann", pair=0, save="tie", side="first")
    site.post("answer", annotator="ann", pair=1, save="skip", side="first")
    site.post("answer", annotator="ann", pair=2, save="unsaid", side="first")
    reply = site.post("answer", annotator="ann", pair=3, save="much")
    assert reply.headers["location"].endswith("pair=3&note=choose")
    assert [(r["id"][-1], r.get("strength")) for r in site.labels()] == [("0", None), ("2", None)]
    assert site.labels()[0]["label"] == "tie"
    assert "Pair 4 of 6" in site.get("label", annotator="ann").text
    assert "You skipped this pair" in site.get("label", annotator="ann", pair=1).text


def test_all_answered_ends_with_thanks_and_undo_goes_back(site):
    for number in range(6):
        site.post("answer", annotator="ann", pair=number, save="tie" if number else "skip")
    text = site.get("label", annotator="ann").text
    assert "5 labelled, 1 skipped" in text
    assert "pair=0" in text
    assert site.post("undo", annotator="ann").headers["location"].endswith("pair=5&note=undone")
    assert len(site.labels()) == 4
    reply = site.post("undo", annotator="bo")
    assert reply.headers["location"].endswith("note=nothing")


def test_disagreements_show_only_what_this_annotator_has_answered_and_make_it_final(site):
    for number, side in enumerate("aab"):
        seen = site.seen("ann", number, side)
        site.post("answer", annotator="ann", pair=number, side=seen, save="clearly")
    site.post("answer", annotator="bo", pair=0, save="tie")
    text = site.get("disagreements", annotator="ann").text
    assert "2 of the 3 pairs" in text
    assert text.count("Judge said") == 2
    assert f"Judge said <b>{'A' if site.seen('ann', 0, 'b') == 'first' else 'B'}</b>, 88 %" in text
    assert "a tie × 1" in text
    assert "<strong>gpt9-vs-llama0</strong>" in text  # the judge's own reasoning, as Markdown
    assert "<script>document" not in text
    assert "llama2" not in text
    assert "llama3" not in text
    reply = site.post("answer", annotator="ann", pair=0, save="tie")
    assert reply.status == 409
    assert "seen the judge" in reply.text
    assert site.post("undo", annotator="ann").status == 409
    assert site.labels()[0]["label"] == "a"
    assert "your answer stays" in site.get("label", annotator="ann", pair=2).text


def test_judges_order_is_told_in_the_annotators_terms(site):
    seen = site.seen("ann", 0, "a")
    site.post("answer", annotator="ann", pair=0, side=seen, save="clearly")
    text = site.get("disagreements", annotator="ann").text
    first, second = text.index("12 % for the first"), text.index("88 % for the first")
    # The judgement in order ab gave its first, the input's a, 12 %.
    a_first = "saw your A first" if seen == "first" else "saw your B first"
    b_first = "saw your B first" if seen == "first" else "saw your A first"
    assert a_first in text[first - 60 : first]
    assert b_first in text[second - 60 : second]


@pytest.mark.parametrize(
    ("page", "form", "status"),
    [
        ("answer", {"annotator": "ann", "pair": 6, "save": "tie"}, 404),
        ("answer", {"annotator": "ann", "pair": "-1", "save": "tie"}, 404),
        ("answer", {"annotator": "ann", "pair": "²", "save": "tie"}, 404),
        ("answer", {"annotator": " ", "pair": 0, "save": "tie"}, 400),
        ("answer", {"annotator": "a\x1b[2J", "pair": 0, "save": "tie"}, 400),
        ("answer", {"annotator": "a" * 61, "pair": 0, "save": "tie"}, 400),
        ("answer", {"annotator": "ann", "pair": 0, "save": "tie", "reason": "x" * 70000}, 413),
        ("undo", {}, 400),
    ],
)
def test_forms_that_say_nothing_are_refused(site, page, form, status):
    assert site.post(page, **form).status == status
    assert site.labels() == []


def test_two_annotators_on_two_servers_keep_their_own_place(serve):
    one, other = serve(), serve()
    for number in range(6):
        one.post("answer", annotator="ann", pair=number, save="tie")
        other.post("answer", annotator="bo", pair=5 - number, save="skip" if number else "tie")
    assert "6 labelled, 0 skipped" in other.get("label", annotator="ann").text
    assert "1 labelled, 5 skipped" in one.get("label", annotator="bo").text
    assert one.get("label", annotator="ann", pair=99).status == 404


def test_the_hostile_response_is_shown_as_text(site):
    text = site.get("label", annotator="ann", pair=1).text
    assert "&lt;script&gt;document.title=" in text
    assert "javascript:" in HOSTILE
    assert 'href="javascript' not in text

"""A response is shown as it was meant, and nothing in it runs, loads or leaves its box."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.labelling.rendering import LONGEST, TAGS, to_html

HOSTILE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "<svg onload=alert(1)><animate onbegin=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1) 'y')",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x)",
    "<javascript:alert(1)>",
    "![x](http://evil.example/x.png)",
    "![x](javascript:alert(1))",
    "[x]: javascript:alert(1)\n\n[x]",
    "```html\n<script>alert(1)</script>\n```",
    '```" onmouseover=alert(1)\nx\n```',
    "`<b onclick=alert(1)>`",
    "<style>body{display:none}</style><form action=//evil><input name=annotator>",
    "<base href=//evil><meta http-equiv=refresh content=0><iframe srcdoc='<script>'>",
    "[x](answer) [y](/static/../undo) [z](//evil.example)",
    "</div></article></main><h1>owned</h1>",
    "\u202egnp.exe \x00\x1b[2J",
]


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.depth = 0

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.depth += tag not in ("br", "hr")

    def handle_endtag(self, tag):
        self.depth -= 1
        assert self.depth >= 0, "it closes what it did not open"


def check(html: str) -> None:
    reader = Reader()
    reader.feed(html)
    assert reader.depth == 0
    for tag, values in reader.tags:
        assert tag in TAGS
        assert values.keys() <= {"href", "start", "target", "rel"}
        if "href" in values:
            assert (values["href"] or "").startswith(("http://", "https://", "mailto:"))
            assert "noreferrer" in (values["rel"] or "")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text):
    check(to_html(text))


@settings(deadline=None)  # a busy machine is no fault
@given(
    st.lists(st.sampled_from([*HOSTILE, "\n\n", "> ", "- ", "**", "|a|b|\n|-|-|\n"])).map("".join)
)
def test_no_mixture_of_it_comes_alive(text):
    check(to_html(text))


def test_markdown_and_code_are_shown():
    html = to_html("Use **this**:\n\n```python\nif a < b:\n    pass\n```\n\n|a|b|\n|-|-|\n|1|2|\n")
    assert "<strong>this</strong>" in html
    assert "<pre><code>if a &lt; b:\n    pass\n</code></pre>" in html
    assert "<td>2</td>" in html
    assert to_html("one\ntwo") == "<p>one<br>\ntwo</p>\n"
    assert 'href="https://example.org/"' in to_html("[here](https://example.org/)")


def test_html_in_a_response_is_seen_as_it_was_written():
    assert "&lt;b&gt;bold&lt;/b&gt;" in to_html("<b>bold</b>")


def test_a_very_long_text_is_shown_as_it_stands():
    html = to_html("<b>" + "*[" * LONGEST)
    assert html.startswith("<pre>&lt;b&gt;*[")

"""Candidate text as safe HTML: Markdown without raw HTML, then everything unlisted is taken out.

Nothing in a response may run, load, submit or leave its box: no scripts, images, frames, forms,
styles, ids or classes. Links keep http, https and mailto, and tell their target nothing.
"""

from __future__ import annotations

from functools import cache
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LONGEST = 100_000
"""Characters up to which a text is read as Markdown; a longer one is shown as it stands."""
TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote"),
    *("pre", "code", "em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td"),
}


def to_html(text: str) -> str:
    """HTML of a Markdown text that is safe to put into a page as it is."""
    import nh3

    if len(text) > LONGEST:
        return f"<pre>{escape(text)}</pre>"
    clean: str = nh3.clean(
        _markdown().render(text),
        tags=TAGS,
        clean_content_tags={"script", "style"},
        attributes={"a": {"href"}, "ol": {"start"}},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
    )
    return clean


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False, "breaks": True})
    # An image would be fetched from its author's server; without the rule it is a link.
    return made.enable(["table", "strikethrough"]).disable("image")

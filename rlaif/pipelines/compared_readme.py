"""The measured table of judges/README.md, between its two markers."""

from __future__ import annotations

from pathlib import Path

from rlaif.errors import ConfigError

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
"""Between these two lines of judges/README.md stands the measured table."""


def write_measured(readme: Path, text: str) -> None:
    """Put `text` between the two markers of `readme`. Raises ConfigError where it has none."""
    whole = read_marked(readme)
    head, rest = whole.split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    temporary = readme.with_name(f".{readme.name}.partial")
    temporary.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")
    temporary.replace(readme)


def read_marked(readme: Path) -> str:
    """The text of `readme`. Raises ConfigError where the markers are not there."""
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{readme}: cannot be read: {error.strerror}") from None
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise ConfigError(f"{readme}: put the lines {BEGIN} and {END} where the table belongs")
    return text

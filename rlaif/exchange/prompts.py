"""Rows of prompts: what candidates are sampled for, with responses where the file has some.

Columns: `prompt` (text or messages), and where given `id`, `domain`, `source`, `gold` (the known
answer) and `responses` (`[{model, text}, ...]` or texts).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from rlaif.exchange.cells import read_id, read_list, read_optional, read_text
from rlaif.exchange.messages import read_prompt
from rlaif.exchange.rows import BadRow, Fault, Notes, RawRow, Source, shown
from rlaif.exchange.sources import open_source
from rlaif.records import Message, Record, Response, digest

READ = frozenset({"id", "prompt", "domain", "source", "gold", "responses"})


class PromptRow(Record):
    """One prompt to answer. `id` is the user's, or the prompt key where there was none."""

    id: str
    prompt: tuple[Message, ...]
    domain: str = "general"
    source: str | None = None
    responses: tuple[Response, ...] = ()
    """Answers the file already has."""
    gold: str | None = None
    """The known right answer, as text."""
    line: int | None = None
    """Where the row stands in its file (1-based), for error messages."""

    @cached_property
    def prompt_key(self) -> str:
        """32 hex digits, equal to `Comparison.prompt_key` of any pair made from it."""
        return digest([[m.role, m.content] for m in self.prompt])


def open_prompts(source: str | Path, notes: Notes | None = None) -> Iterator[PromptRow | BadRow]:
    """The prompts of `source`, streaming. Raises InputError where it cannot be opened."""
    notes = notes if notes is not None else Notes()
    return read_prompts(open_source(source, notes, READ), notes)


def read_prompts(source: Source, notes: Notes) -> Iterator[PromptRow | BadRow]:
    """The prompts of an opened source. Raises InputError where its header lacks a column."""
    source.require(("prompt",))
    return (row if isinstance(row, BadRow) else _prompt(row, notes) for row in source.rows)


def _prompt(row: RawRow, notes: Notes) -> PromptRow | BadRow:
    values = row.values
    if extra := values.keys() - READ:
        notes.ignore(extra)
    try:
        made = PromptRow(
            id=read_id(values),
            prompt=read_prompt(values.get("prompt")),
            domain=read_optional(values, "domain") or "general",
            source=read_optional(values, "source"),
            responses=tuple(_responses(read_list(values, "responses"))),
            gold=read_optional(values, "gold", numbers=True),
            line=row.line,
        )
    except Fault as fault:
        return fault.at(row.line)
    return made if made.id else made.model_copy(update={"id": made.prompt_key})


def _responses(items: list[Any]) -> Iterator[Response]:
    for i, item in enumerate(items):
        column = f"responses[{i}]"
        if isinstance(item, str):
            yield Response(text=read_text(item, column))
        elif isinstance(item, dict):
            model = read_optional(item, "model")
            yield Response(text=read_text(item.get("text"), f"{column}.text"), model=model)
        else:
            raise Fault("type", column, f"must be {{model, text}} or text, not {shown(item)}")

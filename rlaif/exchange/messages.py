"""Prompts and responses out of raw cells: text, chat messages, HH-RLHF transcripts."""

from __future__ import annotations

import re
from typing import Any, get_args

from rlaif.exchange.cells import read_text
from rlaif.exchange.rows import Fault, shown
from rlaif.records import Message

ROLES = get_args(Message.model_fields["role"].annotation)
TURN = re.compile(r"\n\n(Human|Assistant):")
HH_ROLE = {"Human": "user", "Assistant": "assistant"}


def read_prompt(value: object) -> tuple[Message, ...]:
    """Chat messages that end with the user's turn, from text, a transcript or messages."""
    if isinstance(value, list):
        messages = read_messages(value, "prompt")
    else:
        text = read_text(value, "prompt")
        messages = _hh_prompt(text) or (Message(role="user", content=text),)
    return ask_of_user(messages, "prompt")


def ask_of_user(messages: tuple[Message, ...], column: str) -> tuple[Message, ...]:
    """`messages`, checked to end with something a user said."""
    if not messages:
        raise Fault("empty", column, "has no messages; it must end with one of role 'user'")
    if messages[-1].role != "user":
        message = f"must end with a message of role 'user', not {messages[-1].role!r}"
        raise Fault("role", column, message)
    if not messages[-1].content.strip():
        raise Fault("empty", column, "ends with an empty user message")
    return messages


def read_messages(value: list[Any], column: str) -> tuple[Message, ...]:
    """Chat messages from `[{role, content}, ...]`; other keys of a message are not read."""
    return tuple(_message(item, f"{column}[{i}]") for i, item in enumerate(value))


def _message(item: object, column: str) -> Message:
    if not isinstance(item, dict):
        raise Fault("type", column, f"must be {{role, content}}, not {shown(item)}")
    role, content = item.get("role"), item.get("content")
    if role not in ROLES:
        raise Fault("role", column, f"role must be {', '.join(ROLES)}, not {shown(role)}")
    if not isinstance(content, str):
        raise Fault("type", column, f"content must be text, not {shown(content)}")
    return Message(role=role, content=content)


def is_transcript(text: object) -> bool:
    """Whether a text is an HH-RLHF transcript: it begins with a human turn."""
    if not isinstance(text, str):
        return False
    first = TURN.match("\n\n" + text.lstrip())
    return first is not None and first[1] == "Human"


def read_transcript(text: str) -> tuple[Message, ...]:
    r"""Messages of an HH-RLHF transcript, turns marked by "\n\nHuman:" and "\n\nAssistant:"."""
    parts = TURN.split("\n\n" + text.lstrip())[1:]
    turns = zip(parts[::2], parts[1::2], strict=True)
    return tuple(Message(role=HH_ROLE[who], content=said.strip()) for who, said in turns)


def _hh_prompt(text: str) -> tuple[Message, ...] | None:
    """The messages of a transcript that stops where the assistant is to speak; else None."""
    if not (is_transcript(text) and text.rstrip().endswith("\n\nAssistant:")):
        return None
    return read_transcript(text)[:-1]


def common_lead(
    one: tuple[Message, ...], other: tuple[Message, ...]
) -> tuple[tuple[Message, ...], tuple[Message, ...], tuple[Message, ...]]:
    """The leading messages both share, then what is left of each."""
    n = 0
    while n < min(len(one), len(other)) and one[n] == other[n]:
        n += 1
    return one[:n], one[n:], other[n:]

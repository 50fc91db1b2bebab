"""What a stage makes of a reply: the outcome that its row carries."""

from __future__ import annotations

from typing import Protocol

from rlaif.calls.request import CallError, Failure, Reply, Request
from rlaif.records import Outcome


class Reader(Protocol):
    """What a stage makes of replies."""

    def read(self, reply: Reply, request: Request) -> Outcome:
        """Which outcome this reply is."""

    def repair(self, request: Request, reply: Reply) -> Request | None:
        """How to ask once more after an unreadable reply; None to leave it."""


def outcome_of(reader: Reader, reply: Reply, request: Request) -> tuple[Outcome, str | None]:
    """What `reader` says, and what went wrong: its fault must not cost the other calls."""
    try:
        return reader.read(reply, request), None
    except Exception as error:
        return Outcome.UNPARSEABLE, f"the reader failed: {type(error).__name__}: {error}"


def outcome_of_failure(error: CallError) -> Outcome:
    """The outcome of a call that brought no reply: a provider's filter is an answer of its own."""
    return Outcome.FILTERED if error.kind is Failure.FILTERED else Outcome.TRANSPORT

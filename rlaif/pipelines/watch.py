"""What a run tells whoever watches it. Stages talk to this protocol, never to a terminal."""

from __future__ import annotations

from typing import Protocol

from rlaif.calls.tally import Event


class Watch(Protocol):
    """Receives a run's news; all methods return at once."""

    def say(self, text: str) -> None:
        """One line about what happens now. `text` may hold candidate text: make it plain."""

    def begin(self, what: str, total: int | None, known: int = 0) -> None:
        """A counted piece of work begins: `total` calls where it is known, `known` of which were
        answered before."""

    def progress(self, event: Event) -> None:
        """Where the calls of the piece of work stand."""

    def fetching(self, what: str, done: int, total: int) -> None:
        """Where a download stands, in bytes."""

    def end(self) -> None:
        """The counted piece of work, or the download, is over."""


class Silent:
    """Watches nothing: for Python callers and tests."""

    def say(self, text: str) -> None:
        """Drop it."""

    def begin(self, what: str, total: int | None, known: int = 0) -> None:
        """Drop it."""

    def progress(self, event: Event) -> None:
        """Drop it."""

    def fetching(self, what: str, done: int, total: int) -> None:
        """Drop it."""

    def end(self) -> None:
        """Nothing to end."""

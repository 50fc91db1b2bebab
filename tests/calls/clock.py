"""An event loop whose clock jumps: minutes of waiting pass in milliseconds of test."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar, cast

import asyncio_throttle.throttler
import pytest

from rlaif.calls.ledger import Ledger
from rlaif.calls.rows import Answer, Attempt

T = TypeVar("T")


class _Jump(selectors.DefaultSelector):
    """Never waits: where nothing is ready, the time asked for has passed."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "the loop would wait for ever"
        # Work takes time too: else a wait below the clock's resolution would never end.
        self.now += max(1e-7, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on virtual time; nothing in it may wait for a socket or a thread."""

    def __init__(self) -> None:
        self.jump = _Jump()
        super().__init__(self.jump)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.jump.now


class MemoryLedger:
    """A ledger without file and thread: rows are committed when they are put."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.attempts: list[Attempt] = []

    def answered(self, keys: Sequence[str]) -> set[str]:
        return {k for k in keys if k in self.answers and self.answers[k].outcome.votes}

    def put(self, answer: Answer | None, attempts: Sequence[Attempt]) -> asyncio.Future[None]:
        if answer is not None:
            self.answers[answer.key] = answer
        self.attempts += attempts
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    @property
    def typed(self) -> Ledger:
        """Itself, as the pool's signature wants it."""
        return cast(Ledger, self)


def run_virtual(monkeypatch: pytest.MonkeyPatch, main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on virtual time; the throttle's clock follows."""
    loop = VirtualLoop()
    with monkeypatch.context() as patch:
        clock = type("Clock", (), {"monotonic": staticmethod(loop.time)})
        patch.setattr(asyncio_throttle.throttler, "time", clock)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(main)

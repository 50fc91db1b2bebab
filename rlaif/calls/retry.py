"""The one retry policy (SDK retries are off), built on tenacity."""

from __future__ import annotations

import random
from typing import Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception
from tenacity.wait import wait_base

from rlaif.calls.request import CallError, Failure

FIRST_S = 0.5
MOST_S = 20.0


class Tried(Protocol):
    """What the policy must know of a call."""

    @property
    def counted(self) -> int:
        """Attempts so far; a 429 is none."""

    @property
    def wait_s(self) -> float:
        """What the last 429 asked this call to wait, in seconds."""

    @property
    def ended(self) -> bool:
        """Whether no further attempt is wanted."""

    async def rest(self, seconds: float) -> None:
        """Wait before the next attempt."""


class Backoff(wait_base):
    """A 429 waits what it was told; other failures double from 0.5 s to 20 s, with jitter."""

    def __init__(self, tried: Tried, dice: random.Random) -> None:
        self._tried = tried
        self._dice = dice

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds to wait after the attempt that `retry_state` holds."""
        if _error(retry_state).kind is Failure.RATE_LIMITED:
            return self._tried.wait_s
        most = min(MOST_S, FIRST_S * 2 ** (self._tried.counted - 1))
        return self._dice.uniform(most / 2, most)


def retrying(tried: Tried, attempts: int, dice: random.Random) -> AsyncRetrying:
    """The policy for one call: failures that can pass are tried again, `attempts` times in all.

    A 429 never uses up an attempt. The last CallError is raised when nothing is left to try.
    """
    return AsyncRetrying(
        retry=retry_if_exception(lambda e: isinstance(e, CallError) and e.kind.retried),
        stop=lambda state: (
            tried.ended
            or (tried.counted >= attempts and _error(state).kind is not Failure.RATE_LIMITED)
        ),
        wait=Backoff(tried, dice),
        sleep=tried.rest,
        reraise=True,
    )


def _error(state: RetryCallState) -> CallError:
    """The error that ended the last attempt."""
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, CallError)
    return error

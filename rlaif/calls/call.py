"""One key on its way to its final answer, and one attempt of it on the wire."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.calls.request import CallError, Reply, Request
from rlaif.calls.rows import Attempt, AttemptKind


@dataclass(frozen=True, slots=True)
class Ask:
    """A question and its ledger key (`call_key`)."""

    key: str
    request: Request


class Call:
    """What the pool knows of one key: attempts so far, what they cost, where it stands."""

    __slots__ = (
        "ask",
        "booked",
        "chances",
        "cost_usd",
        "counted",
        "followers",
        "has_slot",
        "hurried",
        "limited",
        "limited_s",
        "on_wire",
        "paid",
        "sent",
        "silent",
        "task",
        "tokens_cached",
        "tokens_in",
        "tokens_out",
        "wait_s",
    )

    def __init__(self, ask: Ask, followers: Sequence[Ask]) -> None:
        self.ask = ask
        self.followers = followers
        """Asks of its group, which start when this one has answered."""
        self.task: asyncio.Task[None] | None = None
        self.has_slot = False
        self.on_wire = False
        """From sending until its row is committed; a stop lets such calls land."""
        self.paid = False
        """It holds a reply that is not committed yet (and so keeps its slot between attempts)."""
        self.hurried = False
        """It may be asked again at the learned deadline (counted as one hedged call)."""
        self.chances: set[AttemptKind] = set()
        """Of repair and raised limit, what it has had."""
        self.silent = False
        """Every attempt passed the learned deadline: it is taken to be never answered."""
        self.sent = 0
        self.counted = 0
        """Attempts without the 429s."""
        self.limited = 0
        self.limited_s = 0.0
        """Seconds waited for 429s."""
        self.wait_s = 0.0
        self.booked: asyncio.Future[None] | None = None
        """Commit of its last failed attempt."""
        self.tokens_in = self.tokens_out = self.tokens_cached = 0
        self.cost_usd = 0.0


@dataclass(frozen=True, slots=True)
class Landed:
    """An attempt that brought a reply, with its row."""

    attempt: Attempt
    reply: Reply


@dataclass(slots=True)
class Sent:
    """An attempt on the wire."""

    n: int
    kind: AttemptKind
    at: float
    """On the pool's clock."""
    started: float
    """Seconds since the epoch."""
    worst_usd: float
    task: asyncio.Task[None] | None = None


class Flight:
    """One question on the wire: an attempt and its hedges. The first reply wins."""

    __slots__ = (
        "_landed",
        "_turn",
        "bucket",
        "call",
        "left",
        "overdue",
        "pending",
        "request",
        "rests_until",
    )

    def __init__(self, call: Call, request: Request, bucket: int) -> None:
        self.call = call
        self.request = request
        self.bucket = bucket
        self.pending: list[Sent] = []
        self.rests_until = 0.0
        """No hedge before it, on the pool's clock: the last one failed."""
        self.left = False
        """Nobody waits any more: what lands now is late."""
        self.overdue = False
        self._landed: deque[Landed | CallError] = deque()
        self._turn: asyncio.Future[None] | None = None

    async def landing(self) -> Landed | CallError | None:
        """How the next attempt comes back; None where the deadline passed first."""
        if not self._landed and not self.overdue:
            self._turn = asyncio.get_running_loop().create_future()
            await self._turn
        if self._landed:
            return self._landed.popleft()
        self.overdue = False
        return None

    @property
    def has_landed(self) -> bool:
        """Whether something landed that was not looked at yet."""
        return bool(self._landed)

    def land(self, landed: Landed | CallError) -> None:
        """Pass on what came back."""
        self._landed.append(landed)
        self._wake()

    def hurry(self) -> None:
        """Say that the deadline has passed."""
        self.overdue = True
        self._wake()

    def _wake(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

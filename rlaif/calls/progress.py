"""Tells whoever watches a run where it stands."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rlaif.calls.tally import Event, Stop, Tally

EVENT_S = 1.0


class Progress:
    """One run's events, from the time it is made; `clock` counts seconds."""

    def __init__(
        self,
        tally: Tally,
        on_event: Callable[[Event], None] | None,
        clock: Callable[[], float],
    ) -> None:
        self._tally = tally
        self._on_event = on_event
        self._clock = clock
        self._told = clock()
        self._rates: deque[tuple[float, int]] = deque([(self._told, 0)], maxlen=6)

    def is_due(self) -> bool:
        """Whether the next event is due; asking starts the wait for the one after it."""
        now = self._clock()
        due = now - self._told >= EVENT_S
        if due:
            self._told = now
        return due

    def tell(self, in_flight: int, waiting_until: float | None, stopped: Stop | None) -> None:
        """Send an event; see `Event` for what is given."""
        if self._on_event is None:
            return
        tally, now = self._tally, self._clock()
        self._rates.append((now, tally.finished))
        since, finished = self._rates[0]
        self._on_event(
            Event(
                finished=tally.finished,
                asked=tally.asked,
                reused=tally.reused,
                failed=tally.failed,
                per_s=(tally.finished - finished) / max(now - since, 1e-3),
                cost_usd=tally.cost_usd,
                in_flight=in_flight,
                waiting_until=waiting_until,
                stopped=stopped,
            )
        )

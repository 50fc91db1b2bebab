"""When a call is asked again beside an attempt that hangs: past its deadline, within a share."""

from __future__ import annotations

from collections.abc import Iterable

from rlaif.calls.call import Call, Flight
from rlaif.calls.deadlines import Deadlines
from rlaif.calls.settings import PoolSettings
from rlaif.calls.tally import Tally

HEDGES = 2
"""Most hedges of one call that wait at once, beside its first attempt."""


class Hedging:
    """Who may hedge now. Times are seconds on the pool's clock."""

    def __init__(self, settings: PoolSettings, deadlines: Deadlines, tally: Tally) -> None:
        self._settings = settings
        self._deadlines = deadlines
        self._tally = tally
        self._overdrawn = False

    def look(self, flights: Iterable[Flight], now: float) -> None:
        """See whether more calls are late than may be hedged."""
        self._overdrawn = any(self._is_denied(flight, now) for flight in flights)

    def is_due(self, flight: Flight, now: float) -> bool:
        """Whether something is to be done about a flight that still waits."""
        if not flight.pending:
            return False
        overdue = now - flight.pending[-1].at >= self._due_s(flight)
        waited = now - flight.pending[0].at
        return (overdue and now >= flight.rests_until) or waited >= self._settings.timeout_s

    def grant(self, call: Call) -> bool:
        """Let this call hedge from now on, where the share allows one more; it is counted once."""
        if not call.hurried:
            if not self._may_hedge():
                return False
            call.hurried = True
            self._tally.hedged_calls += 1
        return True

    def is_last(self, flight: Flight) -> bool:
        """Whether the attempt that went out last is not to be followed by another hedge."""
        spent = flight.call.counted >= self._settings.attempts
        return len(flight.pending) > HEDGES or spent

    def _may_hedge(self) -> bool:
        share = self._settings.hedge_share
        return share > 0 and self._tally.hedged_calls < max(1.0, share * self._tally.asked)

    def _is_denied(self, flight: Flight, now: float) -> bool:
        """Whether a call is past the learned deadline and no hedge is left for it."""
        if not flight.pending or flight.call.hurried or not flight.request.hedge:
            return False
        overdue = now - flight.pending[0].at >= self._deadlines.of(flight.bucket)
        return overdue and not self._may_hedge()

    def _due_s(self, flight: Flight) -> float:
        """How long the latest attempt may take: the learned deadline, or the card's.

        Where more calls are late than may be hedged, the endpoint is slow and nothing hangs: the
        card's deadline holds then, also for calls that were hedged before.
        """
        if not flight.request.hedge:
            return self._settings.timeout_s
        patient = self._overdrawn and self.is_last(flight)
        if patient if flight.call.hurried else not self._may_hedge():
            return self._settings.timeout_s
        return self._deadlines.of(flight.bucket)

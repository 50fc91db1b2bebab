"""What a person sees while a run goes on: a live bar, or lines where there is no terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from rlaif.calls.tally import Event
from rlaif.exchange.display import plain

LONGEST_LINE = 1000

LINE_EVERY_S = 5.0
"""Off a terminal: seconds between two lines of progress."""


class Screen:
    """A `Watch` that writes to the terminal. Candidate text is made plain before it is shown."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""
        self._total: int | None = None
        self._known = 0
        self._last_line = 0.0

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(Text(plain(text, LONGEST_LINE)), soft_wrap=True)

    def begin(self, what: str, total: int | None, known: int = 0) -> None:
        """Start a bar, or the lines that stand in for it; calls `known` before are left out."""
        self._known = known
        total = total - known if total else None
        self._what, self._total, self._last_line = what, total, time.monotonic()
        if not self.console.is_terminal:
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[status]}"),
            console=self.console,
            transient=True,
        )
        self._task = self._bar.add_task(what, total=total, status="")
        self._bar.start()

    def progress(self, event: Event) -> None:
        """Show where the calls stand."""
        done = event.finished + max(event.reused - self._known, 0)
        status = describe(event, max(self._total - done, 0) if self._total else None)
        of = f"{done:,}/{self._total:,}" if self._total else f"{done:,}"
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done, status=f"{of} {status}")
            return
        now = time.monotonic()
        if now - self._last_line >= LINE_EVERY_S:
            self._last_line = now
            self.console.print(f"{self._what}: {of} {status}")

    def fetching(self, what: str, done: int, total: int) -> None:
        """Show where a download stands."""
        if what != self._what:
            self.end()
            self.begin(what, total)
        status = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done, status=status)
        elif time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line = time.monotonic()
            self.console.print(f"{what}: {status}")

    def end(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()
        self._bar = self._task = None
        self._what = ""


def describe(event: Event, left: int | None) -> str:
    """Rate, cost, failures, what is waited for, and the time that `left` more calls take."""
    rate = f"{event.per_s:.1f}/s" if event.per_s >= 1 else f"{60 * event.per_s:.0f}/min"
    parts = [rate, f"{event.in_flight} in flight"]
    parts.append("cost unknown" if event.cost_usd is None else f"${event.cost_usd:.2f}")
    if event.failed:
        parts.append(f"{event.failed} failed")
    if event.waiting_until:
        until = time.strftime("%H:%M:%S", time.localtime(event.waiting_until))
        parts.append(f"waiting until {until}")
    elif left and event.per_s > 0:
        minutes, seconds = divmod(int(left / event.per_s), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return ", ".join(parts)

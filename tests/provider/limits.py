"""Requests and tokens a minute, as providers count them."""

from __future__ import annotations

import time


class Bucket:
    """Refills steadily at rate per second and holds `burst` at most."""

    def __init__(self, per_minute: int, burst_s: float) -> None:
        self.limit = per_minute
        self.rate = per_minute / 60
        self.burst = max(1.0, self.rate * burst_s)
        self.level = self.burst
        self.at = time.monotonic()

    def take(self, n: float) -> float:
        """0.0 if `n` were taken, else the seconds until they would be there."""
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level >= min(n, self.burst):
            self.level -= n
            return 0.0
        return (n - self.level) / self.rate

    @property
    def reset_s(self) -> float:
        """Seconds until it is full again."""
        return max(0.0, (self.burst - self.level) / self.rate)


class Window:
    """Everything is allowed anew at each turn of the window."""

    def __init__(self, per_minute: int, window_s: float) -> None:
        self.limit = per_minute
        self.burst = per_minute * window_s / 60
        self.window_s = window_s
        self.level = self.burst
        self.start = time.monotonic()

    def take(self, n: float) -> float:
        """0.0 if `n` were taken, else the seconds until the window turns."""
        now = time.monotonic()
        if now - self.start >= self.window_s:
            self.start += self.window_s * ((now - self.start) // self.window_s)
            self.level = self.burst
        if self.level >= n:
            self.level -= n
            return 0.0
        return self.reset_s

    @property
    def reset_s(self) -> float:
        """Seconds until the window turns."""
        return max(0.0, self.start + self.window_s - time.monotonic())


def limiter(
    per_minute: int, window: str, window_s: float, burst_s: float
) -> Bucket | Window | None:
    """The limiter the settings ask for; None for no limit."""
    if not per_minute:
        return None
    return Window(per_minute, window_s) if window == "fixed" else Bucket(per_minute, burst_s)

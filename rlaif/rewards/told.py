"""What a person sees while a model trains: a line every few seconds, and each evaluation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

EVERY_S = 5.0
SHOWN = ("loss", "accuracy", "ece", "mse")
"""Figures of an evaluation that go on its line; the others are in the log."""


class Told(TrainerCallback):  # type: ignore[misc]
    """Tells steps done, loss, rate and time left, and what validation says."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell, self._start, self._from, self._last = tell, 0.0, 0, 0.0
        self._loss: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Remember when, and from which step."""
        self._start, self._from, self._last = time.monotonic(), state.global_step, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A line, where the last one is long enough ago."""
        now = time.monotonic()
        if state.is_world_process_zero and now - self._last >= EVERY_S:
            self._last = now
            done = max(state.global_step - self._from, 1)
            left = (now - self._start) / done * (state.max_steps - state.global_step)
            loss = f", loss {self._loss:.3f}" if self._loss is not None else ""
            self.tell(
                f"step {state.global_step:,} of {state.max_steps:,}{loss},"
                f" {60 * done / max(now - self._start, 1e-9):.0f} steps/min,"
                f" {int(left) // 60}:{int(left) % 60:02d} left"
            )

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Say where it stopped early."""
        if state.is_world_process_zero and state.global_step < state.max_steps:
            self.tell(
                f"stopped at step {state.global_step:,} of {state.max_steps:,}: validation no"
                " longer gets better; the best so far is kept"
            )

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Keep the training loss; tell an evaluation at once."""
        if not logs:
            return
        self._loss = logs.get("loss", self._loss)
        if state.is_world_process_zero and "eval_loss" in logs:
            known = {name: logs.get(f"eval_{name}", math.nan) for name in SHOWN}
            figures = (f"{name} {value:.3f}" for name, value in known.items() if value == value)
            self.tell(f"validation at step {state.global_step:,}: {', '.join(figures)}")

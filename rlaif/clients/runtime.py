"""What a local runtime is: it tokenises, and runs jobs on threads of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from rlaif.records import Message


@dataclass(frozen=True, slots=True)
class Job:
    """Read the next-token probabilities of `wanted`, or (`max_tokens` > 0) write."""

    tokens: list[int]
    shared: int
    """Leading tokens that other jobs of the group repeat."""
    wanted: tuple[int, ...] = ()
    max_tokens: int = 0
    temperature: float = 0.0
    seed: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a job ended. `probs` stand in the order of `wanted`."""

    tokens_in: int
    tokens_cached: int
    probs: tuple[float, ...] = ()
    text: str = ""
    tokens_out: int = 0
    truncated: bool = False


class Runtime(Protocol):
    """A loaded model."""

    version: str
    """The model and the runtime with its version, for the record."""

    def tokens(self, text: str, special: bool = False) -> list[int]:
        """Token ids of a text; markers such as <|im_end|> are only recognised where `special`."""

    def render(self, messages: Sequence[Message]) -> str:
        """The model's own chat template over the messages, up to where the assistant begins."""

    def submit(self, job: Job) -> Future[Done]:
        """Queue a job; its future may be cancelled, and raises CallError."""

    def close(self) -> None:
        """Wait for what runs, refuse what waits, free the model."""

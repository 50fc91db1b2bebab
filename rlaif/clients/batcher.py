"""Answers what waits a batch at a time, on a thread of its own: jobs of like length together."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from itertools import groupby

from rlaif.calls.request import CallError, Failure
from rlaif.clients.runtime import Done, Job

GATHER_S = 0.01
"""How long a batch waits for one more job."""

_Waiting = tuple[Job, Future[Done]]


class Batcher:
    """`answer` gets at most `most` jobs of one kind; its error is theirs and not the thread's."""

    def __init__(self, answer: Callable[[list[Job]], list[Done]], most: int) -> None:
        self._answer = answer
        self._most = most
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="transformers", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Future[Done]:
        """Queue a job; its future may be cancelled, and raises CallError."""
        future: Future[Done] = Future()
        self._queue.put((job, future))
        return future

    def close(self) -> None:
        """Answer what was submitted before, then end."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            waiting, closing = self._gather(first)
            live = [(j, f) for j, f in waiting if f.set_running_or_notify_cancel()]
            live.sort(key=lambda pair: (_kind(pair[0]), len(pair[0].tokens)))
            for _, same in groupby(live, key=lambda pair: _kind(pair[0])):
                pairs = list(same)
                for start in range(0, len(pairs), self._most):
                    self._settle(pairs[start : start + self._most])
            if closing:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """A few batches' worth of waiting jobs, so that like lengths can go together."""
        waiting = [first]
        until = time.monotonic() + GATHER_S
        while len(waiting) < 4 * self._most:
            try:
                more = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return waiting, False
            if more is None:
                return waiting, True
            waiting.append(more)
        return waiting, False

    def _settle(self, batch: list[_Waiting]) -> None:
        try:
            done = self._answer([job for job, _ in batch])
        except Exception as error:  # out of memory, or whatever a model's code raises
            message = f"the local model failed: {type(error).__name__}: {error}"
            for _, future in batch:
                future.set_exception(CallError(Failure.BAD_REQUEST, message))
            return
        for (_, future), answer in zip(batch, done, strict=True):
            future.set_result(answer)


def _kind(job: Job) -> int:
    """Jobs of one kind can share a batch: readings, or writings of one length."""
    return job.max_tokens

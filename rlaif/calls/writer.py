"""The one thread that writes the ledger: rows in, group commits out."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from rlaif.calls.job import PUT as _PUT_JOB
from rlaif.calls.job import Job, job_row
from rlaif.calls.rows import (
    ANSWER_COLUMNS,
    ATTEMPT_COLUMNS,
    Answer,
    Attempt,
    answer_row,
    attempt_row,
)

COMMIT_S = 0.005
"""Within the 20 ms a commit may wait: a call keeps its slot until then, and more commits cost
nothing that can be measured (no fsync)."""
COMMIT_ROWS = 256
QUEUE_ROWS = 8192
TRIES = 3
"""How often a batch is tried before its rows are given up (a full disk may be freed)."""
TRY_AGAIN_S = 0.2

_PUT_ANSWER = (
    f"INSERT INTO answers ({ANSWER_COLUMNS}) VALUES ({', '.join('?' * 14)})"
    " ON CONFLICT (key) DO UPDATE SET "
    + ", ".join(f"{c} = excluded.{c}" for c in ANSWER_COLUMNS.split(", ")[1:])
    # A vote is never lost to a later failure (a late row, an import).
    + " WHERE excluded.reusable OR NOT answers.reusable"
)
_PUT_ATTEMPT = f"INSERT INTO attempts ({ATTEMPT_COLUMNS}) VALUES ({', '.join('?' * 16)})"


class LedgerError(Exception):
    """Rows could not be written (full disk, I/O error): they are not in the ledger."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What one put brings; `done` is resolved after its commit."""

    answer: Answer | None
    attempts: Sequence[Attempt]
    done: asyncio.Future[None] | Future[None]
    job: Job | None = None


class Writer(threading.Thread):
    """Owns the write connection. Commits every 5 ms or 256 puts, whichever is first."""

    def __init__(self, connection: sqlite3.Connection, run: str) -> None:
        super().__init__(name="rlaif-ledger", daemon=True)
        self._connection = connection
        self._run = run
        self._queue: queue.Queue[Rows | None] = queue.Queue(QUEUE_ROWS)

    def put(self, rows: Rows) -> None:
        """Queue rows; waits where 8192 puts are queued already."""
        self._queue.put(rows)

    def finish(self) -> None:
        """Write what is queued, then end the thread."""
        self._queue.put(None)
        self.join()

    def run(self) -> None:
        """Gather, commit, tell; until `finish`."""
        open_ = True
        while open_:
            batch, open_ = self._gather()
            if batch:
                _tell(batch, self._commit(batch))

    def _gather(self) -> tuple[list[Rows], bool]:
        batch: list[Rows] = []
        item = self._queue.get()
        if item is not None and self._queue.qsize() < COMMIT_ROWS:
            time.sleep(COMMIT_S)
        while item is not None:
            batch.append(item)
            if len(batch) == COMMIT_ROWS:
                return batch, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: Sequence[Rows]) -> LedgerError | None:
        for left in reversed(range(TRIES)):
            try:
                self._write(batch)
                return None
            except (sqlite3.Error, ValueError) as error:
                if self._connection.in_transaction:
                    self._connection.rollback()
                if not left or isinstance(error, sqlite3.ProgrammingError | ValueError):
                    return LedgerError(f"the ledger cannot be written: {error}")
                time.sleep(TRY_AGAIN_S)
        raise AssertionError("unreachable")

    def _write(self, batch: Iterable[Rows]) -> None:
        answers = [answer_row(rows.answer, self._run) for rows in batch if rows.answer]
        attempts = [attempt_row(one, self._run) for rows in batch for one in rows.attempts]
        self._connection.execute("BEGIN")
        self._connection.executemany(_PUT_ANSWER, answers)
        self._connection.executemany(_PUT_ATTEMPT, attempts)
        self._connection.executemany(_PUT_JOB, [job_row(rows.job) for rows in batch if rows.job])
        self._connection.execute("COMMIT")


def _tell(batch: Sequence[Rows], error: LedgerError | None) -> None:
    """Resolve every put of a batch; one wake-up an event loop, whatever the batch."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for rows in batch:
        if isinstance(rows.done, Future):
            _resolve([rows.done], error)
        else:
            by_loop.setdefault(rows.done.get_loop(), []).append(rows.done)
    for loop, futures in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, futures, error)


def _resolve(
    futures: Iterable[asyncio.Future[None] | Future[None]], error: LedgerError | None
) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

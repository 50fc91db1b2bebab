"""Every answer ever paid for, in one SQLite file: asked once, reused for ever.

    with Ledger(Path("outputs/ledger.sqlite")) as ledger:
        missing = set(keys) - ledger.answered(keys)
        await ledger.put(answer, attempts)          # returns after the commit

WAL with synchronous=NORMAL: what was committed survives a kill of the process (not a power cut).
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from rlaif.calls import recorded
from rlaif.calls.job import SELECT as SELECT_JOBS
from rlaif.calls.job import TABLE as JOBS_TABLE
from rlaif.calls.job import Job, job_of
from rlaif.calls.rows import ANSWER_COLUMNS, Answer, Attempt, answer_of
from rlaif.calls.writer import LedgerError, Rows, Writer
from rlaif.errors import ConfigError

__all__ = ["Answer", "Attempt", "Ledger", "LedgerError"]

Item = TypeVar("Item")
APPLICATION_ID = 0x524C4146  # "RLAF"
SCHEMA = """
CREATE TABLE answers (
    key TEXT PRIMARY KEY, outcome TEXT NOT NULL, reusable INTEGER NOT NULL, reply TEXT,
    error TEXT, failure TEXT, cost_usd REAL, latency_s REAL NOT NULL, attempts INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,
    origin TEXT, run TEXT NOT NULL);
CREATE TABLE attempts (
    key TEXT NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL, started REAL NOT NULL,
    latency_s REAL NOT NULL, outcome TEXT, failure TEXT, status INTEGER,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,
    cost_usd REAL, possibly_billed INTEGER NOT NULL, late INTEGER NOT NULL, request_id TEXT,
    run TEXT NOT NULL);
"""
CHUNK = 500


class Ledger:
    """One ledger file, held by one process. A second one gets a ConfigError naming the holder.

    Raises ConfigError also where the path cannot be written or is not a ledger.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
        """Names this opening in the rows it writes."""
        self._lock = _hold(path)
        try:
            write = _connect(path)
            self._read = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except ConfigError:
            self._lock.close()
            raise
        self._reading = threading.Lock()
        self._write = write
        self._writer = Writer(write, self.run)
        self._writer.start()
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is queued and give the file back; safe to call twice."""
        if not self._open:
            return
        self._open = False
        self._writer.finish()
        self._read.close()
        self._write.close()
        self._lock.close()

    def answered(self, keys: Sequence[str]) -> set[str]:
        """Those of `keys` that have an answer to reuse: only outcomes that vote are reused."""
        sql = "SELECT key FROM answers WHERE reusable AND key IN (SELECT value FROM json_each(?))"
        return {row[0] for row in self._select(sql, keys)}

    def fetch(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The last final outcome of each key that has one, failures included."""
        sql = f"SELECT {ANSWER_COLUMNS} FROM answers WHERE key IN (SELECT value FROM json_each(?))"
        return {row[0]: answer_of(row) for row in self._select(sql, keys)}

    def spans(self, keys: Sequence[str]) -> list[tuple[float, float]]:
        """When the attempts of `keys` began and ended, in seconds since the epoch, by beginning."""
        sql = (
            "SELECT started, started + latency_s FROM attempts"
            " WHERE key IN (SELECT value FROM json_each(?))"
        )
        return sorted((start, end) for start, end in self._select(sql, keys))

    def put(self, answer: Answer | None, attempts: Sequence[Attempt]) -> asyncio.Future[None]:
        """Queue rows for writing; the future resolves after their COMMIT.

        It fails with LedgerError where they cannot be written.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer.put(Rows(answer, attempts, done))
        return done

    def put_job(self, job: Job) -> asyncio.Future[None]:
        """Queue a batch job for writing, as `put` does."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer.put(Rows(None, (), done, job))
        return done

    def jobs(self, endpoint: str) -> list[Job]:
        """Every batch job of an endpoint, whatever its state, in the order they were made."""
        with self._reading:
            rows = self._read.execute(f"{SELECT_JOBS} ORDER BY rowid", (endpoint,)).fetchall()
        return [job_of(row) for row in rows]

    def export(self, path: Path, keys: Iterable[str]) -> int:
        """Write the reusable answers of `keys` as gzipped JSON lines; returns how many."""
        return recorded.write(path, self._reusable(keys))

    def import_file(self, path: Path) -> int:
        """Merge a file that `export` wrote; answers already here stay. Returns how many are new.

        Raises InputError naming file and line where the file is not such an export.
        """
        added = 0
        for answers in _chunks(recorded.read(path)):
            known = self.answered([answer.key for answer in answers])
            new = [answer for answer in answers if answer.key not in known]
            waiting: list[Future[None]] = [Future() for _ in new]
            for answer, done in zip(new, waiting, strict=True):
                self._writer.put(Rows(answer, (), done))
            for done in waiting:
                done.result()
            added += len(new)
        return added

    def _reusable(self, keys: Iterable[str]) -> Iterator[Answer]:
        for chunk in _chunks(keys):
            found = self.fetch(chunk)
            answers = (found[key] for key in chunk if key in found)
            yield from (answer for answer in answers if answer.outcome.votes)

    def _select(self, sql: str, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for chunk in _chunks(keys):
            with self._reading:
                rows = self._read.execute(sql, (json.dumps(chunk),)).fetchall()
            yield from rows


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    source = iter(items)
    while chunk := list(islice(source, CHUNK)):
        yield chunk


def _hold(path: Path) -> IO[str]:
    """Take the lock beside the ledger; raises ConfigError naming who holds it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened for appending: a refused process must not wipe the holder's number.
        lock = path.with_name(path.name + ".lock").open("a+", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"{path.parent}: cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise ConfigError(
            f"{path} is in use by process {holder}: wait for it to end, or give another folder"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file for writing, laying out an empty one; raises ConfigError for a foreign one."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        (found,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and found != APPLICATION_ID:
            connection.close()
            raise ConfigError(f"{path} is another program's database: give another path")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        if not tables:
            connection.executescript(
                f"BEGIN; PRAGMA application_id={APPLICATION_ID}; {SCHEMA} COMMIT;"
            )
        connection.execute(JOBS_TABLE)
    except sqlite3.Error as error:
        raise ConfigError(f"{path} cannot be used as a ledger: {error}") from None
    return connection

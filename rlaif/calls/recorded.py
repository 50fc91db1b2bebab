"""Recorded answers in one file: gzipped JSON lines, to ship with a demo or to share."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from rlaif.calls.rows import Answer, pack, unpack
from rlaif.errors import InputError
from rlaif.records import Outcome


def write(path: Path, answers: Iterable[Answer]) -> int:
    """Write answers that have a reply, one a line; returns how many."""
    written = 0
    # No name and no time in the header: the same answers make the same bytes.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        for answer in answers:
            file.write(_line(answer).encode("ascii"))
            written += 1
    return written


def _line(answer: Answer) -> str:
    """One answer as a JSON line (ASCII)."""
    assert answer.reply is not None
    return (
        json.dumps(
            {
                "key": answer.key,
                "outcome": answer.outcome,
                "reply": pack(answer.reply),
                "cost_usd": answer.cost_usd,
                "latency_s": round(answer.latency_s, 4),
                "attempts": answer.attempts,
                "tokens": [answer.tokens_in, answer.tokens_out, answer.tokens_cached],
            }
        )
        + "\n"
    )


def read(path: Path) -> Iterator[Answer]:
    """The answers of an exported file, one by one."""
    number = 0
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            for number, line in enumerate(file, 1):  # noqa: B007 - named in the error
                row = json.loads(line)
                tokens_in, tokens_out, tokens_cached = row["tokens"]
                yield Answer(
                    key=row["key"],
                    outcome=Outcome(row["outcome"]),
                    reply=unpack(row["reply"]),
                    cost_usd=row["cost_usd"],
                    latency_s=row["latency_s"],
                    attempts=row["attempts"],
                    tokens_in=tokens_in,
                    tokens_out=tokens_out,
                    tokens_cached=tokens_cached,
                    origin=path.name,
                )
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}, line {number or 1}: not a recorded ledger"
            f" ({type(error).__name__}); make it again with Ledger.export"
        ) from None

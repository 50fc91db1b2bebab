"""`rlaif score` and `rlaif best-of-n`: every row of a file with what a trained model says of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rlaif import weights
from rlaif.errors import InputError
from rlaif.exchange.rows import BadRow, Notes, mend
from rlaif.exchange.scorables import SEVERAL, Scorable, scorables
from rlaif.exchange.sources import open_source
from rlaif.pipelines.appending import Appended, appending
from rlaif.pipelines.scorer import Model, Options, Scorer
from rlaif.records import digest
from rlaif.rewards.members import FILE, Ensemble, read_ensemble

CHUNK = 512
"""Answers that are scored and made durable together; a row is never torn."""
LISTED = 20
"""Bad rows that an error names."""
Seen = Callable[[int, int], None]
"""Told the rows that are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a whole file came to."""

    rows: int
    counts: dict[str, int]
    """`cut: ...` texts over the model's limit, and answers without score."""
    began_at: int
    """Rows that an earlier call had done."""


def score_file(source: str, options: Options, out: Path, seen: Seen) -> Scored:
    """Score all rows of `source` into `out`, a line a row in the same order.

    The whole file is checked first. Called again with the same arguments it goes on after the last
    row that is on disk. Raises InputError for rows that cannot be scored, ConfigError for a folder
    that is no model or an `out` of other work, MissingExtra without torch.
    """
    total, content = _survey(source, options)
    made_by = {
        "input": content,
        "model": [_digest(folder) for folder in options.models],
        "set of options": {k: v for k, v in asdict(options).items() if k != "models"},
    }
    with appending(out, made_by) as file:
        began = file.rows
        if not file.done:
            scorer = Scorer(_load(options), options)
            for chunk in _chunks(islice(_rows(source), began, None)):
                seen(file.rows, total)
                _score(chunk, scorer, file)
            file.finish()
        seen(file.rows, total)
        return Scored(file.rows, {k: n for k, n in file.counts.items() if n}, began)


def _score(chunk: Sequence[Scorable], scorer: Scorer, file: Appended) -> None:
    added, counts = scorer.columns(chunk)
    file.append([line(r.values | new) for r, new in zip(chunk, added, strict=True)], counts)


def _chunks(rows: Iterator[Scorable]) -> Iterator[list[Scorable]]:
    chunk: list[Scorable] = []
    answers = 0
    for row in rows:
        chunk.append(row)
        answers += len(row.answers)
        if answers >= CHUNK:
            yield chunk
            chunk, answers = [], 0
    if chunk:
        yield chunk


def _rows(source: str) -> Iterator[Scorable]:
    """The rows, which were all found good before."""
    for row in scorables(open_source(source, Notes(), None)):
        if isinstance(row, BadRow):
            raise InputError(f"{source}: changed while it was read")
        yield row


def _survey(source: str, options: Options) -> tuple[int, str]:
    """How many rows there are and what their content is called; refuses what cannot be scored."""
    opened = open_source(source, Notes(), None)
    total, content, bad = 0, hashlib.sha256(), 0
    listed: list[str] = []
    for row in scorables(opened):
        if not isinstance(row, BadRow) and options.best and row.shape not in SEVERAL:
            names = " or ".join(SEVERAL)
            raise InputError(f"{opened.name}: row {total + 1}: best-of-n takes rows with {names}")
        if isinstance(row, BadRow):
            bad += 1
            column = f" column {row.column}:" if row.column else ""
            if bad <= LISTED:
                listed.append(f"  {opened.place(row.line)}:{column} {row.message}")
            continue
        total += 1
        content.update(line(row.values).encode())
    if bad:
        head = f"{opened.name}: {bad:,} rows cannot be scored; the first {len(listed)}:"
        raise InputError("\n".join([head, *listed, "Mend them or leave them out."]))
    if not total:
        raise InputError(f"{opened.name}: no rows to score")
    return total, content.hexdigest()


def line(values: dict[str, Any]) -> str:
    """A row as JSON on one line: no NaN, no lone surrogate, times as text."""
    try:
        return json.dumps(mend(values), ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        whole = json.loads(json.dumps(mend(values), default=str), parse_constant=lambda _: None)
        return json.dumps(whole, ensure_ascii=False)


def _load(options: Options) -> Model:
    from rlaif.rewards import load

    if len(options.models) == 1:
        return load(options.models[0])
    members = [load(folder) for folder in options.models]
    from rlaif.rewards.ensemble import RewardEnsemble

    names = tuple(str(i) for i in range(len(members)))
    return RewardEnsemble(members, Ensemble(members=names, combine=options.combine))


def _digest(folder: Path) -> str:
    """Names what a model computes. Raises ConfigError where the folder is no model's."""
    if (folder / FILE).is_file():
        ensemble = read_ensemble(folder)
        parts = [_digest(folder / member) for member in ensemble.members]
        return digest(ensemble.model_dump_json(), parts)
    weights.check_folder(folder)
    return weights.digest_of(folder)

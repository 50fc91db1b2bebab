"""`make bench-curation`: a made-up judged run is folded and curated, at several sizes.

    python -m tests.bench.curation [ROWS ...]

Each step runs in a process of its own. Making the run is not timed. Prints a table in Markdown.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.recipe import CurateStage, Recipe
from rlaif.records import Judgement, Message, digest

SIZES = (10_000, 100_000, 1_000_000)
PAIRS_A_PROMPT = 4
REPEATED = 0.03
"""Share of pairs that say an earlier pair again in another case, sides exchanged."""
LABELS = 2000
BIAS = 0.7
"""Log-odds the judge gives to whatever stands first."""
WORDS = tuple(map("".join, product(("lo", "mi", "ra", "se", "ta", "vu"), ("den", "gar", "pil"))))
RATIONALE = "The first one answers what was asked; the second one adds what nobody asked for."


@dataclass(frozen=True)
class Cost:
    """What a step took."""

    wall: float
    cpu: float
    peak: float
    """GB of resident memory."""


def make(path: Path, rows: int) -> None:
    """A run that was judged but not folded, and people's labels of some of its pairs."""
    path.mkdir()
    folder = RunFolder.standalone(path)
    rng = np.random.default_rng(rows)
    lean = rng.normal(0, 1.5, rows)
    keys = []
    with closing(sqlite3.connect(folder.staged)) as db:
        db.execute("CREATE TABLE pairs (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, body TEXT)")
        for number, (prompt, a, b) in enumerate(_texts(rows)):
            body = {"comparison": _comparison(number, prompt, a, b), "line": number + 1}
            keys.append(digest([["user", prompt]], *sorted((a, b))))
            row = (number, f"q{number}", json.dumps(body))
            db.execute("INSERT INTO pairs VALUES (?, ?, ?)", row)
        db.commit()
    _write_judgements(folder.judgements, keys, lean, rng)
    chosen = rng.choice(rows, min(LABELS, rows), replace=False)
    agrees = rng.random(len(chosen)) < 1 / (1 + np.exp(-lean[chosen]))
    with (path / "labels.jsonl").open("w") as file:
        for number, for_a in zip(chosen, agrees, strict=True):
            file.write(json.dumps({"id": f"q{number}", "label": "a" if for_a else "b"}) + "\n")


def _texts(rows: int) -> Iterator[tuple[str, str, str]]:
    """Prompt and two responses of each row."""
    rng = random.Random(rows)
    kept: list[tuple[str, str, str]] = []
    prompt = ""
    for number in range(rows):
        if kept and rng.random() < REPEATED:
            prompt_again, a, b = rng.choice(kept)
            yield prompt_again, b.capitalize(), a
            continue
        if number % PAIRS_A_PROMPT == 0 or not prompt:
            prompt = " ".join(rng.choices(WORDS, k=rng.randint(8, 20))) + "?"
        a, b = (" ".join(rng.choices(WORDS, k=rng.randint(8, 30))) + "." for _ in range(2))
        if len(kept) < 1000:
            kept.append((prompt, a, b))
        yield prompt, a, b


def _comparison(number: int, prompt: str, a: str, b: str) -> dict[str, Any]:
    return {
        "id": f"q{number}",
        "prompt": [Message(role="user", content=prompt).model_dump()],
        "a": {"text": a, "model": None},
        "b": {"text": b, "model": None},
        "domain": ("math", "writing", "code")[number % 3],
        "source": "made up",
    }


def _write_judgements(
    path: Path, keys: list[str], lean: NDArray[Any], rng: np.random.Generator
) -> None:
    """Two judgements a pair, one an order, as `write_parquet` writes them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from rlaif.exchange.tables import columns_of, schema_of

    n = 2 * len(keys)
    first = np.array(["ab", "ba"])[np.arange(n) % 2]
    shown = np.repeat(lean, 2) * np.where(first == "ab", 1, -1) + BIAS + rng.normal(0, 0.5, n)
    schema = schema_of(columns_of(Judgement))
    same = {
        "judge": "made-up-0123456789abcdef", "principle": "helpful", "sample": 0,
        "outcome": "verdict", "p_tie": 0.0, "confidence_source": "logprob",
        "rationale": RATIONALE, "error": None, "tokens_in": 200, "tokens_cached": 0,
        "tokens_out": 20, "cost_usd": 1e-4, "latency_s": 0.1, "attempts": 1,
        "model_version": "1", "prompt_hash": "0" * 32,
    }  # fmt: skip
    own = {
        "comparison": [f"q{i // 2}" for i in range(n)],
        "pair_key": [keys[i // 2] for i in range(n)],
        "order": first,
        "p_first": 1 / (1 + np.exp(-shown)),
        "call_key": [f"{i:032x}" for i in range(n)],
    }
    columns = [
        pa.array(own[field.name], field.type)
        if field.name in own
        else pa.repeat(pa.scalar(same[field.name], field.type), n)
        for field in schema
    ]
    pq.write_table(pa.table(columns, schema=schema), path, compression="zstd", row_group_size=4096)


def fold_run(path: Path) -> None:
    """Judgements to verdicts, with the position bias taken off."""
    from rlaif.exchange.staged import staged_pairs
    from rlaif.judges.card import load_judge
    from rlaif.pipelines.judging import Round, fold_round

    folder = RunFolder.standalone(path)
    work = Round(1, load_judge("offline", {}), (), folder.judgements, folder.verdicts)
    fold_round(work, lambda: staged_pairs(folder.staged))


def curate_run(path: Path) -> None:
    """Verdicts and labels to `curated/`."""
    from rlaif.judges.card import load_judge
    from rlaif.pipelines.curation import curate_folder
    from rlaif.pipelines.watch import Silent

    folder = RunFolder.standalone(path)
    recipe = Recipe.model_validate(
        {"name": "bench", "input": "made-up", "judge": {"card": "offline"}, "labels": "human"}
    )
    stage = CurateStage(labels=str(path / "labels.jsonl"))
    curate_folder(folder, recipe, stage, load_judge("offline", {}), Silent())


def _measured(step: Callable[[Path], None], path: Path) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    step(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return Cost(time.perf_counter() - wall, time.process_time() - cpu, peak)


def _apart(call: Callable[..., Any], *given: Any) -> Any:
    """The result of a call in a process of its own, so that its peak is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(call, *given).result()


def main() -> None:
    sizes = [int(word.replace("_", "").replace(",", "")) for word in sys.argv[1:]] or SIZES
    print("| verdicts | fold | curate | together | goal | peak memory | rows kept | load |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for rows in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "run"
            _apart(make, path, rows)
            fold, curate = (_apart(_measured, step, path) for step in (fold_run, curate_run))
            told = json.loads((path / "curated/curation.json").read_text())
        wall, cpu = fold.wall + curate.wall, fold.cpu + curate.cpu
        goal = "300 s, 4 GB" if rows == SIZES[-1] else "-"
        cells = [
            f"{rows:,}",
            *(f"{step.wall:.1f} s ({step.cpu:.1f} s CPU)" for step in (fold, curate)),
            f"{wall:.1f} s ({cpu:.1f} s CPU)",
            goal,
            f"{max(fold.peak, curate.peak):.2f} GB",
            f"{told['counts']['kept']:,}",
            f"{os.getloadavg()[0]:.1f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

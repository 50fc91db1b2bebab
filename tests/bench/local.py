"""The local judge against a plain loop, and against people.

    python -m tests.bench.local [FOLDER] [--model NAME] [--pairs 12] [--out FOLDER]

Comparisons a minute at one and at four principles, beside a plain script that asks the same model
the same prompts one by one (llama.cpp's defaults, nothing reused), with the ceiling that the reused
prefixes allow (prompt tokens of all calls / tokens left to read), the largest difference of a
label's log-odds between the two, and between ours and ours without any reuse. Without FOLDER on the
demo set, whose texts are the shortest; with one on pairs of it.

With a FOLDER of human pairs (`*.jsonl`, `*.jsonl.gz`; columns prompt, response_a, response_b,
label): agreement as well, on short non-tie pairs, one a prompt, up to --each of a file, without
those the prompt was chosen on. Answers are kept in --out: run again to go on.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from rlaif import demo, weights
from rlaif.calls.ledger import Ledger
from rlaif.calls.pool import Pool
from rlaif.calls.request import Request
from rlaif.clients.chat import encode
from rlaif.clients.llamacpp import LlamaCpp
from rlaif.clients.local import LocalClient
from rlaif.exchange.pairs import open_pairs
from rlaif.judges.judge import Bench, JudgeReader
from rlaif.judges.verdict import BiasEstimate, fold, logit
from rlaif.measures.intervals import clustered_mean
from rlaif.pipelines.agreement import Agreement
from rlaif.pipelines.answers import assemble
from rlaif.pipelines.asking import ask_all
from rlaif.pipelines.judging import grouped
from rlaif.pipelines.recipe import JudgeStage, Recipe
from rlaif.pipelines.setup import benches_of, judge_of, pool_settings
from rlaif.pipelines.watch import Silent
from rlaif.records import Judgement, LabelledComparison

PROMPT_CHARS = 300
RESPONSE_CHARS = 320
TUNED = Path(__file__).parent / "tuned_ids.txt"
PRINCIPLES = (1, 4)


@dataclass(frozen=True)
class Timed:
    """Log-odds of A over B by call key, and the seconds all rows but the first took."""

    log_odds: dict[str, float]
    seconds: float
    read: float = 1.0
    """Share of the prompt tokens that had to be read."""


def recipe_of(card: str, model: str, k: int) -> Recipe:
    """A recipe for the local card with its model exchanged."""
    stage = JudgeStage(card=card, principles=k, set={"model": model})
    return Recipe(name="bench", input="demo", judge=stage)


def bench_of(recipe: Recipe) -> Bench:
    """A fresh client and all else that is needed to ask."""
    return benches_of(recipe, judge_of(recipe.judge))[0]


def log_odds_of(probs: dict[str, float]) -> float:
    """Log-odds of A over B."""
    return math.log(probs["A"] / probs["B"])


def engine(rows: Sequence[LabelledComparison], model: str, k: int) -> Timed:
    """Through pool and ledger, as every run asks; the first row loads the model, untimed."""
    recipe = recipe_of("local", model, k)
    bench = bench_of(recipe)
    card = bench.judge.card

    async def go(ledger: Ledger) -> float:
        pool = Pool(bench.client, ledger, pool_settings(recipe, card), JudgeReader(card))
        await pool.run(bench.groups(row.comparison for row in rows[:1]))
        start = time.perf_counter()
        await pool.run(bench.groups(row.comparison for row in rows[1:]))
        seconds = time.perf_counter() - start
        await bench.client.close()
        return seconds

    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder, "l.sqlite")) as ledger:
        seconds = asyncio.run(go(ledger))
        told = [j for _, some in grouped(assemble(rows, (bench,), ledger, None)) for j in some]
    tokens = [(j.tokens_in, j.tokens_in - j.tokens_cached) for j in told]
    whole, read = (sum(column) for column in zip(*tokens, strict=True))
    found = {j.call_key: logit(j.p_first) for j in told if j.p_first is not None}
    return Timed(found, seconds, read / whole)


def requests_of(rows: Sequence[LabelledComparison], bench: Bench) -> Iterator[tuple[str, Request]]:
    """Every question about `rows`, in the order a plain script would ask them."""
    for row in rows:
        for group in bench.plan(row.comparison):
            for planned in group:
                yield planned.ask.key, planned.ask.request


def plain(rows: Sequence[LabelledComparison], model: str, k: int) -> Timed:
    """One call after the other in llama.cpp's defaults, each prompt read from its beginning."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights.fetch(model))
    params.n_ctx, params.n_parallel, params.verbosity = 4096, 1, -1
    server = xllamacpp.Server(params)
    start = time.perf_counter()
    # Tokenising is left to ours, and not counted.
    runtime = LlamaCpp(model, weights.fetch(model), 512, 1, None)
    prompts = list(_prompts(rows, bench_of(recipe_of("local", model, k)), runtime))
    first = len(prompts) // len(rows)
    found: dict[str, float] = {}
    for number, (key, tokens, labels) in enumerate(prompts):
        if number == first:
            start = time.perf_counter()
        body = {"prompt": tokens, "max_tokens": 1, "logprobs": 100, "cache_prompt": False}
        answer = server.handle_completions({**body, "temperature": 0})
        listed = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        logs = {entry["id"]: entry["logprob"] for entry in listed}
        found[key] = logs[labels[0]] - logs[labels[1]]
    seconds = time.perf_counter() - start
    runtime.close()
    return Timed(found, seconds)


def _prompts(
    rows: Sequence[LabelledComparison], bench: Bench, runtime: LlamaCpp
) -> Iterator[tuple[str, list[int], list[int]]]:
    for key, request in requests_of(rows, bench):
        labels = [runtime.tokens(f" {label}")[0] for label in request.labels]
        tokens = [*encode(request, runtime).tokens, *runtime.tokens(request.prefill)]
        yield key, tokens, labels


def without_reuse(rows: Sequence[LabelledComparison], model: str, k: int) -> dict[str, float]:
    """Ours, each call with the model newly loaded, so that none finds anything read."""

    async def go() -> dict[str, float]:
        bench = bench_of(recipe_of("local", model, k))
        assert isinstance(bench.client, LocalClient)
        found = {}
        for key, request in requests_of(rows, bench):
            await bench.client.close()
            reply = await bench.client.send(request, 600)
            found[key] = log_odds_of(dict(reply.label_probs or {}))
        await bench.client.close()
        return found

    return asyncio.run(go())


def speed(model: str, rows: Sequence[LabelledComparison]) -> None:
    """Print comparisons a minute and how far answers lie apart; the first row only warms up."""
    pairs = len(rows) - 1
    print(f"{model}: {pairs} comparisons in both orders, comparisons a minute")
    heads = ("principles", "plain loop", "rlaif", "times", "ceiling")
    print("{:>10} {:>11} {:>7} {:>6} {:>8}  largest difference".format(*heads))
    for k in PRINCIPLES:
        slow, fast = plain(rows, model, k), engine(rows, model, k)
        few = rows[:2]
        alone = without_reuse(few, model, k)
        here = max(abs(fast.log_odds[key] - value) for key, value in alone.items())
        there = max(abs(fast.log_odds[key] - value) for key, value in slow.log_odds.items())
        print(
            f"{k:>10} {60 * pairs / slow.seconds:>11.1f} {60 * pairs / fast.seconds:>7.1f}"
            f" {slow.seconds / fast.seconds:>6.2f} {1 / fast.read:>8.2f}"
            f"  {here:.1e} to ours without reuse"
            f" ({len(alone)} calls), {there:.2f} to llama.cpp's defaults"
        )


def short_pairs(folder: Path, each: int, longest: int | None = None) -> list[LabelledComparison]:
    """Short non-tie pairs (or of up to `longest` characters a text), one a prompt, drawn by seed;
    those of the tuning set and files without any are left out."""
    tuned = set(TUNED.read_text(encoding="utf-8").splitlines())
    chosen: list[LabelledComparison] = []
    files = sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")])
    for path in files:
        rows = [r for r in open_pairs(path, 0) if isinstance(r, LabelledComparison)]
        barred = {r.comparison.prompt_key for r in rows if r.comparison.id in tuned}
        good = [r for r in rows if _is_short(r, longest) and r.comparison.prompt_key not in barred]
        random.Random(0).shuffle(good)
        of_prompt = {row.comparison.prompt_key: row for row in good}
        taken = list(of_prompt.values())[:each]
        chosen += taken
        print(f"{path.name}: {len(taken)} of {len(rows)} pairs")
    return chosen


def _is_short(row: LabelledComparison, longest: int | None) -> bool:
    prompt = sum(len(message.content) for message in row.comparison.prompt)
    texts = (row.comparison.a.text, row.comparison.b.text)
    fits = all(15 <= len(text) <= (longest or RESPONSE_CHARS) for text in texts)
    return row.label in ("a", "b") and prompt <= (longest or PROMPT_CHARS) and fits


def judge(
    rows: Sequence[LabelledComparison], recipe: Recipe, ledger: Ledger
) -> dict[str, list[Judgement]]:
    """All judgements by comparison; what the ledger has is not asked again."""
    bench = bench_of(recipe)
    ask_all(recipe, bench, lambda: iter(rows), ledger, None, Silent())
    return {name: list(told) for name, told in grouped(assemble(rows, (bench,), ledger, None))}


def agreement(
    rows: Sequence[LabelledComparison], told: dict[str, list[Judgement]]
) -> dict[str, Any]:
    """Figures of one way of asking; the bias is estimated on these rows, without their labels."""
    biases, counted = BiasEstimate(), Agreement()
    for row in rows:
        biases.add(fold(row.comparison, "local", told.get(row.comparison.id, [])).parts)
    estimated = biases.estimate()
    for row in rows:
        judgements = told.get(row.comparison.id, [])
        counted.add(row, fold(row.comparison, "local", judgements, biases=estimated))
    confidence, both = np.asarray(counted.confidence), np.asarray(counted.both_orders)
    clusters = np.asarray(counted.clusters)
    figures: dict[str, Any] = dict(counted.figures())
    for name, share, keep in (
        ("top quarter", 0.75, np.greater_equal),
        ("bottom half", 0.5, np.less),
    ):
        where = keep(confidence, np.nanquantile(confidence, share))
        figures[f"{name} by confidence"] = clustered_mean(both[where], clusters[where])
    medians = ", ".join(f"{value:+.2f}" for value in list(estimated.values())[:1])
    return {**figures, "position bias (first principle, log-odds)": medians or "-"}


def people(
    rows: Sequence[LabelledComparison],
    given: argparse.Namespace,
    show: Callable[[str], None] = print,
) -> None:
    """Print agreement: one principle, several, and with reasoning on a part beside without."""
    part = random.Random(1).sample(rows, min(given.reasoned, len(rows)))
    ways = [
        ("one principle", "local", 1, rows),
        (f"{given.several} principles", "local", given.several, rows),
        ("one principle, the part", "local", 1, part),
        ("the part with reasoning", "local_cot", 1, part),
    ]
    with Ledger(given.out / "ledger.sqlite") as ledger:
        for name, card, k, some in ways:
            if not some:
                continue
            start = time.perf_counter()
            told = judge(some, recipe_of(card, given.model, k), ledger)
            spent = time.perf_counter() - start
            show(f"\n{name} ({len(some)} pairs, {spent / len(some):.1f} s a pair in this run)")
            for figure, value in agreement(some, told).items():
                show(f"  {figure:42} {value}")


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="human pairs, for agreement")
    parser.add_argument("--model", default="qwen2.5-coder-1.5b-instruct")
    parser.add_argument("--pairs", type=int, default=12, help="comparisons of the speed figures")
    parser.add_argument("--each", type=int, default=80, help="pairs of one file at most")
    parser.add_argument(
        "--longest", type=int, help="characters of a text, instead of a few hundred"
    )
    parser.add_argument("--several", type=int, default=4, help="principles, where several")
    parser.add_argument("--reasoned", type=int, default=40, help="pairs also judged with reasoning")
    parser.add_argument("--skip-speed", action="store_true", help="agreement only")
    parser.add_argument("--skip-agreement", action="store_true", help="speed only")
    parser.add_argument("--out", type=Path, default=Path("outputs/bench-local"))
    given = parser.parse_args()
    # The plain loop too gets threads that sleep while they wait, so that a busy machine is fair.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    given.out.mkdir(parents=True, exist_ok=True)
    rows = short_pairs(given.folder, given.each, given.longest) if given.folder else []
    if not given.skip_speed:
        timed = random.Random(2).sample(rows, given.pairs + 1) if rows else demo.comparisons()
        speed(given.model, list(islice(timed, given.pairs + 1)))
    if rows and not given.skip_agreement:
        people(rows, given)


if __name__ == "__main__":
    main()

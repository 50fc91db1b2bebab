"""What is compared: rlaif's own path, a bare loop over the SDK, and the script people write.

Each runs in a process of its own (`python -m tests.bench.askers NAME JSON`) and prints one JSON
line. CPU is that of the whole process between the first call and the last record.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from rlaif import constitution, content
from rlaif.calls.ledger import Ledger
from rlaif.calls.money import Price
from rlaif.calls.pool import Event, Pool, PoolSettings
from rlaif.clients import open_client
from rlaif.judges.card import load_judge
from rlaif.judges.judge import Bench, JudgeReader
from rlaif.records import Comparison, Message, Response

TEXT = "the answer is right because it says what was asked and leaves nothing out at all. " * 4


def comparisons(count: int) -> Iterator[Comparison]:
    """Distinct comparisons of a few hundred characters."""
    for n in range(count):
        yield Comparison(
            id=str(n),
            prompt=(Message(role="user", content=f"Question {n}: which of the two is right?"),),
            a=Response(text=f"{n} {TEXT}"),
            b=Response(text=f"{TEXT} {n}, in other words"),
        )


def bench_of(url: str) -> Bench:
    """The shipped `openai` judge, pointed at the stub: reasons, log-probabilities, both orders."""
    judge = load_judge("openai", {"base_url": url})
    card = judge.card
    assert card.client is not None
    client = open_client(card.client, model=card.model, base_url=url, who="judge openai")
    rules = constitution.load(content.find("constitution", "core"))
    return Bench(judge, client, rules, 1, 0)


def measure(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Wall and CPU seconds of `work`, beside what it returns."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu} | found


def rlaif(url: str, calls: int, in_flight: int, ledger: str, **settings: Any) -> dict[str, Any]:
    """The engine as a judge run uses it: draw, render, key, ask, read, commit, make records."""
    memory: list[tuple[int, float]] = []

    def note(event: Event) -> None:
        memory.append((event.finished, _resident_mb()))

    async def run() -> dict[str, Any]:
        started = time.process_time()
        bench = bench_of(url)
        with Ledger(Path(ledger)) as book:
            options = PoolSettings(in_flight=in_flight, max_failures=1.0, **settings)
            reader, price = JudgeReader(bench.judge.card), Price(0.75, 4.5, 0.075)
            pool = Pool(bench.client, book, options, reader, price, on_event=note)
            tally = await pool.run(bench.groups(comparisons(calls // 2)))
            await bench.client.close()
            asked_cpu_s = time.process_time() - started
            records = sum(1 for _ in _judgements(bench, book, calls // 2))
        return {
            "records": records,
            "asked_cpu_s": asked_cpu_s,
            "asked": tally.asked,
            "reused": tally.reused,
            "outcomes": {str(k): v for k, v in tally.outcomes.items()},
            "failures": {str(k): v for k, v in tally.failures.items()},
            "hedges": tally.hedges,
            "hedged_calls": tally.hedged_calls,
            "possibly_billed": tally.possibly_billed,
            "seconds": tally.seconds,
            "stopped": tally.stopped,
            "memory": memory,
        }

    import openai  # noqa: F401 - starting up is another figure

    return measure(lambda: asyncio.run(run()))


def _judgements(bench: Bench, book: Ledger, count: int) -> Iterator[str]:
    """Every answer as a record, a few hundred comparisons at a time, serialised."""
    source = comparisons(count)
    while some := list(islice(source, 250)):
        chunk = [(one, planned) for one in some for group in bench.plan(one) for planned in group]
        answers = book.fetch([planned.ask.key for _, planned in chunk])
        for comparison, planned in chunk:
            if planned.ask.key in answers:
                yield bench.judgement(
                    comparison, planned, answers[planned.ask.key]
                ).model_dump_json()


def _bodies(url: str, calls: int) -> list[dict[str, Any]]:
    bench = bench_of(url)
    groups = bench.groups(comparisons(calls // 2))
    return [bench.client.body(ask.request) for group in groups for ask in group]


def bare(url: str, calls: int, in_flight: int) -> dict[str, Any]:
    """The SDK's low-level `post` on its aiohttp transport, in a loop of workers; keeps nothing."""
    import openai

    bodies = iter(_bodies(url, calls))

    async def worker(sdk: openai.AsyncOpenAI) -> None:
        for body in bodies:
            await sdk.post("/chat/completions", body=body, cast_to=object)

    async def run() -> dict[str, Any]:
        http = openai.DefaultAioHttpClient()
        async with openai.AsyncOpenAI(api_key="x", base_url=url, http_client=http) as sdk:
            await asyncio.gather(*(worker(sdk) for _ in range(in_flight)))
        return {}

    return measure(lambda: asyncio.run(run()))


def naive(url: str, calls: int, threads: int = 10) -> dict[str, Any]:
    """The script people write: ten threads, the SDK's `create`, no retry of their own."""
    import openai

    bodies = _bodies(url, calls)
    with openai.OpenAI(api_key="x", base_url=url) as sdk:

        def ask(body: dict[str, Any]) -> bool:
            try:
                sdk.chat.completions.create(**body)
            except Exception:  # a broken body escapes the SDK's own exceptions
                return False
            return True

        def run() -> dict[str, Any]:
            with ThreadPoolExecutor(threads) as pool:
                return {"answered": sum(pool.map(ask, bodies))}

        return measure(run)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


ASKERS: dict[str, Callable[..., dict[str, Any]]] = {"rlaif": rlaif, "bare": bare, "naive": naive}

if __name__ == "__main__":
    print(json.dumps(ASKERS[sys.argv[1]](**json.loads(sys.argv[2]))))

"""`make bench-judge`: the call engine beside plain scripts, against a stub on loopback.

    python -m tests.bench.engine [SECTION ...]      speed ideal faults never limit kill memory

The stub and every asker run in processes of their own. Prints a table; writes it with all raw
figures to outputs/bench/engine.md and engine.json.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.provider import StubProvider

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "outputs" / "bench"
REPEATS = 3


@dataclass
class Row:
    """One figure: what was measured, what came out, what was to be reached."""

    what: str
    figure: str
    value: float
    goal: float
    raw: dict[str, Any]

    @property
    def reached(self) -> bool:
        return self.value <= self.goal


def command(name: str, **given: Any) -> list[str]:
    return [sys.executable, "-m", "tests.bench.askers", name, json.dumps(given)]


def ask(name: str, **given: Any) -> dict[str, Any]:
    """Run one asker in its own process."""
    env = os.environ | {"OPENAI_API_KEY": "stub"}
    done = subprocess.run(
        command(name, **given), cwd=ROOT, env=env, check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def ledger() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield str(Path(folder) / "ledger.sqlite")


def run_rlaif(url: str, calls: int, in_flight: int, **settings: Any) -> dict[str, Any]:
    with ledger() as path:
        return ask("rlaif", url=url, calls=calls, in_flight=in_flight, ledger=path, **settings)


def speed() -> Iterator[Row]:
    """CPU and wall at 256 in flight, 200 ms: rounds of all askers in turn, medians."""
    calls, raw = 4000, []
    with StubProvider(latency=0.2) as stub:
        for _ in range(REPEATS):
            raw.append(
                {
                    "bare": ask("bare", url=stub.openai, calls=calls, in_flight=256),
                    "rlaif": run_rlaif(stub.openai, calls, 256),
                }
            )
        naive = ask("naive", url=stub.openai, calls=400)
    for what, goal in (("cpu_s", 2.0), ("wall_s", 1.6)):
        ratio = statistics.median(pair["rlaif"][what] / pair["bare"][what] for pair in raw)
        best = [min(pair[who][what] for pair in raw) for who in ("rlaif", "bare")]
        figure = f"{1e3 * best[0] / calls:.2f} against {1e3 * best[1] / calls:.2f} ms a call"
        name = "CPU" if what == "cpu_s" else "wall"
        yield Row(
            f"{name} of rlaif / bare SDK loop, 256 in flight", figure, ratio, goal, {"rounds": raw}
        )
    wall = statistics.median(pair["rlaif"]["wall_s"] for pair in raw) / calls
    figure = f"{1e3 * wall:.2f} against {1e3 * naive['wall_s'] / 400:.2f} ms a call"
    yield Row("wall of rlaif / naive 10 threads", figure, wall * 400 / naive["wall_s"], 1.0, naive)
    cpu = statistics.median(pair["rlaif"]["cpu_s"] for pair in raw) / calls
    figure = f"{1e3 * cpu:.2f} against {1e3 * naive['cpu_s'] / 400:.2f} ms a call"
    yield Row("CPU of rlaif / naive 10 threads", figure, cpu * 400 / naive["cpu_s"], 1.0, naive)


def ideal() -> Iterator[Row]:
    """64 in flight at 200 ms."""
    calls, best = 3200, 3200 / 64 * 0.2
    with StubProvider(latency=0.2) as stub:
        found = run_rlaif(stub.openai, calls, 64)
    figure = f"{found['seconds']:.2f} s, ideal {best:.1f} s"
    yield Row("64 in flight, 200 ms: time / ideal", figure, found["seconds"] / best, 1.25, found)


def faults() -> Iterator[Row]:
    """5 % 429, 2 % 500, 1 % hang 30 s, 2 % garbage."""
    calls, best = 2000, 2000 / 64 * 0.1
    mix = {"rate_429": 0.05, "retry_after": 1.0, "rate_500": 0.02, "hang": 0.01, "garbage": 0.02}
    with StubProvider(latency=0.1, **mix) as stub:
        found = run_rlaif(stub.openai, calls, 64)
        seen = stub.stats()
        stub.reset()
        naive = ask("naive", url=stub.openai, calls=200)
    lost = calls - _voted(found)
    figure = f"{found['seconds']:.1f} s, ideal {best:.1f} s; hedged {found['hedged_calls']}"
    raw = found | {"stub": seen, "naive_200_calls": naive}
    yield Row("fault mix, 2,000 calls: time / ideal", figure, found["seconds"] / best, 3.0, raw)
    yield Row("fault mix: calls lost", f"{lost} of {calls}", lost, 0, {})


def never() -> Iterator[Row]:
    """0.5 % of questions are never answered, however often they are asked."""
    calls = 2000
    with StubProvider(latency=0.1, never=0.005) as stub:
        found = run_rlaif(stub.openai, calls, 64)
        dead = stub.stats()["faults"].get("never", 0)
    named = found["outcomes"].get("transport_failure", 0)
    figure = f"{found['seconds']:.1f} s; {named} named, asked {dead} times"
    yield Row("0.5 % never answered: seconds", figure, found["seconds"], 30, found)
    lost = calls - _voted(found) - named
    yield Row("never answered: calls neither out nor named", f"{lost}", lost, 0, {})


def limit() -> Iterator[Row]:
    """3,000 requests a minute, advertised and not."""
    calls = 3000
    best = (calls - 50) / 50
    for headers in (True, False):
        with StubProvider(latency=0.1, rpm=3000, rate_headers=headers) as stub:
            found = run_rlaif(stub.openai, calls, 64)
        refused = found["failures"].get("rate_limited", 0)
        lost = calls - _voted(found)
        how = "advertised" if headers else "not advertised"
        figure = f"{found['seconds']:.1f} s, best {best:.0f} s; {refused} 429s, {lost} lost"
        yield Row(
            f"3,000 requests/min, {how}: time / best", figure, found["seconds"] / best, 1.15, found
        )


def kill() -> Iterator[Row]:
    """SIGKILL at half, then the same command again."""
    calls, in_flight = 4000, 64
    with StubProvider(latency=0.1) as stub, ledger() as path:
        given = {"url": stub.openai, "calls": calls, "in_flight": in_flight, "ledger": path}
        env = os.environ | {"OPENAI_API_KEY": "stub"}
        with subprocess.Popen(
            command("rlaif", **given), cwd=ROOT, env=env, stdout=subprocess.DEVNULL
        ) as child:
            while stub.stats()["answered"] < calls / 2:
                time.sleep(0.05)
                assert child.poll() is None
            os.kill(child.pid, signal.SIGKILL)
        found = ask("rlaif", **given)
        seen = stub.stats()
    twice, hedges = seen["billed_twice"], found["hedges"]
    figure = f"{twice} paid twice, {in_flight} in flight, {hedges} hedges"
    raw = found | {"stub": seen}
    yield Row("SIGKILL at half: paid twice", figure, twice, in_flight + hedges, raw)
    lost = calls - found["records"]
    yield Row("SIGKILL at half: lost", f"{lost} of {calls}", lost, 0, {})


def memory() -> Iterator[Row]:
    """Resident memory over 40,000 calls."""
    calls = 40_000
    with StubProvider(latency=0.02) as stub:
        found = run_rlaif(stub.openai, calls, 64)
    early = max(mb for finished, mb in found["memory"] if finished <= 4000)
    most = max(mb for _, mb in found["memory"])
    found["memory"] = found["memory"][:: max(1, len(found["memory"]) // 40)]
    figure = f"{early:.0f} MB after 4,000, {most:.0f} MB at most"
    yield Row("40,000 calls: resident MB", figure, most, 200, found)
    yield Row("40,000 calls: growth after 4,000, MB", figure, most - early, 10, {})


def _voted(found: dict[str, Any]) -> int:
    return sum(n for outcome, n in found["outcomes"].items() if outcome in ("verdict", "tie"))


SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    one.__name__: one for one in (speed, ideal, faults, never, limit, kill, memory)
}


def table(rows: list[Row]) -> str:
    """The rows as a markdown table."""
    lines = ["| measured | result | value | goal | |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        mark = "reached" if row.reached else "missed"
        lines.append(f"| {row.what} | {row.figure} | {row.value:.2f} | <= {row.goal:g} | {mark} |")
    return "\n".join(lines) + "\n"


def main(names: list[str]) -> None:
    """Run the named sections, or all."""
    unknown = set(names) - set(SECTIONS)
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    rows: list[Row] = []
    for name in names or SECTIONS:
        for row in SECTIONS[name]():
            rows.append(row)
            print(f"{row.what}: {row.value:.2f} (goal {row.goal:g})  {row.figure}", flush=True)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "engine.md").write_text(table(rows))
    (OUT / "engine.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print("\n" + table(rows))
    if not all(row.reached for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])

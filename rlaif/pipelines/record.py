"""`make record-demo`: judges the whole demo set live and records the answers that a demo reuses.

The first rows stay out of the recording, so that every run of the demo judges those itself.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rlaif import __version__, weights
from rlaif.calls.ledger import Ledger
from rlaif.errors import StoppedError
from rlaif.judges.judge import Bench
from rlaif.pipelines.artifacts import OUTPUTS, RunFolder
from rlaif.pipelines.recipe import Recipe, load_recipe
from rlaif.pipelines.run import run_recipe
from rlaif.pipelines.setup import benches_of, judge_of
from rlaif.pipelines.state import Run
from rlaif.pipelines.watch import Watch

LIVE = 60
"""How many of the first rows are left for every run to judge."""


def record(name: str, watch: Watch) -> Path:
    """Judge the recipe's input with nothing recorded; returns the file of recorded answers.

    Killed and started again it goes on. Raises StoppedError if not every call was answered.
    """
    recipe, path = load_recipe(name)
    assert recipe.recorded is not None
    fresh = recipe.model_copy(update={"recorded": None, "reasoned": None})
    folder = RunFolder.standalone(OUTPUTS / f"record-{recipe.name}")
    result = run_recipe(fresh, path.parent, folder, watch, until="judge")
    if result.exit_code or result.run.judged is None or result.run.judged.counts.failed:
        raise StoppedError("not every call was answered: run it again")
    target = path.parent / recipe.recorded.answers
    bench = benches_of(fresh, judge_of(fresh.judge))[0]
    with Ledger(folder.ledger) as ledger, folder.writing(target) as temporary:
        count = ledger.export(temporary, _keys(bench, result.run))
    about = target.with_suffix("").with_suffix(".json")
    with folder.writing(about) as temporary:
        temporary.write_text(json.dumps(_about(recipe, bench, result.run, count), indent=2) + "\n")
    return target


def _keys(bench: Bench, run: Run) -> Iterator[str]:
    for row in islice(run.rows(), LIVE, None):
        for group in bench.plan(row.comparison):
            yield from (call.ask.key for call in group)


def _about(recipe: Recipe, bench: Bench, run: Run, count: int) -> dict[str, Any]:
    assert run.judged is not None
    plan = weights.locate(bench.judge.card.model)
    return {
        "answers": count,
        "recorded": time.strftime("%Y-%m-%d"),
        "machine": f"{_cpu()}, {os.cpu_count()} cores, {platform.system()}",
        "judge": bench.judge.fingerprint,
        "model": sorted(run.judged.counts.models),
        "weights_sha256": plan.sha256,
        "constitution": bench.constitution.fingerprint,
        "seed": recipe.seed,
        "rlaif": __version__,
    }


def _cpu() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())

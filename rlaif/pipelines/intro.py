"""The first lines of a run: who judges what, about what it takes, and what must be fetched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlaif import weights
from rlaif.clients import keys
from rlaif.errors import ConfigError
from rlaif.exchange.display import counted
from rlaif.exchange.staged import StagedInput, StagedPrompts
from rlaif.judges.judge import Bench
from rlaif.judges.steps import StepBench
from rlaif.pipelines.estimate import estimate, total
from rlaif.pipelines.estimate_candidates import estimate_judging, estimate_writing
from rlaif.pipelines.recipe import JudgeStage, Recipe
from rlaif.pipelines.setup import benches_of, judge_of
from rlaif.pipelines.watch import Watch

PAID = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
"""Judges that a key in the environment would allow, and the variable it stands in."""


def introduce(
    recipe: Recipe,
    base: Path,
    staged: StagedInput,
    benches: Sequence[Bench],
    recorded: int,
    watch: Watch,
) -> None:
    """Say what is about to happen; nothing here asks or pays."""
    cost = total([estimate(staged, bench) for bench in benches])
    found = f"{counted(staged.count, 'comparison')} from {staged.name}"
    watch.say(f"{found}, judge {recipe.judge.card}: {cost}")
    if staged.ignored:
        watch.say(f"columns that nothing reads: {', '.join(staged.ignored)}")
    if recorded and recipe.recorded:
        about = _about(base / recipe.recorded.answers)
        watch.say(
            f"{recorded:,} of these answers were recorded on {about['recorded']} with"
            f" {', '.join(about['model'])} ({about['machine']}; weights"
            f" {about['weights_sha256'][:16]}); the others are asked now"
        )
    asked = {bench.judge.card.client for bench in benches}
    asked |= (
        {policy.client for policy in recipe.candidates.policies} if recipe.candidates else set()
    )
    for name, variable in PAID.items():
        if name not in asked and keys.secret(variable):
            watch.say(f"{variable} is set and stays unused: {_offer(recipe, staged, name)}")


def introduce_prompts(
    recipe: Recipe, prompts: StagedPrompts, benches: Sequence[Bench], watch: Watch
) -> None:
    """The same for a recipe that makes its own pairs."""
    watch.say(f"{counted(prompts.count, 'prompt')} from {prompts.name}")
    for cost in estimate_writing(recipe, prompts):
        watch.say(f"{cost.judge}: {cost}")
    assert recipe.candidates is not None
    judging = total([estimate_judging(recipe.candidates, prompts, bench) for bench in benches])
    watch.say(f"judge {recipe.judge.card}: at most {judging}")
    if prompts.ignored:
        watch.say(f"columns that nothing reads: {', '.join(prompts.ignored)}")


def _about(answers: Path) -> dict[str, Any]:
    """When, where and with what recorded answers were made: the JSON file beside them."""
    path = answers.with_suffix("").with_suffix(".json")
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ConfigError(f"{path}: cannot be read: record it again with rlaif record") from None
    return about


def _offer(recipe: Recipe, staged: StagedInput, name: str) -> str:
    """What judging by a paid judge would take instead."""
    stage = JudgeStage(card=name, principles=recipe.judge.principles)
    paid = recipe.model_copy(update={"judge": stage})
    try:
        costs = [estimate(staged, bench) for bench in benches_of(paid, judge_of(stage))]
    except ConfigError:
        return f"JUDGE={name} would judge with it"
    return f"JUDGE={name} would judge with it ({total(costs)})"


def fetch_weights(benches: Sequence[Bench | StepBench], watch: Watch) -> None:
    """Fetch the local models that are asked and not here yet, after saying what and whence."""
    for bench in benches:
        if bench.judge.card.client == "local":
            fetch_model(bench.judge.card.model, watch)


def fetch_model(model: str, watch: Watch) -> None:
    """Fetch one local model likewise."""
    if model.lower() not in weights.KNOWN:
        return
    plan = weights.locate(model)
    if plan.present:
        return
    _tell_fetch(plan, "MODEL=path", watch)
    try:
        weights.fetch(model, watch.fetching)
    finally:
        watch.end()


def fetch_base(name: str, watch: Watch) -> Path:
    """The folder of a base to train on, fetched likewise. Raises as `weights.base` does."""
    plan = weights.locate_base(name)
    if plan and not plan.present:
        _tell_fetch(plan, "base=path", watch)
    try:
        return weights.base(name, watch.fetching)
    finally:
        watch.end()


def _tell_fetch(plan: weights.Weights, own: str, watch: Watch) -> None:
    watch.say(
        f"Fetching {plan.name} once: {plan.size / 1e9:.2f} GB, about {plan.seconds:.0f} s;"
        f" SHA-256 {plan.sha256}"
    )
    watch.say(f"  from {plan.source}; to {plan.path}; or bring your own with {own}")

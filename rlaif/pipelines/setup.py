"""From a recipe to models that can be asked: cards, clients, constitution, prices, settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rlaif import constitution, content
from rlaif.calls.money import Budget, Price
from rlaif.calls.pool import PoolSettings
from rlaif.calls.request import Client
from rlaif.candidates.policy import Policy
from rlaif.candidates.revise import Reviser
from rlaif.candidates.sample import Sampler
from rlaif.clients import open_client
from rlaif.errors import ConfigError
from rlaif.judges.card import Card, Judge, load_judge
from rlaif.judges.judge import Bench
from rlaif.pipelines.recipe import JudgeStage, Recipe

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
"""Variables without which a client does not open."""
IN_FLIGHT = 256
"""Calls at once where nobody says otherwise: 10,000 a minute at 1.5 s each. The pool takes fewer
as soon as the endpoint refuses, and a local model holds only what keeps it busy."""


def judge_of(stage: JudgeStage) -> Judge:
    """The judge a recipe names, its card overridden by `judge.set`."""
    return load_judge(stage.card, stage.set)


def pair_judge_of(recipe: Recipe) -> Judge:
    """The same for a recipe of pairs. Raises ConfigError for a card that does not judge them.

    The second card (`reasoned`), where it is asked, is looked at as well.
    """
    judge = judge_of(recipe.judge)
    for member in judge.members or (judge,):
        _check_asked_about_pairs(member, "judge.card")
    if recipe.reasoned and recipe.reasoned.beside == recipe.judge.card:
        _check_asked_about_pairs(load_judge(recipe.reasoned.card), "reasoned.card")
    return judge


def _check_asked_about_pairs(judge: Judge, key: str) -> None:
    if judge.card.kind == "steps":
        raise ConfigError(
            f"{key}: {judge.name!r} judges worked solutions, not pairs: name a judge of pairs"
            f" (rlaif judges list), or run rlaif judge SOLUTIONS --judge {judge.name} --out DIR"
        )
    if judge.members:
        names = ", ".join(member.name for member in judge.members)
        raise ConfigError(
            f"{key}: {judge.name!r} is a {judge.card.kind} where one judge is asked: name one of"
            f" its members ({names})"
        )


def client_of(judge: Judge) -> Client:
    """An open client for a comparison card. Raises ConfigError for a missing key."""
    card = judge.card
    if card.client is None:
        raise ConfigError(f"{judge.name}: a {card.kind} has no client of its own")
    return open_client(
        card.client,
        model=card.model,
        base_url=card.base_url,
        options=card.options,
        who=f"judge {judge.name}",
    )


def benches_of(recipe: Recipe, judge: Judge) -> tuple[Bench, ...]:
    """One bench for each card that is asked: the judge itself, or its members."""
    rules = constitution.load(content.find("constitution", recipe.constitution))
    return tuple(
        Bench(member, client_of(member), rules, recipe.judge.principles, recipe.seed)
        for member in judge.members or (judge,)
    )


def groups_of(recipe: Recipe, judge: Judge) -> tuple[tuple[Bench, ...], ...]:
    """The benches that are asked together: all at once, or a cascade's stages one after another."""
    benches = benches_of(recipe, judge)
    return tuple((b,) for b in benches) if judge.card.kind == "cascade" else (benches,)


def budget_of(recipe: Recipe, judges: Sequence[Judge]) -> Budget | None:
    """The cap a recipe sets. Raises ConfigError where a price is unknown: nothing could hold it."""
    if recipe.budget_usd is None:
        return None
    if any(judge.card.price is None for judge in judges):
        raise ConfigError(
            "budget_usd needs a known price: set judge.set.price.input and .output"
            " (USD per million tokens)"
        )
    for policy in recipe.candidates.policies if recipe.candidates else ():
        if policy.price is None:
            raise ConfigError(
                f"budget_usd needs a known price: give policy {policy.name!r} one, such as"
                " price: {input: 0.5, output: 2} (USD per million tokens; 0 for a model of yours)"
            )
    return Budget(recipe.budget_usd)


def price_of(card: Card) -> Price | None:
    """The card's price; None where it is unknown."""
    return card.price.per_call() if card.price else None


def writer_of(policy: Policy) -> Client:
    """An open client for a policy. Raises ConfigError for a missing key."""
    return open_client(
        policy.client,
        model=policy.model,
        base_url=policy.base_url,
        options=policy.options,
        who=f"policy {policy.name}",
    )


def samplers_of(recipe: Recipe) -> tuple[Sampler, ...]:
    """One sampler for each policy, its client open. Raises ConfigError for a missing key."""
    policies = recipe.candidates.policies if recipe.candidates else ()
    return tuple(Sampler(policy, writer_of(policy), recipe.seed) for policy in policies)


def reviser_of(recipe: Recipe, samplers: Sequence[Sampler]) -> Reviser | None:
    """The first policy as reviser, by the principles that the judge draws from."""
    if recipe.candidates is None or not recipe.candidates.revise:
        return None
    rules = constitution.load(content.find("constitution", recipe.constitution))
    return Reviser(samplers[0], rules, recipe.candidates.revise)


def policy_settings(recipe: Recipe, policy: Policy) -> PoolSettings:
    """How a policy's calls are paced."""
    known = policy.limits.model_dump(exclude_none=True)
    return PoolSettings(
        timeout_s=policy.timeout_s,
        max_failures=recipe.max_failures,
        seed=recipe.seed,
        **{"in_flight": IN_FLIGHT, **known},
    )


def pool_settings(recipe: Recipe, card: Card) -> PoolSettings:
    """How a card's calls are paced: the recipe's word goes before the card's."""
    stage = recipe.judge
    given: Mapping[str, Any] = {
        "in_flight": stage.concurrency or card.limits.in_flight or IN_FLIGHT,
        "rpm": stage.rpm or card.limits.rpm,
        "tpm": stage.tpm or card.limits.tpm,
    }
    known = {key: value for key, value in given.items() if value is not None}
    return PoolSettings(
        timeout_s=card.timeout_s,
        max_output=card.max_tokens_raised,
        max_failures=recipe.max_failures,
        seed=recipe.seed,
        **known,
    )


@contextmanager
def placeholder_keys() -> Iterator[None]:
    """Clients want a key to open: where nothing will be sent, any will do if there is none."""
    missing = [name for name in KEYS if name not in os.environ]
    os.environ.update(dict.fromkeys(missing, "no-key-needed"))
    try:
        yield
    finally:
        for name in missing:
            del os.environ[name]

"""From a recipe to a judge that can be asked: cards, clients, constitution, prices, settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif import constitution, content
from rlaif.calls.money import Price
from rlaif.calls.pool import PoolSettings
from rlaif.calls.request import Client
from rlaif.clients import open_client
from rlaif.errors import ConfigError
from rlaif.judges.card import Card, Judge, load_judge
from rlaif.judges.judge import Bench
from rlaif.pipelines.recipe import JudgeStage, Recipe

IN_FLIGHT = 256
"""Calls at once where nobody says otherwise: 10,000 a minute at 1.5 s each. The pool takes fewer
as soon as the endpoint refuses, and a local model holds only what keeps it busy."""


def judge_of(stage: JudgeStage) -> Judge:
    """The judge a recipe names, its card overridden by `judge.set`."""
    return load_judge(stage.card, stage.set)


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
    members = judge.members or (judge,)
    return tuple(
        Bench(member, client_of(member), rules, recipe.judge.principles, recipe.seed)
        for member in members
    )


def price_of(card: Card) -> Price | None:
    """The card's price; None where it is unknown."""
    return card.price.per_call() if card.price else None


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

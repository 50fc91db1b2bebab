"""Prompts get responses: sampled, then revised, through the pool and the ledger like judging."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rlaif.calls.ledger import Ledger
from rlaif.calls.money import Budget
from rlaif.calls.pool import Ask
from rlaif.calls.tally import Tally
from rlaif.candidates.candidate import Answered, Candidate, TextReader
from rlaif.candidates.policy import Policy
from rlaif.candidates.revise import Reviser
from rlaif.candidates.sample import Sampler, gather
from rlaif.errors import StoppedError
from rlaif.exchange.parquet import write_parquet
from rlaif.exchange.staged import StagedPrompts
from rlaif.pipelines.answers import spent_on
from rlaif.pipelines.asking import ask_pool, raise_stop
from rlaif.pipelines.recipe import Recipe
from rlaif.pipelines.setup import policy_settings, reviser_of, samplers_of, writer_of
from rlaif.pipelines.watch import Watch

T = TypeVar("T")

Groups = Callable[[], Iterator[Sequence[Ask]]]


@dataclass
class Drafted:
    """What the candidates stage came to."""

    tallies: list[tuple[str, Tally]] = field(default_factory=list)
    """Of each pass of calls, in order; adaptive pairing's judging among them."""
    origins: Counter[str] = field(default_factory=Counter)
    """Candidates by origin: given, sampled, revised."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Responses that became no candidate: failed, empty, identical."""
    unpaired: int = 0
    """Prompts with fewer than two different responses."""
    rounds: int = 0
    """Rounds of adaptive pairing that were begun."""


@dataclass
class Drafting:
    """Writes the candidates of all prompts."""

    recipe: Recipe
    prompts: StagedPrompts
    ledger: Ledger
    budget: Budget | None
    watch: Watch
    drafted: Drafted = field(default_factory=Drafted)

    def __post_init__(self) -> None:
        # For planning only: asking closes a client, so each pass of calls opens its own.
        self.samplers: tuple[Sampler, ...] = samplers_of(self.recipe)
        self.reviser: Reviser | None = reviser_of(self.recipe, self.samplers)

    def ask(self) -> None:
        """Sample, criticise and revise what the ledger does not have yet.

        Raises ConfigError, InterruptedRun or StoppedError where calls stopped early: pairs of half
        the candidates are other pairs, and judging them would be money lost.
        """
        for sampler in self.samplers:
            name = sampler.policy.name
            groups = _grouped(sampler.groups, self.prompts.rows)
            self._pass(f"sampling from {name}", sampler.policy, groups)
        if reviser := self.reviser:
            policy = reviser.sampler.policy
            critiques = _grouped(reviser.critiques, self._sampled)
            self._pass(f"critiques by {policy.name}", policy, critiques)
            self._pass(
                f"revisions by {policy.name}",
                policy,
                lambda: reviser.revisions(self._sampled(), self.ledger),
            )

    def write(self, path: Path) -> None:
        """Write all candidates, counting them and what was dropped."""
        drafted = self.drafted

        def candidates() -> Iterator[Candidate]:
            for answered in self._answered(drafted.dropped):
                drafted.unpaired += len(answered.candidates) < 2
                for candidate in answered.candidates:
                    drafted.origins[candidate.origin] += 1
                    yield candidate

        write_parquet(candidates(), path, Candidate)
        drafted.dropped = +drafted.dropped
        if drafted.unpaired == self.prompts.count:
            told = ", ".join(f"{n:,} {why}" for why, n in drafted.dropped.items()) or "none"
            raise StoppedError(
                f"no prompt has two different responses (dropped: {told}): sample more of them, or"
                " warmer; what was written is kept"
            )

    def _sampled(self) -> Iterator[Answered]:
        return gather(self.prompts.rows(), self.samplers, self.ledger, Counter())

    def _answered(self, drops: Counter[str]) -> Iterator[Answered]:
        stream = gather(self.prompts.rows(), self.samplers, self.ledger, drops)
        return self.reviser.gather(stream, self.ledger, drops) if self.reviser else stream

    def _pass(self, what: str, policy: Policy, groups: Groups) -> None:
        if self.budget:
            keys = (ask.key for group in groups() for ask in group)
            self.budget.spent_usd += spent_on(keys, self.ledger)
        self.watch.begin(what, None)
        try:
            tally = ask_pool(
                writer_of(policy),
                policy_settings(self.recipe, policy),
                policy.price.per_call() if policy.price else None,
                groups(),
                TextReader(),
                self.ledger,
                self.budget,
                self.watch,
            )
        finally:
            self.watch.end()
        self.drafted.tallies.append((what, tally))
        raise_stop(f"policy {policy.name!r}, model {policy.model!r}", tally)
        if tally.stopped:
            raise StoppedError(
                f"{what} stopped ({tally.stopped}): {_why(tally)}; what was written is kept,"
                " and nothing is judged before all of it is there"
            )


def _grouped(
    groups: Callable[[Iterator[T]], Iterator[list[Ask]]], stream: Callable[[], Iterator[T]]
) -> Groups:
    return lambda: groups(stream())


def _why(tally: Tally) -> str:
    kinds = {k.value: n for k, n in (tally.outcomes | tally.failures).items()}
    told = ", ".join(f"{n:,} {kind}" for kind, n in kinds.items() if kind != "verdict")
    return f"{tally.message} ({told})" if told else tally.message

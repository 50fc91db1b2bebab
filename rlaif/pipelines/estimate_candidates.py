"""What a recipe with candidates would take: its policies' calls, and at most its judge's.

Nothing is written yet, so stand-ins of likely lengths take the place of the responses.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlaif.calls.pool import Ask
from rlaif.candidates.candidate import Answered, Candidate
from rlaif.candidates.revise import Reviser
from rlaif.candidates.sample import Sampler
from rlaif.exchange.prompts import PromptRow
from rlaif.exchange.staged import StagedPrompts
from rlaif.judges.judge import Bench
from rlaif.pipelines.candidates import most_pairs
from rlaif.pipelines.estimate import CHARS_PER_TOKEN, Cost, cost_of, count_asks, estimate_asks
from rlaif.pipelines.recipe import CandidatesStage, Recipe
from rlaif.pipelines.setup import reviser_of, samplers_of
from rlaif.records import Comparison, Response

WRITTEN_TOKENS = (50, 250, 1000)
"""What a model writes in answer to a prompt, its output limit permitting."""

Range = tuple[int, int, int]


def estimate_writing(recipe: Recipe, prompts: StagedPrompts) -> list[Cost]:
    """What each policy's calls would take; critiques and revisions are the first one's."""
    stage = recipe.candidates
    assert stage is not None
    samplers = samplers_of(recipe)
    reviser = reviser_of(recipe, samplers)
    return [
        _writing(stage, prompts, sampler, reviser if sampler is samplers[0] else None)
        for sampler in samplers
    ]


def estimate_judging(stage: CandidatesStage, prompts: StagedPrompts, bench: Bench) -> Cost:
    """What judging would take at most: every prompt gets as many pairs as it can."""
    costs = [
        estimate_asks(bench.judge, prompts, _Pairs(stage, bench, tokens))
        for tokens in _lengths(stage)
    ]
    low, likely, high = (cost.tokens_in[i] for i, cost in enumerate(costs))
    price = bench.judge.card.price
    return cost_of(
        bench.judge.name,
        costs[0].calls,
        (low, likely, high),
        costs[0].tokens_out,
        price.per_call() if price else None,
    )


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Plans a prompt's judging with responses of so many tokens."""

    stage: CandidatesStage
    bench: Bench
    tokens: int

    def __call__(self, prompt: PromptRow) -> list[Ask]:
        row = Comparison(
            id=prompt.id,
            prompt=prompt.prompt,
            a=Response(text=_text(self.tokens, "a")),
            b=Response(text=_text(self.tokens, "b")),
            domain=prompt.domain,
        )
        asks = [planned.ask for group in self.bench.plan(row) for planned in group]
        return asks * most_pairs(self.stage, prompt)


def _writing(
    stage: CandidatesStage, prompts: StagedPrompts, sampler: Sampler, reviser: Reviser | None
) -> Cost:
    """What a policy's calls would take; with `reviser`, critiques and revisions among them."""

    def plan(prompt: PromptRow) -> list[Ask]:
        asks = [planned.ask for planned in sampler.plan(prompt)]
        return asks + (_revising(stage, reviser, prompt) if reviser else [])

    calls, tokens_in = count_asks(prompts, plan)
    policy = sampler.policy
    price = policy.price.per_call() if policy.price else None
    return cost_of(f"policy {policy.name}", calls, tokens_in, _written(sampler, calls), price)


def _written(sampler: Sampler, calls: int) -> Range:
    low, likely, high = (calls * min(n, sampler.policy.max_tokens) for n in WRITTEN_TOKENS)
    return low, likely, high


def _revising(stage: CandidatesStage, reviser: Reviser, prompt: PromptRow) -> list[Ask]:
    """The critiques and revisions of a prompt, with stand-ins for what is not written yet."""
    likely = _lengths(stage)[1]
    written = len(prompt.responses) + sum(policy.per_prompt for policy in stage.policies)
    candidates = tuple(
        Candidate(id=str(i), prompt=prompt.id, text=_text(likely, str(i)), origin="sampled")
        for i in range(written)
    )
    return [
        ask
        for planned in reviser.plan(Answered(prompt, candidates))
        for ask in (planned.critique, reviser.revision(planned, _text(likely, "c")))
    ]


def _lengths(stage: CandidatesStage) -> Range:
    """Tokens of a response: low, likely, high."""
    longest = max((policy.max_tokens for policy in stage.policies), default=WRITTEN_TOKENS[-1])
    low, likely, high = (min(n, longest) for n in WRITTEN_TOKENS)
    return low, likely, high


def _text(tokens: int, name: str) -> str:
    """A stand-in of about so many tokens, different from others by its name."""
    return name + "x" * round(tokens * CHARS_PER_TOKEN[1] - len(name))

"""The candidates stage: prompts become responses, and responses pairs in front of the judge.

`candidates.parquet` holds the responses, and the pairs take the place of a given input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path

from rlaif.calls.ledger import Ledger
from rlaif.calls.money import Budget
from rlaif.candidates.candidate import Answered, Candidate
from rlaif.candidates.pairing import all_pairs, comparisons, random_pairs
from rlaif.errors import ConfigError
from rlaif.exchange.parquet import read_parquet
from rlaif.exchange.prompts import PromptRow
from rlaif.exchange.stage import stage_rows
from rlaif.exchange.staged import StagedInput, StagedPrompts
from rlaif.judges.card import Judge
from rlaif.pipelines.adaptive import Replay, ask_in_rounds
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.asking import AskRows
from rlaif.pipelines.drafting import Drafted, Drafting
from rlaif.pipelines.judging import ById
from rlaif.pipelines.recipe import CandidatesStage, Recipe
from rlaif.pipelines.watch import Watch
from rlaif.records import LabelledComparison


def draft(
    recipe: Recipe,
    judge: Judge,
    prompts: StagedPrompts,
    folder: RunFolder,
    ledger: Ledger,
    ask: AskRows,
    budget: Budget | None,
    watch: Watch,
) -> tuple[StagedInput, Drafted]:
    """Write the candidates of all prompts and stage their pairs; `ask` judges, in adaptive rounds.

    Raises ConfigError, InterruptedRun and StoppedError where it cannot come to its end.
    """
    stage = recipe.candidates
    assert stage is not None
    drafting = Drafting(recipe, prompts, ledger, budget, watch)
    drafting.ask()
    drafted = drafting.drafted
    with folder.writing(folder.candidates) as path:
        drafting.write(path)
    stream = partial(read_answered, prompts, folder.candidates)
    if stage.pairing == "adaptive":
        replay = Replay(recipe, judge, ledger)
        drafted.rounds, tallies = ask_in_rounds(replay, stream, ask, budget, watch)
        drafted.tallies += tallies
        rows = replay.rows(stream, drafted.rounds)
    else:
        rows = _drawn(stage, stream(), recipe.seed)
    return stage_rows(rows, folder.staged, f"candidates for {prompts.name}"), drafted


def read_answered(prompts: StagedPrompts, path: Path) -> Iterator[Answered]:
    """The prompts with the candidates that stand in `path`, in order."""
    groups = groupby(read_parquet(path, Candidate), key=lambda candidate: candidate.prompt)
    candidates = ById((prompt, tuple(group)) for prompt, group in groups)
    for prompt in prompts.rows():
        yield Answered(prompt, candidates.take(prompt.id) or ())
    candidates.finish()


def _drawn(
    stage: CandidatesStage, stream: Iterable[Answered], seed: int
) -> Iterator[LabelledComparison]:
    for answered in stream:
        items, key = len(answered.candidates), answered.prompt.prompt_key
        most = stage.pairs_per_prompt
        pairs = all_pairs(items) if most is None else random_pairs(items, most, seed, key)
        yield from comparisons(answered, pairs, seed)


def check_pairs(stage: CandidatesStage, prompts: Iterable[PromptRow]) -> None:
    """Raises ConfigError, before any call, where no prompt can get as many pairs as are wanted."""
    most = max(most_responses(stage, prompt) for prompt in prompts)
    if most < 2:
        raise ConfigError(
            f"candidates: a pair takes two responses, and a prompt gets {most}: raise samples, add"
            " a policy or a temperature, or give responses in the input"
        )
    possible = most * (most - 1) // 2
    if stage.pairs_per_prompt and stage.pairs_per_prompt > possible:
        raise ConfigError(
            f"candidates.pairs_per_prompt: {stage.pairs_per_prompt} pairs are wanted, but a prompt"
            f" gets at most {most} responses, which make {possible}"
        )


def most_responses(stage: CandidatesStage, prompt: PromptRow) -> int:
    """How many responses a prompt has if none fails and none is dropped."""
    written = len(prompt.responses) + sum(policy.per_prompt for policy in stage.policies)
    return written + min(stage.revise, written)


def most_pairs(stage: CandidatesStage, prompt: PromptRow) -> int:
    """How many of its pairs are judged at most."""
    most = most_responses(stage, prompt)
    possible = most * (most - 1) // 2
    return min(possible, stage.pairs_per_prompt or possible)

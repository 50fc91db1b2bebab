"""Adaptive pairing: in each round the judge is asked about what its verdicts so far leave open.

A prompt's pairs follow from its candidates, the seed and the ledger's answers alone: each round is
replayed from the ones before it. So nothing is kept in memory between rounds, and a run that was
stopped goes on with the same pairs. (A call that failed and is answered later is news: the rounds
after it may then ask about other pairs.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice

from rlaif.calls.ledger import Ledger
from rlaif.calls.money import Budget
from rlaif.calls.tally import Tally
from rlaif.candidates.candidate import Answered
from rlaif.candidates.pairing import Pair, comparisons, next_pairs
from rlaif.errors import StoppedError
from rlaif.judges.card import Judge
from rlaif.judges.judge import Bench
from rlaif.judges.verdict import fold
from rlaif.measures.strengths import Judged
from rlaif.pipelines.answers import assemble, count_spent
from rlaif.pipelines.asking import AskRows, raise_lost
from rlaif.pipelines.judging import abstains
from rlaif.pipelines.recipe import CandidatesStage, Recipe
from rlaif.pipelines.setup import groups_of
from rlaif.pipelines.watch import Watch
from rlaif.records import LabelledComparison, Verdict, digest

Stream = Callable[[], Iterator[Answered]]
"""Streams the prompts and their candidates anew at each call."""


@dataclass(frozen=True)
class Replay:
    """Which pairs of a prompt each round judges, by what the ledger says of the rounds before."""

    recipe: Recipe
    judge: Judge
    ledger: Ledger

    @cached_property
    def groups(self) -> tuple[tuple[Bench, ...], ...]:
        """The judge's benches, a group for each stage of a cascade; for planning only."""
        return groups_of(self.recipe, self.judge)

    def rounds(self, answered: Answered) -> Iterator[list[LabelledComparison]]:
        """The pairs of each round, round by round; verdicts are read when the next is wanted."""
        seed = self.recipe.seed
        items = len(answered.candidates)
        own = int(digest("adaptive", seed, answered.prompt.prompt_key), 16)
        judged: list[Judged] = []
        undecided: list[Pair] = []
        for size in sizes(self.recipe.candidates) if items > 1 else ():
            pairs = next_pairs(items, judged, size, own, undecided)
            rows = list(comparisons(answered, pairs, seed))
            yield rows
            for (i, j), row in zip(pairs, rows, strict=True):
                p = self._verdict(row, len(self.groups)).p
                if p is None:
                    undecided.append((i, j))
                else:
                    first = row.comparison.a.text == answered.candidates[i].text
                    judged.append((i, j, p if first else 1 - p))

    def new_rows(self, stream: Stream, number: int, stage: int) -> Iterator[LabelledComparison]:
        """The pairs that come to a stage of the judge (from 1) in a round (from 1)."""
        for answered in stream():
            for row in next(islice(self.rounds(answered), number - 1, None), []):
                if stage == 1 or self._abstains(self._verdict(row, stage - 1)):
                    yield row

    def rows(self, stream: Stream, upto: int) -> Iterator[LabelledComparison]:
        """The pairs of the first `upto` rounds, those of one prompt together."""
        for answered in stream():
            for rows in islice(self.rounds(answered), upto):
                yield from rows

    def _verdict(self, row: LabelledComparison, upto: int) -> Verdict:
        """The verdict of the stage that decides, at most the stage `upto`."""
        for stage, group in enumerate(self.groups[:upto], start=1):
            told = list(assemble([row], group, self.ledger, None))
            verdict = fold(row.comparison, self.judge.fingerprint, told, stage=stage)
            if not self._abstains(verdict):
                break
        return verdict

    def _abstains(self, verdict: Verdict) -> bool:
        return abstains(verdict, self.judge.card.abstain_below, debiased=False)


def sizes(stage: CandidatesStage | None) -> list[int]:
    """How many pairs of a prompt each round judges: as even as can be, the larger ones first."""
    assert stage is not None
    assert stage.pairs_per_prompt is not None
    each, more = divmod(stage.pairs_per_prompt, stage.rounds)
    return [each + (number < more) for number in range(stage.rounds)]


def ask_in_rounds(
    replay: Replay, stream: Stream, ask: AskRows, budget: Budget | None, watch: Watch
) -> tuple[int, list[tuple[str, Tally]]]:
    """Ask the judge in rounds; returns how many were begun and what each pass of calls came to.

    Raises ConfigError, InterruptedRun and StoppedError as judging does, and StoppedError where a
    round's batches expired. Another stop (a budget, failures) ends the rounds early, and what was
    judged until then is kept.
    """
    recipe, judge, ledger = replay.recipe, replay.judge, replay.ledger
    tallies: list[tuple[str, Tally]] = []
    rounds = len(sizes(recipe.candidates))
    for number in range(1, rounds + 1):
        if budget:
            planned = replay.new_rows(stream, number, 1)
            benches = [bench for group in replay.groups for bench in group]
            budget.spent_usd += count_spent(planned, benches, ledger)
        # Asking closes a client, so each round opens its own.
        for stage, group in enumerate(groups_of(recipe, judge), start=1):
            rows = partial(replay.new_rows, stream, number, stage)
            for bench in group:
                watch.begin(f"round {number} of {rounds}: judging with {bench.judge.name}", None)
                try:
                    tally = ask(recipe, bench, rows, ledger, budget, watch)
                finally:
                    watch.end()
                tallies.append((f"{bench.judge.name}, round {number}", tally))
                raise_lost(bench.judge, tally)
                if tally.stopped:
                    return number, tallies
                if tally.unfinished and recipe.judge.batch == "on":
                    raise StoppedError(
                        f"round {number} of {rounds}: {tally.unfinished:,} calls of the batch have"
                        " no answer yet, and what the next round asks depends on them; every"
                        " answer is kept"
                    )
    return rounds, tallies

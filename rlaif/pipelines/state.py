"""A run under way: what it was asked and what its stages have found so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.calls.money import Budget
from rlaif.calls.tally import Tally
from rlaif.curation.keep import Selection
from rlaif.exchange.staged import StagedInput, StagedPrompts
from rlaif.judges.card import Judge
from rlaif.pipelines.agreement import Agreement
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.drafting import Drafted
from rlaif.pipelines.judging import Judged, Round
from rlaif.pipelines.recipe import Recipe
from rlaif.pipelines.setup import budget_of, pair_judge_of
from rlaif.pipelines.spotcheck import Match
from rlaif.pipelines.watch import Watch
from rlaif.records import LabelledComparison, Preference, Verdict


@dataclass
class Run:
    """A run under way: what it was asked, what it found so far."""

    recipe: Recipe
    base: Path
    """Folder of the recipe: where its recorded answers stand."""
    folder: RunFolder
    watch: Watch
    judge: Judge
    budget: Budget | None
    prompts: StagedPrompts | None = None
    """The input, where the run makes its own pairs."""
    drafted: Drafted | None = None
    staged: StagedInput | None = None
    """The pairs in front of the judge."""
    judged: Judged | None = None
    rounds: list[Round] = field(default_factory=list)
    agreement: Agreement = field(default_factory=Agreement)
    verdicts: VerdictCounts | None = None
    selection: Selection | None = None
    examples: list[Preference] = field(default_factory=list)
    curation: Mapping[str, Any] | None = None
    """What `curated/curation.json` says, where the recipe curates."""
    match: Match | None = None
    aloud: list[tuple[LabelledComparison, Verdict, str]] = field(default_factory=list)

    def rows(self) -> Iterator[LabelledComparison]:
        """The staged input, streamed anew."""
        assert self.staged is not None
        return self.staged.rows()

    @property
    def stopped(self) -> Tally | None:
        """The tally of the call round that ended early, if one did."""
        return next((tally for tally in self._tallies() if tally.stopped), None)

    @property
    def unfinished(self) -> int:
        """Calls that have no recorded outcome yet (expired batches): the next run asks them."""
        return sum(tally.unfinished for tally in self._tallies())

    @property
    def too_many_failures(self) -> bool:
        """Whether more calls failed than the recipe allows."""
        return bool(self.judged and self.judged.counts.failed_share > self.recipe.max_failures)

    def _tallies(self) -> Iterator[Tally]:
        """Of every pass of calls so far, adaptive rounds among them."""
        for _, tally in self.drafted.tallies if self.drafted else ():
            yield tally
        for _, tally in self.judged.tallies if self.judged else ():
            yield tally


@dataclass
class VerdictCounts:
    """What the verdicts of a run came to."""

    total: int = 0
    none: int = 0
    ties: int = 0
    consistent: int = 0
    consistent_debiased: int = 0
    low_resolution: int = 0
    bias_sum: float = 0.0
    by_stage: dict[int, int] = field(default_factory=dict)

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        self.total += 1
        self.none += verdict.winner is None
        self.ties += verdict.winner == "tie"
        self.consistent += verdict.consistent
        self.consistent_debiased += verdict.consistent_debiased
        self.low_resolution += verdict.low_resolution
        self.bias_sum += verdict.position_bias or 0.0
        self.by_stage[verdict.stage] = self.by_stage.get(verdict.stage, 0) + 1

    @property
    def voted(self) -> int:
        """Comparisons with a verdict."""
        return self.total - self.none


def open_run(recipe: Recipe, base: Path, folder: RunFolder, watch: Watch) -> Run:
    """Load everything a recipe names. Raises ConfigError before anything is written or asked."""
    judge = pair_judge_of(recipe)
    return Run(recipe, base, folder, watch, judge, budget_of(recipe, judge.members or (judge,)))

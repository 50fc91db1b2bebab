"""Judging a staged input: rounds of calls, then judgements and verdicts in input order.

A single judge or a panel is one round over all rows; a cascade is a round for each stage, over what
the stages before abstained on. The ledger is the truth and files are views on it: calls go out
first, then rows are streamed again and each call's answer is fetched, so nothing grows in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from rlaif.calls.ledger import Ledger
from rlaif.calls.tally import FAILED, Tally
from rlaif.constitution import GENERAL
from rlaif.exchange.parquet import read_parquet, replace_column, write_parquet
from rlaif.judges.card import Judge
from rlaif.judges.judge import Bench
from rlaif.judges.verdict import BiasEstimate, agree_debiased, fold
from rlaif.pipelines.answers import Rows, assemble
from rlaif.records import Judgement, LabelledComparison, Outcome, PrinciplePart, Verdict

T = TypeVar("T")


@dataclass
class Counts:
    """What the judgements of a run came to."""

    judgements: int = 0
    failed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    principles: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    """Where confidence came from."""

    def add(self, judgement: Judgement) -> None:
        """Count one judgement."""
        self.judgements += 1
        self.failed += judgement.outcome in FAILED
        self.outcomes[judgement.outcome.value] += 1
        self.principles[judgement.principle] += 1
        if judgement.model_version:
            self.models[judgement.model_version] += 1
        if judgement.outcome.votes:
            self.sources[judgement.confidence_source] += 1

    @property
    def failed_share(self) -> float:
        """Share of calls that failed; a refusal or a filter is an answer, and counted apart."""
        return self.failed / self.judgements if self.judgements else 0.0


@dataclass(frozen=True)
class Round:
    """One round's judges and the files it leaves."""

    stage: int
    judge: Judge
    benches: tuple[Bench, ...]
    judgements: Path
    verdicts: Path


@dataclass
class Judged:
    """What judging came to."""

    tallies: list[tuple[str, Tally]]
    biases: dict[tuple[str, str], float]
    counts: Counts


def check_draws(domains: Iterable[str], bench: Bench) -> None:
    """Raises ConfigError, before any call, if one of the domains has too few principles to draw."""
    rules = bench.constitution
    known = {domain for domain in domains if domain in rules.candidates}
    for domain in sorted(known | {GENERAL}):
        rules.draw("", domain, bench.k, bench.seed)


def grouped(judgements: Iterable[Judgement]) -> Iterator[tuple[str, list[Judgement]]]:
    """Judgements by comparison id; those of one comparison stand together."""
    group: list[Judgement] = []
    for judgement in judgements:
        if group and group[0].comparison != judgement.comparison:
            yield group[0].comparison, group
            group = []
        group.append(judgement)
    if group:
        yield group[0].comparison, group


class ById(Generic[T]):
    """Values keyed by comparison id, a subsequence of the rows, taken as the rows go by."""

    def __init__(self, values: Iterable[tuple[str, T]]) -> None:
        self._rest = iter(values)
        self._head = next(self._rest, None)

    def take(self, comparison: str) -> T | None:
        """The value of this comparison, where it is next; None where it has none."""
        if self._head is None or self._head[0] != comparison:
            return None
        value = self._head[1]
        self._head = next(self._rest, None)
        return value

    def finish(self) -> None:
        """Raises ValueError if a value belongs to no row that came by."""
        if self._head is not None:
            raise ValueError(f"{self._head[0]!r} belongs to no row of the input")


def run_round(
    work: Round, rows: Rows, ledger: Ledger, missing: Outcome | None, counts: Counts
) -> dict[tuple[str, str], float]:
    """Write a round's judgements and verdicts; returns the position biases that were taken off."""

    def counted() -> Iterator[Judgement]:
        for judgement in assemble(rows(), work.benches, ledger, missing):
            counts.add(judgement)
            yield judgement

    write_parquet(counted(), work.judgements, Judgement)
    return fold_round(work, rows)


def fold_round(work: Round, rows: Rows) -> dict[tuple[str, str], float]:
    """Write the verdicts of a round's judgements; returns the position biases taken off.

    Biases are known once all is folded: then one column of the verdicts is made anew.
    """
    estimate = BiasEstimate()

    def folded() -> Iterator[Verdict]:
        for verdict in _fold_rows(work, rows):
            estimate.add(verdict.parts)
            yield verdict

    draft = work.verdicts.with_suffix(".draft")
    write_parquet(folded(), draft, Verdict)
    biases = estimate.estimate()

    def debiased(said: Mapping[str, Any]) -> bool:
        parts = [PrinciplePart.model_construct(**part) for part in said["parts"]]
        return agree_debiased(parts, said["named_ab"], said["named_ba"], biases)

    reads = ["parts", "named_ab", "named_ba"]
    replace_column(draft, work.verdicts, "consistent_debiased", reads, debiased)
    draft.unlink()
    return biases


def _fold_rows(work: Round, rows: Rows) -> Iterator[Verdict]:
    """Fold a round's judgements, in input order.

    Principles count alike: their weights have had their say in the draw.
    """
    judgements = ById(grouped(read_parquet(work.judgements, Judgement)))
    judge = work.judge.fingerprint
    for row in rows():
        mine = judgements.take(row.comparison.id) or []
        yield fold(row.comparison, judge, mine, stage=work.stage)
    judgements.finish()


def abstains(verdict: Verdict, below: float, debiased: bool) -> bool:
    """Whether a cascade stage passes a comparison on; `debiased` says which consistency counts."""
    if verdict.winner in (None, "tie") or verdict.log_odds is None:
        return True
    consistent = verdict.consistent_debiased if debiased else verdict.consistent
    return not consistent or abs(verdict.log_odds) < below


def passed_on(work: Round, rows: Rows, below: float, debiased: bool) -> Rows:
    """The rows a round abstained on, streamed anew at each call."""

    def stream() -> Iterator[LabelledComparison]:
        verdicts = read_parquet(work.verdicts, Verdict)
        for row, verdict in zip(rows(), verdicts, strict=True):
            if abstains(verdict, below, debiased):
                yield row

    return stream


def merge_rounds(
    rounds: Sequence[Round], rows: Rows
) -> Iterator[tuple[LabelledComparison, Verdict, list[Judgement]]]:
    """Each row with the verdict of the last round it came to and its judgements of all rounds."""
    verdicts = [ById(_keyed(read_parquet(r.verdicts, Verdict))) for r in rounds]
    judgements = [ById(grouped(read_parquet(r.judgements, Judgement))) for r in rounds]
    for row in rows():
        name = row.comparison.id
        taken = [verdict for left in verdicts if (verdict := left.take(name)) is not None]
        told = [judgement for left in judgements for judgement in left.take(name) or []]
        if not taken:
            raise ValueError(f"{name!r} has no verdict in any round")
        yield row, taken[-1], told
    for left in verdicts:
        left.finish()
    for said in judgements:
        said.finish()


def _keyed(verdicts: Iterable[Verdict]) -> Iterator[tuple[str, Verdict]]:
    return ((verdict.comparison, verdict) for verdict in verdicts)

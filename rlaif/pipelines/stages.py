"""The stages of a run, in order: input, candidates, judge, select, preferences, dataset."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif import demo
from rlaif.calls.ledger import Ledger
from rlaif.calls.money import Budget
from rlaif.calls.tally import Tally
from rlaif.curation.preferences import preference
from rlaif.curation.select import Selection
from rlaif.exchange.dataset import write_dataset
from rlaif.exchange.parquet import read_parquet, write_parquet
from rlaif.exchange.stage import StagedInput, StagedPrompts, stage_input, stage_prompts
from rlaif.exchange.verdicts import write_verdicts
from rlaif.judges.card import Judge
from rlaif.judges.judge import Bench
from rlaif.pipelines.adaptive import AskRows
from rlaif.pipelines.agreement import Agreement
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.asking import ask_all, raise_lost
from rlaif.pipelines.batching import ask_in_batches
from rlaif.pipelines.candidates import check_pairs, draft
from rlaif.pipelines.drafting import Drafted
from rlaif.pipelines.intro import fetch_model, fetch_weights, introduce, introduce_prompts
from rlaif.pipelines.judging import (
    ById,
    Counts,
    Judged,
    Round,
    Rows,
    check_draws,
    count_recorded,
    count_spent,
    grouped,
    merge_rounds,
    passed_on,
    run_round,
)
from rlaif.pipelines.recipe import Recipe
from rlaif.pipelines.setup import benches_of, budget_of, groups_of, judge_of
from rlaif.pipelines.spotcheck import Match, ask_again, reason_aloud
from rlaif.pipelines.watch import Watch
from rlaif.records import Judgement, LabelledComparison, Outcome, Preference, Verdict

DEMO = "demo"
"""The input name of the embedded sample."""


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
    match: Match | None = None
    aloud: list[tuple[LabelledComparison, Verdict, str]] = field(default_factory=list)

    def rows(self) -> Iterator[LabelledComparison]:
        """The staged input, streamed anew."""
        assert self.staged is not None
        return self.staged.rows()

    @property
    def stopped(self) -> Tally | None:
        """The tally of the call round that ended early, if one did."""
        tallies = [*(self.drafted.tallies if self.drafted else ())]
        tallies += self.judged.tallies if self.judged else ()
        return next((tally for _, tally in tallies if tally.stopped), None)

    @property
    def unfinished(self) -> int:
        """Calls that have no recorded outcome yet (expired batches): the next run asks them."""
        return sum(tally.unfinished for _, tally in self.judged.tallies) if self.judged else 0

    @property
    def too_many_failures(self) -> bool:
        """Whether more calls failed than the recipe allows."""
        return bool(self.judged and self.judged.counts.failed_share > self.recipe.max_failures)


@dataclass
class VerdictCounts:
    """What the verdicts of a run came to."""

    total: int = 0
    none: int = 0
    ties: int = 0
    consistent: int = 0
    consistent_debiased: int = 0
    bias_sum: float = 0.0
    by_stage: dict[int, int] = field(default_factory=dict)

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        self.total += 1
        self.none += verdict.winner is None
        self.ties += verdict.winner == "tie"
        self.consistent += verdict.consistent
        self.consistent_debiased += verdict.consistent_debiased
        self.bias_sum += verdict.position_bias or 0.0
        self.by_stage[verdict.stage] = self.by_stage.get(verdict.stage, 0) + 1

    @property
    def voted(self) -> int:
        """Comparisons with a verdict."""
        return self.total - self.none


def open_run(recipe: Recipe, base: Path, folder: RunFolder, watch: Watch) -> Run:
    """Load everything a recipe names. Raises ConfigError before anything is written or asked."""
    judge = judge_of(recipe.judge)
    return Run(recipe, base, folder, watch, judge, budget_of(recipe, judge.members or (judge,)))


def input_stage(run: Run) -> None:
    """Read the whole input once, and refuse it before a call is paid."""
    recipe = run.recipe
    source: str | Path = recipe.input
    if recipe.input == DEMO:
        source = run.folder.path / "demo.jsonl"
        with run.folder.writing(source) as path:
            _write_demo(path)
    if recipe.candidates:
        run.prompts = stage_prompts(
            source, run.folder.prompts, on_bad_row=recipe.on_bad_row, limit=recipe.limit
        )
        check_pairs(recipe.candidates, run.prompts.rows())
        return
    run.staged = stage_input(
        source,
        run.folder.staged,
        seed=recipe.seed,
        on_bad_row=recipe.on_bad_row,
        limit=recipe.limit,
    )


def _write_demo(path: Path) -> None:
    """The embedded sample as a user's file would be: its labels hold by construction."""
    with path.open("w", encoding="utf-8") as file:
        for row in demo.comparisons():
            pair = row.comparison
            line = {
                "id": pair.id,
                "prompt": pair.prompt[0].content,
                "response_a": pair.a.text,
                "response_b": pair.b.text,
                "label": row.label,
                "domain": pair.domain,
                "source": pair.source,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def candidates_stage(run: Run) -> None:
    """Write responses to the prompts and pair them; nothing where the input holds pairs."""
    recipe = run.recipe
    if recipe.candidates is None or run.prompts is None:
        return
    benches = benches_of(recipe, run.judge)
    check_draws((row.domain for row in run.prompts.rows()), benches[0])
    introduce_prompts(recipe, run.prompts, benches, run.watch)
    for policy in recipe.candidates.policies:
        if policy.client == "local":
            fetch_model(policy.model, run.watch)
    fetch_weights(benches, run.watch)
    with Ledger(run.folder.ledger) as ledger:
        run.staged, run.drafted = draft(
            *(recipe, run.judge, run.prompts, run.folder, ledger),
            *(_asker(recipe), run.budget, run.watch),
        )


def judge_stage(run: Run) -> None:
    """Ask the judge, fold its judgements and write judgements and verdicts."""
    recipe, folder, budget = run.recipe, run.folder, run.budget
    assert run.staged is not None
    paired_by_judge = bool(run.drafted and run.drafted.rounds)
    run.judged = Judged([], {}, Counts())
    with Ledger(folder.ledger) as ledger:
        if recipe.recorded:
            ledger.import_file(run.base / recipe.recorded.answers)
        rows: Rows = run.rows
        rounds = _rounds(run)
        benches = [bench for work in rounds for bench in work.benches]
        check_draws((row.comparison.domain for row in run.rows()), benches[0])
        recorded = count_recorded(run.rows(), benches, ledger) if recipe.recorded else 0
        if not paired_by_judge:
            introduce(recipe, run.base, run.staged, benches, recorded, run.watch)
            fetch_weights(benches, run.watch)
        if budget and not paired_by_judge:
            budget.spent_usd += count_spent(run.rows(), benches, ledger)
        for work in rounds:
            run.rounds.append(work)
            missing = _ask_round(run, work, rows, ledger, budget)
            biases = run_round(work, rows, ledger, missing, run.judged.counts)
            run.judged.biases.update(biases)
            if run.stopped:
                break
            rows = passed_on(work, rows, run.judge.card.abstain_below)
        _write_judged(run)
        if not run.stopped:
            _spot_check(run, benches[0], ledger)


def _spot_check(run: Run, bench: Bench, ledger: Ledger) -> None:
    recipe = run.recipe
    if recipe.recorded and recipe.recorded.again:
        run.watch.begin("judging recorded comparisons again", None)
        again = run.folder.path / ".again.sqlite"
        run.match = ask_again(recipe, bench, run.rows, ledger, again, run.watch)
        run.watch.end()
    if recipe.reasoned and recipe.reasoned.beside == recipe.judge.card:
        run.watch.begin(f"reasoning aloud with {recipe.reasoned.card}", None)
        run.aloud = reason_aloud(recipe, bench, run.rows, ledger, run.watch)
        run.watch.end()


def _rounds(run: Run) -> list[Round]:
    """One round for a judge or a panel; one for each stage of a cascade."""
    groups = groups_of(run.recipe, run.judge)
    folder = run.folder.path
    return [
        Round(
            stage,
            run.judge,
            group,
            folder / f".round-{stage}.judgements.parquet",
            folder / f".round-{stage}.verdicts.parquet",
        )
        for stage, group in enumerate(groups, start=1)
    ]


def _ask_round(
    run: Run, work: Round, rows: Rows, ledger: Ledger, budget: Budget | None
) -> Outcome | None:
    """Ask a round's questions; returns what a call that was never asked counts as."""
    assert run.judged is not None
    for bench in work.benches:
        name = bench.judge.name
        run.watch.begin(f"judging with {name}", None)
        try:
            tally = _asker(run.recipe)(run.recipe, bench, rows, ledger, budget, run.watch)
        finally:
            run.watch.end()
        run.judged.tallies.append((name, tally))
        raise_lost(bench.judge, tally)
        if tally.stopped:
            break
    stopped = run.stopped
    return Outcome.BUDGET if stopped and stopped.stopped == "budget" else None


def _asker(recipe: Recipe) -> AskRows:
    return ask_all if recipe.judge.batch == "off" else ask_in_batches


def _write_judged(run: Run) -> None:
    """Merge the rounds into the run's judgements and verdicts, counting as they go by."""
    folder, counts = run.folder, VerdictCounts()

    def merged() -> Iterator[tuple[LabelledComparison, Verdict, Any]]:
        return merge_rounds(run.rounds, run.rows)

    def verdicts() -> Iterator[Verdict]:
        for row, verdict, _ in merged():
            counts.add(verdict)
            run.agreement.add(row, verdict)
            yield verdict

    with folder.writing(folder.judgements) as path:
        write_parquet((j for _, _, told in merged() for j in told), path, Judgement)
    with folder.writing(folder.verdicts) as path:
        write_parquet(verdicts(), path, Verdict)
    with folder.writing(folder.verdict_lines) as path:
        write_verdicts(read_parquet(folder.verdicts, Verdict), path)
    for work in run.rounds:
        work.judgements.unlink()
        work.verdicts.unlink()
    run.verdicts = counts


def select_stage(run: Run) -> None:
    """Find which verdicts are kept."""
    select = run.recipe.select
    run.selection = Selection(select.gate, select.keep)
    run.selection.look(read_parquet(run.folder.verdicts, Verdict))


def preferences_stage(run: Run) -> None:
    """Write the kept preferences as Parquet."""
    folder = run.folder
    with folder.writing(folder.preferences) as path:
        write_parquet(_preferences(run), path, Preference)
    kept = read_parquet(folder.preferences, Preference)
    run.examples = list(itertools.islice(kept, 3))


def dataset_stage(run: Run) -> None:
    """Write the preferences as a folder of `datasets`, which trainers take unchanged."""
    folder = run.folder
    with folder.writing(folder.dataset) as path:
        write_dataset(read_parquet(folder.preferences, Preference), path)


def _preferences(run: Run) -> Iterator[Preference]:
    assert run.selection is not None
    verdicts = read_parquet(run.folder.verdicts, Verdict)
    judgements = ById(grouped(read_parquet(run.folder.judgements, Judgement)))
    for row, verdict in zip(run.rows(), verdicts, strict=True):
        told = judgements.take(verdict.comparison) or []
        if row.comparison.id != verdict.comparison:
            raise ValueError(f"verdict of {verdict.comparison!r} met row {row.comparison.id!r}")
        if run.selection.keeps(verdict):
            yield preference(row, verdict, told, decided_by(run.judge, verdict))


def decided_by(judge: Judge, verdict: Verdict) -> str:
    """Who decided a row: `judge`, `panel`, or `cascade:N` with the stage."""
    if judge.card.kind == "cascade":
        return f"cascade:{verdict.stage}"
    return "panel" if judge.card.kind == "panel" else "judge"


STAGES: Mapping[str, Callable[[Run], None]] = {
    "input": input_stage,
    "candidates": candidates_stage,
    "judge": judge_stage,
    "select": select_stage,
    "preferences": preferences_stage,
    "dataset": dataset_stage,
}
"""Every stage by the name that `--until` takes, in order."""

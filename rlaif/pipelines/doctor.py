"""`rlaif doctor RUN`: does what was judged arrive in the files, on the right side and in full?

Two checks. The run's own row counts must add up from stage to stage. And planted pairs, whose
better side is known, go through the run's own card, prompts, parser, fold, selection, merge and
every export, with answers that name that side put into a ledger of their own: nobody is asked. A
flipped label anywhere on the way comes out as a planted pair on the wrong side.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif import content
from rlaif.calls import recorded
from rlaif.calls.ledger import Ledger
from rlaif.calls.request import Reply
from rlaif.calls.rows import Answer
from rlaif.exchange.formats import FORMATS
from rlaif.exchange.pairs import open_pairs
from rlaif.judges.card import Card
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.planted import Finding, compare_exports, planted_pairs
from rlaif.pipelines.publish import export_run
from rlaif.pipelines.recipe import CurateStage, Recipe, SelectStage
from rlaif.pipelines.run import run_recipe
from rlaif.pipelines.setup import benches_of, pair_judge_of, placeholder_keys
from rlaif.pipelines.watch import Silent
from rlaif.records import LabelledComparison, Order, Outcome


@dataclass(frozen=True)
class Diagnosis:
    """What was found: one line each, good or bad."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether everything arrives where it belongs."""
        return all(finding.fine for finding in self.findings)


def diagnose(run: Path) -> Diagnosis:
    """Check a finished run. Raises ConfigError where there is none."""
    folder = RunFolder.standalone(run)
    manifest = folder.read_manifest()
    recipe = content.parse(Recipe, content.load_yaml(folder.recipe), str(folder.recipe))
    return Diagnosis((*_counts(folder, manifest), *_planted(recipe)))


def _counts(folder: RunFolder, manifest: dict[str, Any]) -> Iterator[Finding]:
    """Row counts from stage to stage."""
    rows = _rows(folder.verdicts)
    pairs = manifest.get("candidates", {}).get("pairs", manifest["input"]["rows"])
    yield Finding("verdicts = pairs in", rows, pairs)
    yield Finding(
        "judgements in the file = in the manifest",
        _rows(folder.judgements),
        manifest["judgements"]["n"],
    )
    selection = manifest.get("selection")
    if selection:
        left = sum(selection["dropped"].values())
        yield Finding("kept + dropped = verdicts", selection["kept"] + left, rows)
        yield Finding("preferences = kept", _rows(folder.preferences), selection["kept"])
    curated = folder.curated
    if (curated / "curation.json").is_file():
        counts = json.loads((curated / "curation.json").read_text(encoding="utf-8"))["counts"]
        kept = _rows(curated / "preferences.parquet")
        yield Finding("curated: preferences = kept", kept, counts["kept"])
        yield Finding(
            "curated: kept + dropped = verdicts", kept + _rows(curated / "dropped.parquet"), rows
        )
        yield Finding("curated: who decided adds up", sum(counts["decided_by"].values()), kept)
        yield Finding("curated: splits add up", sum(counts["splits"].values()), kept)


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows) if path.is_file() else 0


def _planted(recipe: Recipe) -> Iterator[Finding]:
    """Planted pairs through everything, to every file they end in."""
    with tempfile.TemporaryDirectory() as name, placeholder_keys():
        scratch = Path(name)
        pairs = list(planted_pairs())
        source = scratch / "planted.jsonl"
        source.write_text("".join(json.dumps(line) + "\n" for line in pairs), encoding="utf-8")
        planted = recipe.model_copy(
            update={
                "input": str(source),
                "candidates": None,
                "limit": None,
                "budget_usd": None,
                "labels": "human",
                "reasoned": None,
                "recorded": None,
                "select": SelectStage(gate=recipe.select.gate, keep=1.0),
                "curate": CurateStage(select="threshold", merge="judge", to_label=0),
            }
        )
        folder = RunFolder.standalone(scratch / "run")
        folder.path.mkdir()
        _answer(planted, folder.ledger)
        run_recipe(planted, scratch, folder, Silent(), until="curate")
        for form in FORMATS:
            export_run(folder.path, form, scratch / "export" / form)
        yield from compare_exports(pairs, folder, scratch / "export")


def _answer(recipe: Recipe, ledger: Path) -> None:
    """Put an answer that names the better side into a ledger, for every call the run will make."""
    rows = [row for row in open_pairs(recipe.input, 0) if isinstance(row, LabelledComparison)]
    answers = (
        Answer(call.ask.key, Outcome.VERDICT, _reply(bench.judge.card, row, call.order))
        for bench in benches_of(recipe, pair_judge_of(recipe))
        for row in rows
        for group in bench.plan(row.comparison)
        for call in group
    )
    recorded.write(ledger.with_name("planted.gz"), answers)
    with Ledger(ledger) as book:
        book.import_file(ledger.with_name("planted.gz"))


def _reply(card: Card, row: LabelledComparison, order: Order) -> Reply:
    """What this card's judge says when it is right: A is the response shown first."""
    named = "A" if (row.label == "a") == (order == "ab") else "B"
    text = {
        "label": named,
        "text": f"It is the better one.\nVerdict: {named}",
        "json": json.dumps(
            {"reasoning": "It is the better one.", "confidence": 90, "verdict": named}
        ),
    }[card.reply]
    probs = {"A": 0.05, "B": 0.05} | {named: 0.95} if card.reply == "label" else None
    return Reply(text=text, finish="stop", model="planted", label_probs=probs)

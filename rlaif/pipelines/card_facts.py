"""What a run's dataset card tells: its judge, its principles, and what its rows are like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlaif import constitution, content
from rlaif.errors import ConfigError
from rlaif.exchange.dataset_card import CardFacts
from rlaif.exchange.export import read_columns
from rlaif.judges.card import load_judge
from rlaif.pipelines.survey import Survey

COLUMNS = (
    ("prompt", "chat messages"),
    ("chosen, rejected", "one assistant message each; chosen_model and rejected_model wrote them"),
    ("p", "P(a fresh annotator prefers chosen), if p_kind is calibrated; else the judge's own"),
    ("weight", "from source and sampling only; how sure is in p"),
    ("decided_by", "human, reference, judge, panel or cascade:N"),
    ("judge, principles, rationale", "who judged, by which principles, with which words"),
    ("judgements", "keys of the calls behind the row, as in the run's ledger"),
    ("domain, source, label, flipped", "as the input had them; flipped: its response b was chosen"),
    ("split", "by prompt: near-duplicate prompts share one"),
)


def card_facts(
    recipe: Mapping[str, Any],
    manifest: Mapping[str, Any],
    curation: Mapping[str, Any] | None,
    source: Path,
    counts: Mapping[str, int],
    license: str,
) -> CardFacts:
    """Gather from a run what its card tells; `source` are the rows, `counts` those of each split.

    A judge's card or a constitution that has changed since the run is not told as the run's.
    """
    survey = Survey()
    for rows in read_columns(source):
        survey.add(rows)
    return CardFacts(
        rows=counts,
        manifest=manifest,
        curation=curation,
        decided_by=survey.decided_by,
        domains=survey.domains(),
        principles=list(_principles(recipe, manifest)),
        judge=list(_judge(recipe, manifest)),
        biases=survey.biases(),
        license=license,
        columns=COLUMNS,
    )


def _principles(
    recipe: Mapping[str, Any], manifest: Mapping[str, Any]
) -> Iterator[tuple[str, str, int]]:
    """The principles used, with their texts if the constitution is still the one of the run."""
    texts: dict[str, str] = {}
    known = manifest.get("constitution", {})
    try:
        rules = constitution.load(content.find("constitution", recipe.get("constitution", "core")))
        if rules.fingerprint == known.get("digest"):
            texts = {principle.id: principle.text for principle in rules.principles}
    except ConfigError:
        pass  # it is no longer here; the digest above still names it
    used = manifest.get("judgements", {}).get("principles", {})
    for name, n in sorted(used.items(), key=lambda item: (-item[1], item[0])):
        yield name, texts.get(name, "(text not at hand)"), n


def _judge(recipe: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is known of the judge; its card, if it is still the one of the run."""
    fingerprint = manifest.get("judge", "not recorded")
    yield "judge", fingerprint
    for member in manifest.get("members", []):
        yield "member", member
    for model, n in manifest.get("judgements", {}).get("models", {}).items():
        yield "model", f"{model} ({n:,} judgements)"
    stage = recipe.get("judge", {})
    try:
        judge = load_judge(stage.get("card", ""), stage.get("set") or {})
    except ConfigError:
        return
    if judge.fingerprint == fingerprint:
        card = judge.card
        yield "about", card.about
        yield "asked for", f"{card.confidence}, {'with' if card.reasoning else 'no'} reasoning"

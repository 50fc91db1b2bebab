"""`rlaif judges list` and `rlaif judges show`."""

from __future__ import annotations

import yaml
from rich.console import Console
from rich.table import Table

from rlaif import content
from rlaif.judges.card import Card, load_judge


def list_command() -> None:
    """Print a table of all judges."""
    table = Table("judge", "model", "confidence", "price in/out", "about", box=None)
    for name in content.available("judges", "card.yaml"):
        card = load_judge(name).card
        table.add_row(name, _model(card), _confidence(card), _price(card), card.about)
    Console().print(table)


def show_command(name: str) -> None:
    """Print a judge's card and prompt as they are resolved."""
    judge = load_judge(name)
    told = judge.card.model_dump(mode="json", exclude_defaults=True)
    print(f"# {judge.fingerprint}\n{yaml.safe_dump(told, sort_keys=False).rstrip()}")
    for section, template in (judge.prompt.sections if judge.prompt else {}).items():
        print(f"\n## {section}\n{template.template}")


def _model(card: Card) -> str:
    return card.model if card.client else f"{card.kind} of {', '.join(card.members)}"


def _confidence(card: Card) -> str:
    if not card.client:
        return "of its members"
    source = card.confidence + (f" x{card.samples}" if card.samples > 1 else "")
    return source if card.reasoning else f"{source}, no reasoning"


def _price(card: Card) -> str:
    if not card.client:
        return "of its members"
    price = card.price
    return f"{price.input:g} / {price.output:g}" if price else "unknown"

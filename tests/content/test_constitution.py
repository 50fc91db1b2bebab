"""The constitutions that ship: they load, and their wording keeps its own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.constitution import load
from rlaif.records import Principle

FOLDER = Path(__file__).parents[2] / "constitution"
FILES = sorted(FOLDER.rglob("*.yaml"))
PRINCIPLES = [p for file in FILES for p in load(file).principles]

GROUPS = {
    "helpfulness",
    "honesty",
    "calibrated_uncertainty",
    "harmlessness",
    "anti_sycophancy",
    "instruction_following",
    "reasoning",
    "concision",
    "respect",
    "cultural_and_language_fit",
}


def test_core_and_process_ship() -> None:
    assert {f.relative_to(FOLDER).as_posix() for f in FILES} >= {"core.yaml", "process.yaml"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_it_loads_under_its_own_name(file: Path) -> None:
    assert load(file).name == file.stem


@pytest.mark.parametrize("principle", PRINCIPLES, ids=lambda p: p.id)
def test_wording(principle: Principle) -> None:
    assert len(principle.text.split()) <= 30
    assert principle.group in GROUPS
    for sentence in (principle.text, principle.critique, principle.revision):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "?" not in sentence
        assert sentence.isascii()
        assert "{" not in sentence
    assert principle.text.count(".") == 1, "one sentence"
    assert principle.critique != principle.revision


def test_core_covers_every_group_with_outcome_principles() -> None:
    core = load(FOLDER / "core.yaml").principles
    assert len(core) >= 24
    assert {p.group for p in core} == GROUPS
    assert {p.family for p in core} == {"outcome"}
    assert all("prefer the" in p.text.lower() for p in core)


def test_process_judges_steps() -> None:
    process = load(FOLDER / "process.yaml").principles
    assert {p.family for p in process} == {"process"}
    assert all(" step" in p.text for p in process)


def test_no_two_principles_share_an_id_or_a_text() -> None:
    assert len({p.id for p in PRINCIPLES}) == len(PRINCIPLES)
    assert len({p.text.lower() for p in PRINCIPLES}) == len(PRINCIPLES)


@pytest.mark.parametrize(
    ("domain", "specific"),
    [
        ("arithmetic", {"correct_calculation", "answer_matches_work"}),
        ("steps", {"sound_steps", "answer_matches_work"}),
        ("format", {"obeys_instructions", "required_form"}),
        ("length", {"obeys_instructions", "required_length"}),
        ("premise", {"corrects_false_premise", "truth_over_agreement"}),
        ("facts", {"right_fact", "faithful_to_source", "serves_request"}),
        ("safety", {"no_help_to_harm", "declines_and_helps", "no_needless_refusal"}),
    ],
)
def test_one_drawn_principle_mostly_fits_the_domain(domain: str, specific: set[str]) -> None:
    candidates = load(FOLDER / "core.yaml").candidates_for(domain)
    fitting = sum(c.weight for c in candidates if c.principle.id in specific)
    assert fitting / sum(c.weight for c in candidates) >= 0.85


def test_every_domain_has_enough_for_a_panel_of_principles() -> None:
    core = load(FOLDER / "core.yaml")
    assert min(len(found) for found in core.candidates.values()) >= 8


def test_every_domain_is_listed_in_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("WHAT WE VALUE")
    for domain in {d for p in PRINCIPLES for d in p.domains}:
        assert f"`{domain}`" in readme

"""A run's preferences in the formats of others, and the folder that goes to the hub."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rlaif import content
from rlaif.errors import ConfigError
from rlaif.exchange.dataset_card import checked_license, dataset_card
from rlaif.exchange.export import SPLITS, export, read_columns
from rlaif.exchange.hub import MARK
from rlaif.exchange.privacy import Findings
from rlaif.exchange.sources import HUB_NAME
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.card_facts import card_facts
from rlaif.pipelines.curated import CuratedFolder

LOCAL = re.compile(r"(?:[A-Za-z]:)?[/\\~]")
"""How a path of this machine begins."""
UNPUBLISHED = ("base_url", "allow_http")
"""Recipe keys that may name a private host."""


def preferences_of(run: Path) -> Path:
    """The file of a run's rows: the curated ones where there are any.

    Raises ConfigError where the run has none, or was judged anew since it was curated.
    """
    folder = RunFolder.standalone(run)
    curated = folder.curated / folder.preferences.name
    if curated.is_file():
        CuratedFolder(folder).check_fresh()
    for path in (curated, folder.preferences):
        if path.is_file():
            return path
    raise ConfigError(f"{run}: no preferences.parquet there: give the folder of a finished run")


def why_empty(run: Path) -> str:
    """Why a run without rows has none."""
    told = _curation(preferences_of(run))
    if told is None:
        return "no verdict passed the gate"
    return told["reason"] or "curated/dropped.parquet says why of each pair"


def export_run(run: Path, name: str, out: Path | None) -> tuple[Path, dict[str, int]]:
    """Write a run's rows in the format `name`; returns the folder and the rows of each split.

    The folder is replaced as a whole, once it is complete. Raises ConfigError for an unknown
    format, a run without rows, or a folder that holds something else.
    """
    source = preferences_of(run)
    folder = RunFolder.standalone(run)
    target = out or folder.exports / name
    _check_replaceable(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with folder.writing(target) as path:
            path.mkdir()
            counts = export(source, path, name)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written ({error.strerror})") from None
    return target, counts


def _check_replaceable(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target}: is a file: give a folder")
    ours = {f"{split}.{ending}" for split in SPLITS for ending in ("parquet", "jsonl")}
    others = {p.name for p in target.iterdir()} - ours if target.exists() else set()
    if others:
        raise ConfigError(f"{target}: holds other files ({min(others)!r}, ...): give a new folder")


def build_hub(
    run: Path, *, license: str | None, allow_contacts: bool, own: Mapping[str, str]
) -> tuple[Path, dict[str, int]]:
    """Write the exact folder that goes to the hub, `RUN/hub/`; returns it and rows by split.

    Nothing is written where something in it must not be published: `own` are the user's secrets
    by variable; without `license` the run's recipe names it. Raises InputError for secrets,
    ConfigError for a run that is not finished.
    """
    source = preferences_of(run)
    folder = RunFolder.standalone(run)
    named = (_recipe(folder).get("publish") or {}).get("license", "unknown")
    checked = checked_license(license or named)
    manifest = folder.read_manifest()
    with folder.locked(), folder.writing(folder.hub) as path:
        findings = Findings(own, contacts=not allow_contacts)
        findings.rows(read_columns(source))
        for part in ("data", "rlaif"):
            (path / part).mkdir(parents=True)
        counts = export(source, path / "data", "parquet", stem="{}-00000-of-00001")
        curation = _curation(source)
        facts = card_facts(_recipe(folder), scrubbed(manifest), curation, source, counts, checked)
        texts = _texts(folder, manifest, curation) | {"README.md": dataset_card(facts)}
        for name, text in texts.items():
            findings.text(name, text)
            (path / name).write_text(text, encoding="utf-8")
        findings.refuse(source)
    return folder.hub, counts


def _curation(source: Path) -> dict[str, Any] | None:
    path = source.parent / "curation.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise ConfigError(f"{path}: cannot be read as JSON: curate the run again") from None
    return found


def _texts(
    folder: RunFolder, manifest: Mapping[str, Any], curation: Mapping[str, Any] | None
) -> dict[str, str]:
    """The files that say how the data came about, by name, without this machine's paths."""
    recipe = _recipe(folder)
    if curation:  # rlaif curate may have been run with other settings than the recipe's
        recipe["curate"] = curation["settings"]
    resolved = yaml.safe_dump(scrubbed(recipe), sort_keys=False, allow_unicode=True)
    told = {MARK: manifest} | ({"rlaif/curation.json": curation} if curation else {})
    texts = {name: json.dumps(scrubbed(v), indent=2, sort_keys=True) for name, v in told.items()}
    return {name: f"{text}\n" for name, text in texts.items()} | {"rlaif/recipe.yaml": resolved}


def _recipe(folder: RunFolder) -> dict[str, Any]:
    found = content.load_yaml(folder.recipe)
    if not isinstance(found, dict):
        raise ConfigError(f"{folder.recipe}: is no recipe")
    return found


def scrubbed(value: Any, key: str = "") -> Any:
    """`value` without folders of this machine and without endpoints."""
    if key in UNPUBLISHED:
        return None
    if isinstance(value, Mapping):
        kept = {k: scrubbed(v, str(k)) for k, v in value.items() if k not in UNPUBLISHED}
        return kept
    if isinstance(value, list | tuple):
        return [scrubbed(item) for item in value]
    if isinstance(value, str):
        named = key in ("input", "source") and not HUB_NAME.fullmatch(value)
        if LOCAL.match(value) or named:
            return re.split(r"[/\\]", value.rstrip("/\\"))[-1]
    return value

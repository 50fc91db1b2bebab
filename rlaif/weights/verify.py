"""Are these the bytes that were named? Digests, kept beside the file, and formats."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rlaif.errors import ConfigError

_GGUF = b"GGUF"


def check_format(path: Path) -> None:
    """Refuse what is not GGUF or safetensors, by its first bytes (a pickle could run code)."""
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    # A safetensors file opens with the length of its header, which is a JSON object.
    safetensors = len(head) == 9 and 0 < int.from_bytes(head[:8], "little") < 1 << 32
    if head[:4] != _GGUF and not (safetensors and head[8:] == b"{"):
        raise ConfigError(f"{path}: neither GGUF nor safetensors; other formats are not loaded")


def sha256_of(path: Path, marks: Path) -> str:
    """SHA-256 of a file in hex; a mark in the folder `marks` spares hashing it again.

    The mark holds as long as the file's size and modification time do. Raises ConfigError where the
    file cannot be read.
    """
    try:
        stat = path.stat()
        key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
        mark = marks / f"{key}.json"
        known = _read(mark)
        if known[:2] == [stat.st_size, stat.st_mtime_ns]:
            return str(known[2])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    _write(mark, [stat.st_size, stat.st_mtime_ns, digest])
    return digest


def _read(mark: Path) -> list[object]:
    try:
        known = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return known if isinstance(known, list) and len(known) == 3 else []


def _write(mark: Path, known: list[object]) -> None:
    """Without a writable cache every start hashes again, which is slow and right."""
    temporary = mark.with_suffix(".tmp")
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(known), encoding="utf-8")
        temporary.replace(mark)
    except OSError:
        return

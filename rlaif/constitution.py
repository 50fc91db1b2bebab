"""The constitution: principles read from YAML, and the draw of k of them for a comparison.

constitution = load(find("constitution", "core"))
constitution.draw(comparison.pair_key, comparison.domain, k=1, seed=0)
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from rlaif.content import load_yaml, parse
from rlaif.errors import ConfigError
from rlaif.records import Principle, Record, digest

GENERAL = "general"
"""The domain of a row that names none, and the one an unknown domain is read as."""

SPECIFIC_BOOST = 20.0
"""How much likelier a principle that names the pair's domain is drawn than one for every domain.

Being listed for `general` is not being specific, and brings no boost.
"""


class Candidate(NamedTuple):
    """A principle that may be drawn in one domain, with its weight there (boost included)."""

    weight: float
    id: bytes
    principle: Principle


class Constitution(Record):
    """Named principles; a draw depends on recipe seed, pair key and domain, and nothing else."""

    name: str = Field(min_length=1)
    version: int = Field(ge=1)
    principles: tuple[Principle, ...] = Field(min_length=1)

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits of hash(everything the file says), for manifests."""
        return digest(self.model_dump(mode="json"))

    @cached_property
    def by_id(self) -> dict[str, Principle]:
        """The principles by their id."""
        return {p.id: p for p in self.principles}

    @cached_property
    def candidates(self) -> dict[str, tuple[Candidate, ...]]:
        """For each domain that a principle names, and `general`: what may be drawn there."""
        named = {d for p in self.principles for d in p.domains} | {GENERAL}
        return {domain: self._candidates_of(domain) for domain in sorted(named)}

    def candidates_for(self, domain: str) -> tuple[Candidate, ...]:
        """What may be drawn for `domain`; one that no principle names is read as `general`."""
        return self.candidates.get(domain) or self.candidates[GENERAL]

    def draw(self, pair_key: str, domain: str, k: int, seed: int) -> tuple[Principle, ...]:
        """Draw k different principles for a pair, weighted and fit for its domain.

        Each candidate gets the key u^(1/w), u uniform from hash(seed, pair key, principle id), and
        the k largest are drawn, in that order (Efraimidis and Spirakis, "Weighted random sampling
        with a reservoir", IPL 97, 2006; taken in logarithms). So a swapped pair draws the same,
        concurrency and order of calls do not matter, and a principle added later changes only the
        draws that it enters. Raises ConfigError if the domain has fewer than k.
        """
        candidates = self.candidates_for(domain)
        if not 1 <= k <= len(candidates):
            raise ConfigError(
                f"cannot draw {k} principles: constitution {self.name!r} has {len(candidates)} for"
                f" domain {domain!r}; allowed are 1 to {len(candidates)}"
            )
        key = _keys(seed, pair_key)
        if k == 1:
            return (max(candidates, key=key).principle,)
        return tuple(c.principle for c in heapq.nlargest(k, candidates, key=key))

    def _candidates_of(self, domain: str) -> tuple[Candidate, ...]:
        found = []
        for p in self.principles:
            if p.domains and domain not in p.domains:
                continue
            boost = SPECIFIC_BOOST if p.domains and domain != GENERAL else 1.0
            found.append(Candidate(p.weight * boost, p.id.encode(), p))
        return tuple(found)


def load(path: Path) -> Constitution:
    """Read a constitution file: `name`, `version` and `principles`, no other key.

    Raises ConfigError naming the file, the principle and the key.
    """
    data = load_yaml(path)
    entries = data.get("principles") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        parse(Constitution, data, str(path))
        raise ConfigError(f"{path}: principles: a list of principles is wanted")
    principles = [_principle(entry, place, path) for place, entry in enumerate(entries, start=1)]
    twice = [name for name, n in Counter(p.id for p in principles).items() if n > 1]
    if twice:
        raise ConfigError(f"{path}: id: {', '.join(twice)} given to more than one principle")
    return parse(Constitution, {**data, "principles": principles}, str(path))


def _principle(entry: object, place: int, path: Path) -> Principle:
    name = entry.get("id") if isinstance(entry, dict) else None
    where = f"{path}: principle {name!r}" if name else f"{path}: principle number {place}"
    principle = parse(Principle, entry, where)
    if not math.isfinite(principle.weight):
        raise ConfigError(f"{where}: weight: a finite number above 0 is wanted")
    for key in ("text", "critique", "revision"):
        if not getattr(principle, key).strip():
            raise ConfigError(f"{where}: {key}: is empty")
    return principle


def _keys(seed: int, pair_key: str) -> Callable[[Candidate], float]:
    """The sort key log(u)/w of a candidate for this pair; blake2b, so equal on every Python."""
    pair = hashlib.blake2b(f"{seed}:{pair_key}:".encode(), digest_size=8)

    def key(candidate: Candidate) -> float:
        uniform = pair.copy()
        uniform.update(candidate.id)
        return math.log((int.from_bytes(uniform.digest(), "big") + 0.5) / 2**64) / candidate.weight

    return key

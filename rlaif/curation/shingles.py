"""Texts as sets of word shingles, hashed a batch at a time in NumPy.

A word is a run of letters, digits and symbols of arithmetic; case, white space and sentence
punctuation do not count, and each Chinese or Japanese character is a word. A shingle is three
words in a row; a text of fewer words is one shingle.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

WIDTH = 3
"""Words in a shingle."""
BATCH_CHARS = 2**21
_BASE = 0x9E3779B97F4A7C15
_MIXERS = tuple(np.uint64(m) for m in (0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB))
_GAP, _WORD, _ALONE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Shingles:
    """The shingles of n texts, one text after the other; a text without words has none."""

    values: NDArray[np.uint32]
    starts: NDArray[np.int64]
    """Where each text begins in `values`, and where the last ends: shape (n + 1,)."""

    def counts(self) -> NDArray[np.int64]:
        """How many shingles each text has, shape (n,)."""
        return np.diff(self.starts)


def shingle(texts: Iterable[str]) -> Shingles:
    """The shingles of all texts, read once: four bytes a word of text are kept."""
    values, counts = [np.zeros(0, np.uint32)], [np.zeros(0, np.int64)]
    for batch in _batches(texts):
        words, owner = _words(batch)
        made, kept = _join(words, owner)
        values.append(made)
        counts.append(np.bincount(owner[kept], minlength=len(batch)))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return Shingles(np.concatenate(values), starts.astype(np.int64))


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH_CHARS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _words(batch: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hash and text number of each word of a batch.

    A word's hash is the polynomial of its bytes modulo 2^64, as a difference of running sums.
    """
    joined = "".join(text.replace("\0", " ") + "\0" for text in batch)
    if not joined.isascii():
        joined = unicodedata.normalize("NFKC", joined)
    data = np.frombuffer(joined.casefold().encode("utf-8", "surrogatepass"), np.uint8)
    kind = _kinds()[data]
    begins, ends = _borders(kind)
    powers, inverses = _powers(1 << max(len(data) - 1, 1).bit_length())
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum((data + np.uint64(1)) * powers[: len(data)], out=sums[1:])
    hashes = scramble((sums[ends] - sums[begins]) * inverses[begins])
    return hashes, np.searchsorted(np.flatnonzero(data == 0), begins)


def _borders(kind: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where words begin, and the byte after each ends."""
    within = kind != _GAP
    begins = within.copy()
    begins[1:] &= ~within[:-1]
    alone = np.flatnonzero(kind == _ALONE)  # first of three bytes
    begins[alone] = True
    after = alone + 3
    after = after[after < len(kind)]
    begins[after] |= within[after]
    first = np.flatnonzero(begins)
    over = np.flatnonzero(within & np.append(~within[1:] | begins[1:], True))
    return first, over + 1


def _join(
    words: NDArray[np.uint64], owner: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """The shingle that begins at each word, and whether it is one (or its text too short)."""
    made = words * _MIXERS[0]
    length = np.ones(len(words), np.int64)
    for step in range(1, WIDTH):
        same = owner[step:] == owner[:-step]
        made[:-step] += np.where(same, words[step:], np.uint64(0)) * _MIXERS[step]
        length[: len(same)] += same
    first = np.append(True, owner[1:] != owner[:-1])[: len(words)]
    kept = (length == WIDTH) | first
    return (scramble(made[kept]) >> np.uint64(32)).astype(np.uint32), kept


def scramble(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A fixed random-looking permutation of 64-bit numbers (the finaliser of splitmix64)."""
    mixed = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@lru_cache(maxsize=1)
def _kinds() -> NDArray[np.uint8]:
    """What each byte of UTF-8 is: a gap, part of a word, or the first of a character alone."""
    kinds = np.full(256, _WORD, np.uint8)
    for byte in range(128):
        sign = chr(byte)
        kinds[byte] = _WORD if sign.isalnum() or sign in "+-*/=<>^%$&|~#@\\_" else _GAP
    kinds[0xE3:0xEA] = _ALONE  # U+3000 to U+9FFF: kana and CJK ideographs, three bytes each
    return kinds


@lru_cache(maxsize=1)
def _powers(n: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The first n powers of the base and of its inverse modulo 2^64."""
    rows = []
    for base in (_BASE, pow(_BASE, -1, 2**64)):
        factors = np.full(n, base, np.uint64)
        factors[0] = 1
        rows.append(np.multiply.accumulate(factors))
    return rows[0], rows[1]

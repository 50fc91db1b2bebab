"""Filters that look at one row's texts, never at its label or its verdict.

So a calibration set that goes through them still stands for the pool that does. Each returns why it
drops a row, or None. Filters that need the whole pool (duplicates, the cap per prompt) are in
`rlaif.curation.pool`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b

from rlaif.errors import MissingExtra
from rlaif.records import LabelledComparison

RowFilter = Callable[[LabelledComparison], str | None]

_REFUSAL = re.compile(
    r"^\W*(i[’']?m (very |really |so )?sorry|i am sorry|sorry|i apologi[sz]e|unfortunately)?[,.\s]*"
    r"(but )?(i|we) (can(no|[’'])t|cannot|can not|won[’']t|will not|am (not able|unable)|"
    r"[’']?m (not able|unable))\b|^\W*as an ai( language)? model\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


def refuses(text: str) -> bool:
    """Whether a response opens as a refusal does (English wording)."""
    return _REFUSAL.match(text) is not None


def no_refusals(row: LabelledComparison) -> str | None:
    """Drops pairs in which a response declines to answer."""
    pair = row.comparison
    return "refusal" if refuses(pair.a.text) or refuses(pair.b.text) else None


def length_ratio(most: float) -> RowFilter:
    """Drops pairs whose longer response has more than `most` times the other's characters."""

    def drop(row: LabelledComparison) -> str | None:
        short, long = sorted(len(side.text) for side in (row.comparison.a, row.comparison.b))
        return "length difference" if long > most * short else None

    return drop


def languages(kept: Sequence[str]) -> RowFilter:
    """Drops pairs with a response that is not in one of the languages (ISO 639-1 codes).

    Told by `py3langid`, which needs some 20 letters to be sure of anything: shorter ones pass.
    """
    try:
        from py3langid.langid import classify
    except ModuleNotFoundError:
        raise MissingExtra("py3langid", "curate", "the language filter") from None

    def drop(row: LabelledComparison) -> str | None:
        for side in (row.comparison.a, row.comparison.b):
            if sum(map(str.isalpha, side.text)) >= 20:
                language, _ = classify(side.text)
                if language not in kept:
                    return f"language {language}"
        return None

    return drop


def ngrams(text: str, n: int) -> Iterator[bytes]:
    """Hashes of all runs of n words, lower case, without punctuation; a shorter text is one."""
    words = [word.lower() for word in _WORD.findall(text)]
    for start in range(max(1, len(words) - n + 1)):
        run = words[start : start + n]
        if run:
            yield blake2b(" ".join(run).encode("utf-8", "replace"), digest_size=8).digest()


def decontaminate(texts: Iterable[str], n: int) -> RowFilter:
    """Drops pairs whose prompt or response shares a run of n words with one of `texts`.

    A text of fewer than n words matches as a whole only (GPT-3, arXiv 2005.14165, appendix C, uses
    n = 13).
    """
    seen = {gram for text in texts for gram in ngrams(text, n)}

    def drop(row: LabelledComparison) -> str | None:
        pair = row.comparison
        own = [message.content for message in pair.prompt] + [pair.a.text, pair.b.text]
        found = any(gram in seen for text in own for gram in ngrams(text, n))
        return "in a named file (decontamination)" if found else None

    return drop

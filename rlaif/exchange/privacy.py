"""Finds what must not be published: keys, and people's e-mail addresses and phone numbers.

    findings = Findings()
    findings.rows(read_columns(path))
    findings.text("README.md", card)
    findings.refuse(allow_contacts=False)

Patterns, not proof: they know the shapes of common keys and numbers (the tables below, each in a
syntax that RE2 and Python share). Arrow sifts whole columns; only what it finds is looked at here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.display import plain

SECRETS = {
    "key (sk-...)": r"\bsk-[A-Za-z0-9_-]{16,}",
    "Stripe key": r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{16,}",
    "GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{16,}",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{16,}",
    "AWS key id": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "Google key": r"\bAIza[A-Za-z0-9_-]{35}",
    "Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "Groq key": r"\bgsk_[A-Za-z0-9]{20,}",
    "PyPI token": r"\bpypi-AgE[A-Za-z0-9_-]{20,}",
    "npm token": r"\bnpm_[A-Za-z0-9]{30,}",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,}",
    "private key": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY",
    "password in a URL": r"://[^\s/:@]{1,64}:[^\s/:@]{1,128}@",
}
_MAIL = r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
_PHONES = (
    r"\+[1-9]\d{0,2}[ .()-]{0,2}(?:\d[ .()/-]{0,2}){6,13}\d",  # +49 (30) 1234567
    r"(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}",  # (212) 555-0123
    r"0\d{2,4}[ /-]\d{4,8}",  # 030 12345678
    r"0\d{2,4} \d{3,4} \d{3,4}",  # 020 7946 0958
    r"0\d(?:[ .]\d{2}){4}",  # 06 12 34 56 78
)
CONTACTS = {
    "e-mail address": _MAIL,
    "phone number": rf"(?:^|[^\w.,+/=*-])(?:{'|'.join(_PHONES)})(?:$|[^\w-])",
}
SIEVE = (
    r"\b(?:sk[-_]|rk_|hf_|gh[pousr]_|github_pat_|glpat-|AKIA|ASIA|AIza|xox[abeoprs]-|gsk_|npm_"
    r"|pypi-AgE)"
    r"[A-Za-z0-9_-]{10}",
    r"\beyJ[A-Za-z0-9_-]{10}",
    r"PRIVATE KEY",
    r"://[^\s/:@]+:[^\s/:@]+@",
)
CONTACT_SIEVE = (r"[A-Za-z0-9._%+-]@[A-Za-z0-9.-]+\.[A-Za-z]", r"(?:\d[ .()/-]{0,2}){7}")
"""What every match of the tables above holds, in few states: bounded repeats make RE2 slow."""
SHOWN = 20
"""Findings named one by one; the rest is counted."""
MADE_HERE = ("pair_key", "judgements")
"""Columns of rlaif's own hashes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must not be published, and where it stands; never the whole of it."""

    place: str
    kind: str
    shown: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind} {self.shown}".rstrip()


@dataclass
class Findings:
    """Collects findings; `own` are the user's secrets by the name of their variable."""

    own: Mapping[str, str] = field(default_factory=dict)
    first: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    contacts: bool = True
    """Whether e-mail addresses and phone numbers count."""

    def __post_init__(self) -> None:
        patterns = SECRETS | (CONTACTS if self.contacts else {})
        owned = {f"the value of {name}": re.escape(value) for name, value in self.own.items()}
        self._patterns = {k: re.compile(p, re.ASCII) for k, p in (owned | patterns).items()}
        sieve = [*map(re.escape, self.own.values()), *SIEVE]
        sieve += CONTACT_SIEVE if self.contacts else ()
        self._sieve = "|".join(f"(?:{pattern})" for pattern in sieve)

    def rows(self, batches: Iterable[Any]) -> None:
        """Look through every text of record batches of `Preference`."""
        before = 0
        for batch in batches:
            self._batch(batch, before)
            before += batch.num_rows

    def text(self, name: str, text: str) -> None:
        """Look through a text, naming its lines."""
        for number, line in enumerate(text.splitlines(), start=1):
            self._look(line, f"{name} line {number}")

    def refuse(self, source: object) -> None:
        """Raise InputError where anything was found, naming the first of it."""
        if not self.counts:
            return
        kinds = ", ".join(f"{n:,} x {kind}" for kind, n in self.counts.most_common())
        lines = [f"{source}: not published, for it holds {kinds}:", *map(str, self.first)]
        if (more := self.counts.total() - len(self.first)) > 0:
            lines.append(f"... and {more:,} more")
        remedy = "Mend or leave out these rows and run again"
        if set(self.counts) & set(CONTACTS):
            remedy += "; --allow-contacts publishes e-mail addresses and phone numbers"
        raise InputError("\n  ".join(lines) + f"\n{remedy}. Nothing was written or sent.")

    def _batch(self, batch: Any, before: int) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        numbers = pa.array(range(batch.num_rows), pa.int64())
        leaves = [
            (name, texts.cast(pa.large_string()), rows)
            for name in batch.schema.names
            if name not in MADE_HERE
            for texts, rows in _leaves(batch[name], numbers)
        ]
        # All at once: Arrow compiles the sieve anew for every array, which costs more than sifting.
        texts = pa.concat_arrays([texts for _, texts, _ in leaves])
        starts = list(accumulate((len(rows) for *_, rows in leaves), initial=0))
        for hit in pc.indices_nonzero(pc.match_substring_regex(texts, self._sieve)).to_pylist():
            leaf = bisect_right(starts, hit) - 1
            name, _, rows = leaves[leaf]
            row = rows[hit - starts[leaf]].as_py()
            self._look(texts[hit].as_py(), self._place(batch, row, before, name))

    def _look(self, text: str, place: str) -> None:
        for kind, pattern in self._patterns.items():
            for match in pattern.finditer(text):
                self.counts[kind] += 1
                if len(self.first) < SHOWN:
                    shown = "" if kind.startswith("the value of") else _masked(match.group())
                    self.first.append(Finding(place, kind, shown))

    def _place(self, batch: Any, row: int, before: int, column: str) -> str:
        name = batch["id"][row].as_py()
        safe = not any(pattern.search(name) for pattern in self._patterns.values())
        told = f" (id {plain(name, 40)})" if safe else ""
        return f"row {before + row + 1}{told}, column {column}"


def _masked(text: str) -> str:
    """Enough to find it by, and too little to use."""
    text = text.strip(" \n\t\"'`,;:()")
    return f"{plain(text[:4], 8)}... ({len(text)} characters)"


def _leaves(column: Any, rows: Any) -> Iterator[tuple[Any, Any]]:
    """All texts of a column, however nested, each array with the rows its values stand in."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type):
        yield column, rows
    elif pa.types.is_list(column.type):
        parents = pc.list_parent_indices(column)
        yield from _leaves(column.flatten(), rows.take(parents))
    elif pa.types.is_struct(column.type):
        for i in range(column.type.num_fields):
            yield from _leaves(pc.struct_field(column, i), rows)

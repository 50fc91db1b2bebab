"""Ranked sets and rated responses out of files: what listwise and multi-attribute losses train on.

    for ranked in read_sets("sets.jsonl"): ...         # RankedSet
    for rated in read_ratings("ratings.jsonl"): ...    # RatedResponse

A set is `prompt` and `responses` (texts) with `relevance` or `scores` (higher is better) or `ranks`
(1 is best), or UltraFeedback's `instruction` and `completions` with `overall_score` each. A rated
response is `prompt` and `response` with `ratings` (attribute to 0..1) or HelpSteer2's columns
(0..4, made 0..1); a pair with `scores_a` and `scores_b` gives two. What is absent is masked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rlaif.exchange.cells import read_id, read_list, read_optional, read_scores, read_text
from rlaif.exchange.messages import read_prompt
from rlaif.exchange.rows import Fault, RawRow, shown
from rlaif.exchange.training_rows import COMMON, OnBadRow, Reading, number, read_split, records
from rlaif.records import Message, RankedSet, RatedResponse, Split, digest

GRADES = ("relevance", "scores", "ranks")
SETS = COMMON | {"responses", *GRADES, "instruction", "completions"}
HELPSTEER = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
HELPSTEER_SCALE = 4.0
RATINGS = COMMON | {"response", "ratings", *HELPSTEER}
"""Columns of rated responses."""
SIDES = ("a", "b")
RATED = RATINGS | {f"{kind}_{side}" for kind in ("response", "scores") for side in SIDES}


def read_sets(
    source: str | Path, reading: Reading | None = None, *, on_bad_row: OnBadRow = "stop"
) -> Iterator[RankedSet]:
    """The ranked sets of a source, streaming; a set in which all are tied is left out and counted.

    Raises InputError as `rlaif.exchange.training.read_pairs` does.
    """
    needed = (*(("prompt", "responses", name) for name in GRADES), ("instruction", "completions"))
    at = reading if reading is not None else Reading()
    return records(source, SETS, needed, _set, at, on_bad_row)


def read_ratings(
    source: str | Path, reading: Reading | None = None, *, on_bad_row: OnBadRow = "stop"
) -> Iterator[RatedResponse]:
    """The rated responses of a source, streaming. Raises InputError as `read_sets`."""
    rated = (("prompt", "response", name) for name in ("ratings", *HELPSTEER))
    needed = (*rated, ("prompt", "response_a", "response_b", "scores_a", "scores_b"))
    at = reading if reading is not None else Reading()
    return records(source, RATED, needed, _rated, at, on_bad_row)


def _set(row: RawRow, split: Split | None) -> tuple[RankedSet]:
    values = row.values
    if values.get("completions") is not None:
        prompt = read_prompt(values.get("instruction") or values.get("prompt"))
        items = read_list(values, "completions")
        responses = tuple(_completion(item, i) for i, item in enumerate(items))
        column, grades = "overall_score", [item["overall_score"] for item in items]
    else:
        prompt = read_prompt(values.get("prompt"))
        texts = read_list(values, "responses")
        responses = tuple(read_text(text, f"responses[{i}]") for i, text in enumerate(texts))
        column = next((name for name in GRADES if values.get(name) is not None), GRADES[0])
        grades = _list(values, column)
    relevance = _relevance(column, grades, len(responses))
    if len(responses) < 2:
        raise Fault("type", "responses", f"must be two or more, not {len(responses)}")
    if len(set(relevance)) == 1 or len(set(responses)) == 1:
        raise Fault("all tied", column, "puts all responses on one level")
    made = RankedSet(
        id=read_id(values) or key(prompt, *responses),
        prompt=prompt,
        responses=responses,
        relevance=relevance,
        weight=number(values, "weight", 0, math.inf, 1.0),
        domain=read_optional(values, "domain") or "general",
        split=read_split(values, split),
    )
    return (made,)


def _completion(item: object, i: int) -> str:
    if not isinstance(item, dict):
        raise Fault("type", f"completions[{i}]", f"must be an object, not {shown(item)}")
    if item.get("overall_score") is None:
        raise Fault("missing", f"completions[{i}].overall_score", "is missing; give a number")
    return read_text(item.get("response"), f"completions[{i}].response")


def _relevance(column: str, grades: list[Any], count: int) -> tuple[float, ...]:
    """One grade a response, higher is better. Raises Fault."""
    if not grades:
        raise Fault("missing", None, "responses need relevance, scores or ranks, one each")
    if len(grades) != count:
        message = f"has {len(grades)} entries for {count} responses; give one a response"
        raise Fault("type", column, message)
    found = []
    for i, grade in enumerate(grades):
        name = f"{column}[{i}]"
        if grade is None:
            raise Fault("missing", name, "is missing; give a number or leave the response out")
        found.append(number({name: grade}, name, -math.inf, math.inf, 0.0))
    if column == "ranks":
        return tuple(max(found) - rank for rank in found)
    return tuple(found)


def _list(values: dict[str, Any], column: str) -> list[Any]:
    """A list, or its JSON text as CSV has it."""
    value = values.get(column)
    if isinstance(value, str):
        with suppress(ValueError):
            return read_list({column: json.loads(value)}, column)
    return read_list(values, column)


def _rated(row: RawRow, split: Split | None) -> tuple[RatedResponse, ...]:
    values = row.values
    if values.get("response") is not None or values.get("response_a") is None:
        ratings = read_scores(values, "ratings") or _helpsteer(values)
        return (_response(values, "response", ratings, split),)
    found = [(side, read_scores(values, f"scores_{side}")) for side in SIDES]
    return tuple(
        _response(values, f"response_{side}", scores, split) for side, scores in found if scores
    ) or (_response(values, "response_a", {}, split),)


def _helpsteer(values: dict[str, Any]) -> dict[str, float]:
    """HelpSteer2's attributes (0..4) as 0..1."""
    given = (name for name in HELPSTEER if values.get(name) is not None)
    return {name: number(values, name, 0, HELPSTEER_SCALE, 0.0) / HELPSTEER_SCALE for name in given}


def _response(
    values: dict[str, Any], column: str, ratings: dict[str, float], split: Split | None
) -> RatedResponse:
    if not ratings:
        raise Fault("unlabelled", "ratings", "has none")
    prompt = read_prompt(values.get("prompt"))
    text = read_text(values.get(column), column)
    own = read_id(values)
    return RatedResponse(
        id=f"{own}:{column[-1]}" if own and column != "response" else own or key(prompt, text),
        prompt=prompt,
        response=text,
        ratings=ratings,
        weight=number(values, "weight", 0, math.inf, 1.0),
        domain=read_optional(values, "domain") or "general",
        split=read_split(values, split),
    )


def key(prompt: tuple[Message, ...], *texts: str) -> str:
    """Names a row without an id by its content."""
    return digest([[m.role, m.content] for m in prompt], *texts)

"""The shapes in which others read preferences: TRL, OpenRLHF, RewardBench, and the plain table.

Each is a function on Arrow columns of `Preference` (a batch in, named columns out), so that a
million rows are reshaped without one Python object a row.

No shape has a column `margin`: TRL and OpenRLHF would train on it, and a judge's log-odds are not
a margin. What trainers do not read (`id`, `p`, `weight`, `decided_by`) they drop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Columns = dict[str, Any]
"""Arrow arrays of one length by column name."""


@dataclass(frozen=True, slots=True)
class Format:
    """One shape: who reads it, and how a batch of `Preference` columns becomes its columns."""

    about: str
    shape: Callable[[Any], Columns]
    lines: bool = False
    """JSON lines; else Parquet."""


def _explicit_chat(rows: Any) -> Columns:
    sides = {side: _as_reply(_text(rows, side)) for side in ("chosen", "rejected")}
    return {"prompt": rows["prompt"], **sides, **_beside(rows)}


def _explicit_text(rows: Any) -> Columns:
    sides = {side: _spoken(_text(rows, side)) for side in ("chosen", "rejected")}
    return {"prompt": _transcript(rows["prompt"]), **sides, **_beside(rows)}


def _implicit_chat(rows: Any) -> Columns:
    sides = {side: _followed_by(rows["prompt"], _text(rows, side)) for side in _SIDES}
    return {**sides, **_beside(rows)}


def _implicit_text(rows: Any) -> Columns:
    prompt = _transcript(rows["prompt"])
    sides = {side: _concatenated(prompt, _spoken(_text(rows, side))) for side in _SIDES}
    return {**sides, **_beside(rows)}


def _kto_chat(rows: Any) -> Columns:
    completion = _as_reply(_both(_text(rows, "chosen"), _text(rows, "rejected")))
    return _unpaired(rows, rows["prompt"], completion)


def _kto_text(rows: Any) -> Columns:
    completion = _spoken(_both(_text(rows, "chosen"), _text(rows, "rejected")))
    return _unpaired(rows, _transcript(rows["prompt"]), completion)


def _rewardbench(rows: Any) -> Columns:
    """A prompt of one user turn is that turn's text; longer ones are a transcript."""
    import pyarrow as pa
    import pyarrow.compute as pc

    prompt = rows["prompt"]
    single = pc.equal(pc.list_value_length(prompt), 1)
    first = pc.struct_field(pc.list_element(prompt, 0), "content") if len(prompt) else None
    asked = pa.array([], pa.string()) if first is None else first
    return {
        "prompt": pc.if_else(single, asked, _transcript(prompt)),
        "chosen": _text(rows, "chosen"),
        "chosen_model": pc.struct_field(rows["chosen"], "model"),
        "rejected": _text(rows, "rejected"),
        "rejected_model": pc.struct_field(rows["rejected"], "model"),
        "subset": rows["domain"],
        "id": rows["id"],
    }


def _plain(rows: Any) -> Columns:
    """Everything known of a row, in TRL's explicit prompt: what `rlaif push` publishes."""
    import pyarrow.compute as pc

    known = {name: rows[name] for name in rows.schema.names if name not in ("prompt", *_SIDES)}
    models = {f"{side}_model": pc.struct_field(rows[side], "model") for side in _SIDES}
    sides = {side: _as_reply(_text(rows, side)) for side in _SIDES}
    return {"prompt": rows["prompt"], **sides, **known, **models}


FORMATS = {
    "trl-explicit": Format("TRL, prompt apart, chat messages", _explicit_chat),
    "trl-explicit-text": Format("TRL, prompt apart, text", _explicit_text),
    "trl-implicit": Format("TRL, prompt within both sides, chat messages", _implicit_chat),
    "trl-implicit-text": Format("TRL, prompt within both sides, text", _implicit_text),
    "dpo": Format("TRL's DPOTrainer and its like: the same as trl-explicit", _explicit_chat),
    "kto": Format("TRL's KTOTrainer: one row a response, chat messages", _kto_chat),
    "kto-text": Format("TRL's KTOTrainer: one row a response, text", _kto_text),
    "openrlhf": Format("OpenRLHF: --prompt_key prompt --apply_chat_template", _explicit_chat),
    "rewardbench": Format("the columns of RewardBench", _rewardbench),
    "parquet": Format("every column, as rlaif push publishes it", _plain),
    "jsonl": Format("every column, as JSON lines", _plain, lines=True),
}

_SIDES = ("chosen", "rejected")
_BESIDE = ("id", "p", "p_kind", "weight", "decided_by")
_TURN = {"system": "", "user": "\n\nHuman: ", "assistant": "\n\nAssistant: "}
"""What stands before each message of a text transcript, as in Anthropic's HH-RLHF."""


def _beside(rows: Any) -> Columns:
    return {name: rows[name] for name in _BESIDE}


def _text(rows: Any, side: str) -> Any:
    import pyarrow.compute as pc

    return pc.struct_field(rows[side], "text")


def _spoken(text: Any) -> Any:
    """A reply as it follows a transcript that ends in "Assistant:"."""
    return _concatenated(" ", text)


def _as_reply(text: Any) -> Any:
    """Each text as a list of one assistant message."""
    import pyarrow as pa

    return _lists(_assistant(text), pa.array(np.arange(len(text) + 1, dtype=np.int32)))


def _assistant(text: Any) -> Any:
    import pyarrow as pa

    role = pa.repeat(pa.scalar("assistant"), len(text))
    return pa.StructArray.from_arrays([role, text], names=["role", "content"])


def _followed_by(prompt: Any, text: Any) -> Any:
    """Each prompt's messages, then its reply."""
    import pyarrow as pa
    import pyarrow.compute as pc

    turns = pc.list_value_length(prompt).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum(turns)
    flat = pa.concat_arrays([prompt.flatten(), _assistant(text).cast(prompt.type.value_type)])
    # The reply to row i stands behind all prompts, at ends[-1] + i; it goes in after turn ends[i].
    order = np.insert(np.arange(ends[-1] if len(ends) else 0), ends, _after(ends))
    offsets = np.concatenate([[0], np.cumsum(turns + 1)]).astype(np.int32)
    return _lists(flat.take(pa.array(order)), pa.array(offsets))


def _after(ends: Any) -> Any:
    return np.arange(len(ends)) + (ends[-1] if len(ends) else 0)


def _transcript(prompt: Any) -> Any:
    r"""Each prompt as text: "\n\nHuman: ...\n\nAssistant:", a system message first and bare."""
    import pyarrow as pa
    import pyarrow.compute as pc

    flat = prompt.flatten()
    role = pc.struct_field(flat, "role")
    at = pc.index_in(role, pa.array(list(_TURN)))
    lead = pa.array(list(_TURN.values())).take(at)
    said = _concatenated(lead, pc.struct_field(flat, "content"))
    turns = pc.list_value_length(prompt).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(turns)]).astype(np.int32)
    return _concatenated(pc.binary_join(_lists(said, pa.array(offsets)), ""), "\n\nAssistant:")


def _lists(values: Any, offsets: Any) -> Any:
    import pyarrow as pa

    return pa.ListArray.from_arrays(offsets, values)


def _concatenated(first: Any, second: Any) -> Any:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(first, second, "")


def _both(chosen: Any, rejected: Any) -> Any:
    """Chosen and rejected of each row in turn: 2n values of n rows."""
    import pyarrow as pa

    n = len(chosen)
    order = np.arange(2 * n).reshape(2, n).T.reshape(-1)
    return pa.concat_arrays([chosen, rejected]).take(pa.array(order))


def _unpaired(rows: Any, prompt: Any, completion: Any) -> Columns:
    import pyarrow as pa

    twice = pa.array(np.repeat(np.arange(len(prompt)), 2))
    label = pa.array(np.tile([True, False], len(prompt)))
    beside = {name: column.take(twice) for name, column in _beside(rows).items()}
    return {"prompt": prompt.take(twice), "completion": completion, "label": label, **beside}

"""Labelling in Argilla 2.x: a folder that its SDK reads, and its exported records back.

    rg.Dataset.from_disk("folder", workspace="argilla")           # what `write_argilla` wrote
    dataset.records.to_json("answers.json")                       # what `read_argilla` reads, or:
    json.dump(dataset.records.to_list(flatten=True), file)        # which also tells drafts

The shapes are those of `DiskImportExportMixin`, `Settings.serialize` and `Record.to_dict` of
argilla 2.8. Its nested export leaves the status of an answer out: drafts and discarded answers can
be told from submitted ones in the flat export only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.rows import shown
from rlaif.labelling.answers import STRENGTHS
from rlaif.labelling.taken import Given
from rlaif.labelling.tasks import Tasks, shown_order
from rlaif.records import Comparison

RECORDS = "records.json"
GUIDELINES = (
    "Which response answers the prompt better? The order of the two is random. Choose a tie where"
    " neither is better; say how much better, and why, if you like."
)
HOW = 'export with dataset.records.to_json("answers.json") or records.to_list(flatten=True)'


@dataclass(frozen=True)
class Returned:
    """What came back from Argilla."""

    given: list[Given]
    unsubmitted: int
    """Answers left out since they were drafts or discarded."""
    status_known: bool
    """False where the export does not say which answers were submitted."""


def write_argilla(tasks: Tasks, seed: int, folder: Path) -> int:
    """Write the dataset's folder and return how many records it has.

    Raises InputError where `folder` holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists; --to takes a new or empty folder for Argilla")
    (folder / ".argilla").mkdir(parents=True, exist_ok=True)
    _dump({"name": "rlaif", "guidelines": GUIDELINES}, folder / ".argilla" / "dataset.json")
    _dump(settings(), folder / ".argilla" / "settings.json")
    records = [
        record(tasks.pair(n), tasks.drawn_by(name), seed) for n, name in enumerate(tasks.ids)
    ]
    _dump(records, folder / RECORDS)
    return len(records)


def record(pair: Comparison, drawn_by: str, seed: int) -> dict[str, Any]:
    """One record: the prompt as a chat, the two responses in an order drawn by seed."""
    order = shown_order(seed, "", pair)
    first, second = pair.shown(order)
    prompt = [{"role": m.role, "content": m.content} for m in pair.prompt]
    return {
        "id": pair.id,
        "fields": {"prompt": prompt, "response_a": first, "response_b": second},
        "metadata": {"id": pair.id, "drawn_by": drawn_by, "shown_first": order[0]},
        "suggestions": {},
        "responses": {},
        "vectors": {},
        "status": "pending",
    }


def settings() -> dict[str, Any]:
    """Fields, questions and metadata of the dataset; annotators see no metadata."""
    labels = {"a": "A is better", "b": "B is better", "tie": "Tie"}
    return {
        "guidelines": GUIDELINES,
        "questions": [
            _question("label", "Which response is better?", _options(labels), required=True),
            _question("strength", "How much better?", _options({w: w for w in STRENGTHS})),
            _question("reason", "Why?", {"type": "text", "use_markdown": False}),
        ],
        "fields": [
            _field("prompt", "Prompt", "chat"),
            _field("response_a", "A", "text"),
            _field("response_b", "B", "text"),
        ],
        "vectors": [],
        "metadata": [_metadata(name) for name in ("id", "drawn_by", "shown_first")],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def is_argilla(path: Path) -> bool:
    """Whether `path` is an Argilla folder, or a JSON file that holds one array."""
    if path.is_dir():
        return (path / RECORDS).is_file()
    if path.suffix != ".json" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig") as file:
        return file.read(1000).lstrip().startswith("[")


def read_argilla(path: Path) -> Returned:
    """Every annotator's answers of an export, nested or flat. Raises InputError."""
    file = path / RECORDS if path.is_dir() else path
    try:
        records = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: is no JSON of Argilla: {error}; {HOW}") from None
    given: list[Given] = []
    unsubmitted, flat = 0, False
    for number, one in enumerate(records, start=1):
        place = f"{file} record {number}"
        if not isinstance(one, dict) or not {"responses", "response_a"} & one.keys():
            raise InputError(f"{place}: is no record of these pairs ({shown(one)}); {HOW}")
        flat = flat or "responses" not in one
        try:
            found = list(_answers(one, place))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{place}: is not as Argilla writes it ({error!r}); {HOW}") from None
        kept = [answer for answer, status in found if status in (None, "submitted")]
        unsubmitted += len(found) - len(kept)
        given += kept
    return Returned(given, unsubmitted, status_known=flat)


def _answers(one: dict[str, Any], place: str) -> Iterator[tuple[Given, str | None]]:
    """Each annotator's answer to one record, with its status where the export has it."""
    nested = "responses" in one
    fields = one["fields"] if nested else one
    metadata = one["metadata"] if nested else one
    for annotator, values in _by_annotator(one, nested).items():
        if values.get("label") is None:
            continue
        yield (
            Given(
                place=place,
                id=str(metadata.get("id") or one["id"]),
                label=str(values["label"]),
                annotator=annotator,
                strength=STRENGTHS.get(values.get("strength") or ""),
                reason=str(values.get("reason") or ""),
                shown_first=metadata.get("shown_first"),
                texts=(fields["response_a"], fields["response_b"]),
                drawn_by=metadata.get("drawn_by"),
            ),
            values.get("status"),
        )


def _by_annotator(one: dict[str, Any], nested: bool) -> dict[str, dict[str, Any]]:
    """What each annotator said to each question; questions are joined by the annotator's id."""
    said: dict[str, dict[str, Any]] = {}
    for question in ("label", "strength", "reason"):
        if nested:
            for answer in one["responses"].get(question) or ():
                said.setdefault(str(answer["user_id"]), {})[question] = answer["value"]
            continue
        key = f"{question}.responses"
        values, users = one.get(key) or (), one.get(f"{key}.users") or ()
        states = one.get(f"{key}.status") or ()
        for value, user, status in zip(values, users, states, strict=True):
            said.setdefault(str(user), {}).update({question: value, "status": status})
    return said


def _question(
    name: str, title: str, settings: dict[str, Any], required: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "description": None,
        "required": required,
        "settings": settings,
        "type": settings["type"],
    }


def _options(labels: dict[str, str]) -> dict[str, Any]:
    options = [{"value": value, "text": text} for value, text in labels.items()]
    return {"type": "label_selection", "options": options, "visible_options": len(options)}


def _field(name: str, title: str, kind: str) -> dict[str, Any]:
    settings = {"type": kind, "use_markdown": True}
    return {"name": name, "title": title, "required": True, "settings": settings, "type": kind}


def _metadata(name: str) -> dict[str, Any]:
    settings = {"type": "terms", "values": None}
    return {
        "name": name,
        "title": name,
        "settings": settings,
        "visible_for_annotators": False,
    }


def _dump(value: object, path: Path) -> None:
    path.write_text(json.dumps(value, ensure_ascii=True, indent=1) + "\n", encoding="ascii")

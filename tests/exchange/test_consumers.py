"""Every exported format is taken by the library it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from rlaif.exchange.export import export
from rlaif.exchange.formats import FORMATS
from rlaif.exchange.parquet import write_parquet
from rlaif.records import Preference
from tests.exchange.test_dataset import preference, tiny_model

trained = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def exported(name: str, folder: Path, rows: int = 8, **how: Any) -> Any:
    write_parquet(map(preference, range(rows)), folder / "in", Preference)
    (folder / "out").mkdir()
    export(folder / "in", folder / "out", name)
    cache = str(folder / "cache")
    return datasets.load_dataset(str(folder / "out"), cache_dir=cache, split="train", **how)


@pytest.mark.parametrize("name", FORMATS)
def test_datasets_loads_it(name: str, tmp_path: Path) -> None:
    rows = exported(name, tmp_path)
    assert len(rows) == (16 if name.startswith("kto") else 8)
    assert rows[0]["id"] == "i0"


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "jsonl"])
def test_datasets_reads_an_empty_one(name: str, tmp_path: Path) -> None:
    """Streamed: to prepare a split of no rows is what `datasets` refuses, whoever wrote it."""
    none = exported(name, tmp_path, rows=0, streaming=True)
    (tmp_path / "some").mkdir()
    assert list(none) == []
    assert none.features == exported(name, tmp_path / "some").features


def _settings(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder / "trained"), "max_steps": 1, "per_device_train_batch_size": 4,
        "bf16": False,
        "gradient_checkpointing": False, "use_cpu": True, "report_to": [], "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }  # fmt: skip


class TestTrl:
    pytestmark = trained

    @pytest.mark.parametrize("name", ["trl-explicit", "trl-implicit"])
    def test_reward_trainer_reads_chat(self, name: str, tmp_path: Path) -> None:
        texts = _rewarded(exported(name, tmp_path), tmp_path)
        turns = "system:Bebrief.<eos>user:Whatis1+1?<eos>assistant:"
        assert texts == (f"{turns}Itis2.<eos>", f"{turns}Perhaps4.<eos>")

    @pytest.mark.parametrize("name", ["trl-explicit-text", "trl-implicit-text"])
    def test_reward_trainer_reads_text(self, name: str, tmp_path: Path) -> None:
        chosen, rejected = _rewarded(exported(name, tmp_path), tmp_path)
        turns = "Bebrief.\n\nHuman:Whatis1+1?\n\nAssistant:"
        assert (chosen, rejected) == (f"{turns}Itis2.<eos>", f"{turns}Perhaps4.<eos>")

    @pytest.mark.parametrize("name", ["dpo", "trl-explicit-text", "trl-implicit", "parquet"])
    def test_dpo_trainer(self, name: str, tmp_path: Path) -> None:
        from transformers import LlamaForCausalLM
        from trl import DPOConfig, DPOTrainer

        rows = exported(name, tmp_path)
        classifier, tokenizer = tiny_model()
        trainer = DPOTrainer(
            model=LlamaForCausalLM(classifier.config),
            ref_model=LlamaForCausalLM(classifier.config),
            args=DPOConfig(**_settings(tmp_path)),
            train_dataset=rows,
            processing_class=tokenizer,
        )
        assert trainer.train().global_step == 1

    @pytest.mark.parametrize("name", ["kto", "kto-text"])
    def test_kto_trainer(self, name: str, tmp_path: Path) -> None:
        from transformers import LlamaForCausalLM
        from trl import KTOConfig, KTOTrainer

        rows = exported(name, tmp_path)
        classifier, tokenizer = tiny_model()
        trainer = KTOTrainer(
            model=LlamaForCausalLM(classifier.config),
            ref_model=LlamaForCausalLM(classifier.config),
            args=KTOConfig(**_settings(tmp_path)),
            train_dataset=rows,
            processing_class=tokenizer,
        )
        assert trainer.train().global_step == 1


def _rewarded(rows: Any, folder: Path) -> tuple[str, str]:
    """Train one step; the second row's two sides as the trainer reads them, blanks left out."""
    from trl import RewardConfig, RewardTrainer

    model, tokenizer = tiny_model()
    config = RewardConfig(**_settings(folder))
    trainer = RewardTrainer(model=model, args=config, train_dataset=rows,
                            processing_class=tokenizer)  # fmt: skip
    assert trainer.train().global_step == 1
    assert "margin" not in next(iter(trainer.get_train_dataloader()))
    row = trainer.train_dataset[1]
    chosen, rejected = (tokenizer.decode(row[f"{s}_ids"]) for s in ("chosen", "rejected"))
    return chosen.replace(" ", ""), rejected.replace(" ", "")


@pytest.mark.heavy
def test_openrlhf_finds_prompt_and_replies(tmp_path: Path) -> None:
    """With --apply_chat_template, OpenRLHF renders prompt, then prompt + side, and cuts."""
    _, tokenizer = tiny_model()
    row = exported("openrlhf", tmp_path)[1]

    def render(messages: list[dict[str, str]], **more: bool) -> str:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, **more))

    prompt = render(row["prompt"], add_generation_prompt=True)
    cut = [render(row["prompt"] + row[side])[len(prompt) :] for side in ("chosen", "rejected")]
    assert prompt == "system: Be brief.<eos>user: What is 1 + 1?<eos>"
    assert cut == ["assistant: It is 2.<eos>", "assistant: Perhaps 4.<eos>"]


def test_rewardbench_has_the_columns_of_its_core_set(tmp_path: Path) -> None:
    rows = exported("rewardbench", tmp_path)
    core = ["prompt", "chosen", "chosen_model", "rejected", "rejected_model", "subset", "id"]
    assert rows.column_names == core
    assert {str(rows.features[name].dtype) for name in core} == {"string"}

"""The dataset folder loads with `datasets` and trains with TRL as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from rlaif.exchange.dataset import write_dataset, write_splits
from rlaif.exchange.pairs import open_pairs
from rlaif.exchange.parquet import write_parquet
from rlaif.records import LabelledComparison, Message, Preference, Response


def preference(i: int) -> Preference:
    return Preference(
        id=f"i{i}",
        pair_key=f"{i:032}",
        prompt=(
            Message(role="system", content="Be brief."),
            Message(role="user", content=f"What is {i} + {i}?"),
        ),
        chosen=Response(text=f"It is {2 * i}.", model="m"),
        rejected=Response(text=f"Perhaps {3 * i + 1}."),
        p=0.8,
        p_kind="raw",
        decided_by="judge",
        judge="local",
        principles=("truth",),
        rationale="one is right",
        judgements=("k1", "k2"),
        flipped=bool(i % 2),
        label="a" if i % 3 else None,
    )


def test_folder_loads_and_keeps_provenance(tmp_path: Path) -> None:
    assert write_dataset(map(preference, range(5)), tmp_path / "dataset") == 5
    loaded = datasets.load_from_disk(str(tmp_path / "dataset"))
    assert isinstance(loaded, datasets.Dataset)
    assert loaded.column_names[:3] == ["prompt", "chosen", "rejected"]
    assert "margin" not in loaded.column_names
    row = loaded[1]
    assert row["prompt"][1] == {"role": "user", "content": "What is 1 + 1?"}
    assert row["chosen"] == [{"role": "assistant", "content": "It is 2."}]
    assert row["rejected"] == [{"role": "assistant", "content": "Perhaps 4."}]
    stored = preference(1).model_dump(exclude={"prompt", "chosen", "rejected"})
    assert {
        k: tuple(v) if isinstance(v, list) else v for k, v in row.items() if k in stored
    } == stored
    assert (row["chosen_model"], row["rejected_model"]) == ("m", None)
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_empty_selection_is_a_valid_folder(tmp_path: Path) -> None:
    assert write_dataset([], tmp_path / "none") == 0
    write_dataset([preference(1)], tmp_path / "one")
    none, one = (datasets.load_from_disk(str(tmp_path / name)) for name in ("none", "one"))
    assert len(none) == 0
    assert none.features == one.features


def test_splits(tmp_path: Path) -> None:
    rows = [preference(i).model_copy(update={"split": "test"}) for i in range(3)]
    write_parquet([*rows, preference(3)], tmp_path / "rows", Preference)
    counts = write_splits(tmp_path / "rows", ("test", "validation"), tmp_path / "d")
    loaded = datasets.load_from_disk(str(tmp_path / "d"))
    assert isinstance(loaded, datasets.DatasetDict)
    assert {name: len(split) for name, split in loaded.items()} == counts
    assert counts == {"test": 3, "validation": 0}
    assert loaded["test"]["id"][:] == ["i0", "i1", "i2"]
    # Both ways in give the same rows.
    write_dataset(rows, tmp_path / "records")
    assert loaded["test"][:] == datasets.load_from_disk(str(tmp_path / "records"))[:]


def test_the_folder_is_an_input_again(tmp_path: Path) -> None:
    write_dataset(map(preference, range(4)), tmp_path / "dataset")
    for i, row in enumerate(open_pairs(tmp_path / "dataset", seed=0)):
        assert isinstance(row, LabelledComparison)
        chosen = row.comparison.a if row.label == "a" else row.comparison.b
        assert chosen.text == preference(i).chosen.text
        assert row.comparison.prompt == preference(i).prompt


def test_progress_bars_are_left_as_they_were(tmp_path: Path) -> None:
    before = datasets.are_progress_bars_disabled()
    write_dataset([preference(1)], tmp_path / "d")
    assert datasets.are_progress_bars_disabled() == before


def tiny_model() -> tuple[Any, Any]:
    """A random sequence classifier of two layers and a tokenizer over characters."""
    import string

    import tokenizers
    from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast

    vocabulary = {c: i for i, c in enumerate(["<pad>", "<eos>", "<unk>", *string.printable])}
    model = tokenizers.models.WordLevel(vocabulary, unk_token="<unk>")
    raw = tokenizers.Tokenizer(model)
    raw.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}<eos>{% endfor %}"
    )
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_labels=1, pad_token_id=0, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    return LlamaForSequenceClassification(config), tokenizer


@pytest.mark.heavy
@pytest.mark.parametrize("split", [None, "train"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_reward_trainer_takes_it_unchanged(split: str | None, tmp_path: Path) -> None:
    import torch
    from trl import RewardConfig, RewardTrainer

    if split:
        write_parquet(map(preference, range(8)), tmp_path / "rows", Preference)
        write_splits(tmp_path / "rows", (split,), tmp_path / "d")
        rows = datasets.load_from_disk(str(tmp_path / "d"))[split]
    else:
        write_dataset(map(preference, range(8)), tmp_path / "d")
        rows = datasets.load_from_disk(str(tmp_path / "d"))
    torch.manual_seed(0)
    model, tokenizer = tiny_model()
    config = RewardConfig(
        output_dir=str(tmp_path / "out"), max_steps=2, per_device_train_batch_size=4,
        bf16=False, gradient_checkpointing=False, use_cpu=True, report_to=[], logging_steps=1,
        disable_tqdm=True, dataloader_pin_memory=False, learning_rate=1e-2,
    )  # fmt: skip
    trainer = RewardTrainer(
        model=model, args=config, train_dataset=rows, processing_class=tokenizer
    )
    result = trainer.train()
    assert result.global_step == 2
    assert 0 < result.training_loss < 5
    batch = next(iter(trainer.get_train_dataloader()))
    assert "margin" not in batch
    text = tokenizer.decode(trainer.train_dataset[1]["chosen_ids"]).replace(" ", "")
    assert text == "system:Bebrief.<eos>user:Whatis1+1?<eos>assistant:Itis2.<eos>"


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_dpo_trainer_takes_it_unchanged(tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM
    from trl import DPOConfig, DPOTrainer

    write_dataset(map(preference, range(8)), tmp_path / "d")
    classifier, tokenizer = tiny_model()
    config = DPOConfig(
        output_dir=str(tmp_path / "out"), max_steps=2, per_device_train_batch_size=4,
        bf16=False, gradient_checkpointing=False, use_cpu=True, report_to=[], disable_tqdm=True,
        dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = DPOTrainer(
        model=LlamaForCausalLM(classifier.config),
        ref_model=LlamaForCausalLM(classifier.config),
        args=config,
        train_dataset=datasets.load_from_disk(str(tmp_path / "d")),
        processing_class=tokenizer,
    )
    assert trainer.train().global_step == 2

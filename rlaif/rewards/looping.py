"""The trainer of one model: its arguments, and how it is run and stopped."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rlaif.errors import StoppedError
from rlaif.rewards.building import uses_bf16
from rlaif.rewards.dataset import Counts, Kind
from rlaif.rewards.models import head, quiet
from rlaif.rewards.objectives import Objective, figures
from rlaif.rewards.settings import Training
from rlaif.rewards.trainers import Collator, PairTrainer, SetTrainer


def make_trainer(
    model: Any,
    tokenizer: Any,
    kind: Kind,
    settings: Training,
    work: Path,
    rows: Any,
    held: Any,
    counts: Counts,
    held_counts: Counts,
) -> Any:
    """TRL's trainer for one scalar on pairs, transformers' elsewhere, with our batches and loss."""
    from transformers import EarlyStoppingCallback, TrainingArguments
    from trl import RewardConfig

    pairs = kind == "pairs" and settings.heads == 1
    arguments = _arguments(settings, work, len(rows))
    # The base's dropout is off already; the adapters keep theirs.
    args = RewardConfig(disable_dropout=False, **arguments) if pairs else None
    ties = min(counts.tied / counts.rows, 0.9)
    packs = bool(settings.packing and getattr(model, "packs", False))
    patience = settings.patience
    trainer: Any = (PairTrainer if pairs else SetTrainer)(
        model=model,
        args=args or TrainingArguments(**arguments),
        data_collator=Collator(tokenizer.pad_token_id, packs),
        train_dataset=rows,
        eval_dataset=held,
        processing_class=tokenizer,
        compute_metrics=lambda seen: figures(kind, seen.predictions, held_counts.domains),
        callbacks=[EarlyStoppingCallback(patience)] if patience else [],
        objective=Objective(kind, settings, ties),
        weight=counts.weight / counts.rows,
    )
    head(trainer.model).float()  # TRL makes all that QLoRA trains bf16
    return trainer


def _arguments(settings: Training, work: Path, rows: int) -> dict[str, Any]:
    import os

    world = int(os.environ.get("WORLD_SIZE", "1"))
    micro = min(settings.micro_batch, max(1, settings.batch // world))
    accumulate = max(1, settings.batch // (micro * world))
    steps = settings.max_steps or math.ceil(rows * settings.epochs / (micro * accumulate * world))
    every = max(1, math.ceil(steps / settings.evaluations))
    bf16 = uses_bf16(settings)
    return {
        "output_dir": str(work),
        "seed": settings.seed,
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps or -1,
        "per_device_train_batch_size": micro,
        "per_device_eval_batch_size": micro,
        "gradient_accumulation_steps": accumulate,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": math.ceil(settings.warmup * steps),
        "weight_decay": settings.weight_decay,
        "bf16": bf16,
        "use_cpu": not torch.cuda.is_available(),  # else bf16 is refused there
        _checkpointing_field(): False,  # switched on in the model, before the adapters
        "eval_strategy": "steps",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": 2,
        "load_best_model_at_end": True,
        "metric_for_best_model": "loss",
        "logging_steps": max(1, every // 5),
        "report_to": list(settings.trackers),
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "ddp_find_unused_parameters": False,
        "dataloader_pin_memory": torch.cuda.is_available(),
        **settings.extra,
    }


def _checkpointing_field() -> str:
    """Its name among the arguments, which transformers 5.2x changed; TRL's default is on."""
    from transformers import TrainingArguments

    new = "activation_checkpointing"
    return new if new in TrainingArguments.__dataclass_fields__ else "gradient_checkpointing"


def run(trainer: Any, checkpoint: Path | None, tell: Callable[[str], None]) -> None:
    """Train, from a checkpoint where there is one. Raises StoppedError where memory is short."""
    if checkpoint:
        tell(f"going on from {checkpoint.name}")
    try:
        with quiet():
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        raise StoppedError(
            "the GPU's memory does not hold a step; what takes less: micro_batch=1,"
            " checkpointing=true, a lower max_length, method=lora or qlora, fewer layers"
        ) from error

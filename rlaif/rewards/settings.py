"""What a training recipe may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from rlaif.records import Record
from rlaif.rewards.terms import Combination, TooLong

Method = Literal["lora", "qlora", "full"]
PairLoss = Literal["bradley_terry", "rao_kupper", "davidson", "contrastive"]
SetLoss = Literal["plackett_luce", "listnet"]


class Lora(Record):
    """Low-rank adapters (Hu et al., arXiv 2106.09685); the head is always trained and saved."""

    r: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: tuple[str, ...] = ()
    """Names of the layers; empty for the attention's query, key, value and output."""


class Training(Record):
    """How one model is trained. What a recipe leaves out has these values."""

    seed: int = 0
    method: Method = "lora"
    lora: Lora = Lora()
    layers: int | None = Field(default=None, ge=1)
    """Only the base's first so many layers; None for all."""
    pair_loss: PairLoss = "bradley_terry"
    set_loss: SetLoss = "plackett_luce"
    """For ranked sets of responses."""
    soft: bool = True
    """Use p as it is; off, the likelier side counts as certain (an even p stays even)."""
    smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """Label smoothing: the share of labels taken to be flipped at random."""
    centre: float = Field(default=0.01, ge=0)
    """Weight of the squared sum of a pair's rewards, so that scores stay around 0."""
    heads: int = Field(default=1, ge=1, le=32)
    """An ensemble on one backbone: each head sees its own bootstrap of the rows."""
    combine: Combination = "mean"
    penalty: float = Field(default=1.0, ge=0)
    """Lambda of mean - lambda var."""
    attributes: dict[str, float] = Field(default_factory=dict)
    """Ratings to learn, and their weights in the score; empty for plain preferences."""
    max_length: int = Field(default=1024, ge=16)
    too_long: TooLong = "truncate"
    epochs: float = Field(default=1.0, gt=0)
    max_steps: int | None = Field(default=None, ge=1)
    """Stop after so many steps; None for the epochs."""
    batch: int = Field(default=16, ge=1)
    """Rows behind one step of the optimiser, over all processes."""
    micro_batch: int = Field(default=8, ge=1)
    """Rows of one forward; raise it while memory lasts."""
    learning_rate: float = Field(default=1e-4, gt=0)
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the steps; the rest follows a cosine."""
    weight_decay: float = Field(default=0.0, ge=0)
    packing: bool = True
    """No padding, and a shared prompt computed once, where the model's attention allows it."""
    checkpointing: bool = False
    """Gradient checkpointing: less memory, a third more time."""
    precision: Literal["auto", "fast", "bf16", "fp32"] = "auto"
    """auto: bf16 with a float32 head on a GPU, fp32 on a CPU; fast: bf16 on a CPU that has it."""
    validation: float = Field(default=0.1, gt=0, lt=0.5)
    """Share of the prompts that is kept for validation, where the data has no split."""
    evaluations: int = Field(default=4, ge=1)
    """How often validation is looked at while training."""
    patience: int | None = Field(default=2, ge=1)
    """Stop after so many evaluations without a better validation loss; None never."""
    trackers: tuple[Literal["trackio", "wandb", "tensorboard"], ...] = ()
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further fields of transformers' TrainingArguments (deepspeed, fsdp, ...), as they are."""

"""The training loops: TRL's RewardTrainer for a scalar on pairs, transformers' Trainer elsewhere.

Both get the same batches (`Collator`), loss (`Objective`) and figures; what is theirs stays
theirs: optimiser, schedule, precision, distribution, checkpoints, trackers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler
from transformers import Trainer
from transformers.trainer_pt_utils import get_length_grouped_indices
from trl import RewardTrainer

from rlaif.errors import StoppedError
from rlaif.rewards.layout import Family, Tokens, packed, padded
from rlaif.rewards.losses import reduce
from rlaif.rewards.objectives import Objective

WHOLE = "rlaif.complete"
"""Marks a checkpoint that was written to its end."""


@dataclass(frozen=True, slots=True)
class Collator:
    """Rows of the table to one batch: the layout, and under `rows` what the loss needs."""

    pad: int
    packing: bool

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """`weight` comes first: Trainer takes the number of rows from the first tensor."""
        families: list[Family] = [
            [Tokens(ids, marks) for ids, marks in zip(row["texts"], row["marks"], strict=True)]
            for row in rows
        ]
        layout = packed(families) if self.packing else padded(families, self.pad)
        targets = [target for row in rows for target in row["targets"]]
        return {
            "weight": torch.tensor([row["weight"] for row in rows]),
            "rows": {
                "targets": torch.tensor(targets, dtype=torch.float32),
                "sizes": tuple(len(row["targets"]) for row in rows),
                "boot": torch.tensor([row["boot"] for row in rows], dtype=torch.float32),
                "prompt": torch.tensor([row["prompt"] for row in rows]),
                "domain": torch.tensor([row["domain"] for row in rows]),
                "ids": tuple(row["id"] for row in rows),
            },
            **layout,
        }


class Buckets(Sampler[int]):
    """Random order in which the rows of a step are of like length, decided by seed and epoch.

    With `prompts` it is rows of one prompt that stay together instead: a contrastive loss holds
    them against each other.
    """

    def __init__(
        self, lengths: Sequence[int], step: int, seed: int, prompts: Sequence[int] | None = None
    ) -> None:
        self.lengths, self.step, self.seed, self.epoch = list(lengths), step, seed, 0
        self.prompts = prompts

    def set_epoch(self, epoch: int) -> None:
        """Called by the data loader at the start of each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed((self.seed << 16) + self.epoch)
        if self.prompts is None:
            order = get_length_grouped_indices(self.lengths, self.step, generator=generator)
            return iter(order)
        places = {prompt: i for i, prompt in enumerate(dict.fromkeys(self.prompts))}
        rank = torch.randperm(len(places), generator=generator).tolist()
        key = [rank[places[prompt]] for prompt in self.prompts]
        return iter(sorted(range(len(key)), key=key.__getitem__))


class Own:
    """What both trainers do our way. Stands before a Trainer in the order of bases."""

    def __init__(self, *args: Any, objective: Objective, weight: float, **kwargs: Any) -> None:
        self.objective, self.mean_weight = objective, weight
        super().__init__(*args, **kwargs)

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset  # RewardTrainer would tokenise; the rows are token ids already

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns: list[str] = []

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset: Any = train_dataset if train_dataset is not None else self.train_dataset  # type: ignore[attr-defined]
        args: Any = self.args  # type: ignore[attr-defined]
        step = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        contrastive = self.objective.settings.pair_loss == "contrastive"
        prompts = dataset["prompt"] if contrastive and self.objective.kind == "pairs" else None
        return Buckets(dataset["length"], step, args.seed, prompts)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
    ) -> Any:
        """Mean over the batch of loss times weight over the mean weight of all rows."""
        weight, rows, layout = _parts(inputs)
        outputs = model(**layout).logits
        losses = self.objective.losses(outputs, rows | {"weight": weight / self.mean_weight})
        # Over the mean weight of all rows, so that a step's parts add up however it was cut.
        loss = reduce(losses, weight, total=len(losses) * self.mean_weight)
        if not torch.isfinite(loss):
            raise StoppedError(_not_finite(losses, rows))
        return (loss, outputs) if return_outputs else loss

    def prediction_step(
        self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(loss, what validation keeps (m, 3), and its domains, which no one reads), gathered."""
        inputs = self._prepare_inputs(inputs)  # type: ignore[attr-defined]
        with torch.no_grad():
            loss, outputs = self.compute_loss(model, inputs, return_outputs=True)
        seen = self.objective.seen(outputs, inputs["rows"])
        return loss.detach(), seen, seen[:, 2]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Trainer's own, then the mark that it is whole. A full disk loses nothing older."""
        args: Any = self.args  # type: ignore[attr-defined]
        folder = Path(args.output_dir) / f"checkpoint-{self.state.global_step}"  # type: ignore[attr-defined]
        try:
            Trainer._save_checkpoint(self, model, trial)
        except (OSError, RuntimeError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StoppedError(
                f"the checkpoint could not be written ({error}); the one before it is whole:"
                " make room and give the same command again"
            ) from error
        if args.should_save:
            (folder / WHOLE).touch()


class PairTrainer(Own, RewardTrainer):  # type: ignore[misc]
    """One scalar head on pairs."""


class SetTrainer(Own, Trainer):  # type: ignore[misc]
    """Several heads, attributes, ranked sets, steps."""


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; a torn one is not touched."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{WHOLE}")]
    return max(found, key=lambda path: int(path.name.split("-")[1]), default=None)


def _parts(inputs: dict[str, Any]) -> tuple[Tensor, dict[str, Any], dict[str, Any]]:
    layout = {k: v for k, v in inputs.items() if k not in ("weight", "rows")}
    return inputs["weight"], inputs["rows"], layout


def _not_finite(losses: Tensor, rows: dict[str, Any]) -> str:
    bad = [i for i, loss in zip(rows["ids"], losses.tolist(), strict=True) if loss != loss]
    named = ", ".join(map(repr, (bad or list(rows["ids"]))[:8]))
    return (
        f"the loss is not a number at the rows {named}; nothing was saved over the last checkpoint."
        " A smaller learning_rate, or precision=fp32, is the usual remedy"
    )

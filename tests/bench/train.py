"""`make bench-train`: training and scoring speed beside TRL and a plain loop, in one run.

    python -m tests.bench.train [FILE ...] [--base NAME] [--pairs N] [--layers N] [--max-length N]

FILE: labelled pairs (prompt, response_a, response_b, label); made-up chats without one. Prints
pairs a second of `TRL RewardTrainer at its best public settings` and of ours, the same base, rows,
LoRA and precision, and the ceilings that shared prompts and removed padding allow on these rows.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from rlaif import weights
from rlaif.exchange.training import read_pairs
from rlaif.records import Message, TrainingPair
from rlaif.rewards.layout import Tokens, packed
from rlaif.rewards.meta import Meta
from rlaif.rewards.models import load_tokenizer, new_model
from rlaif.rewards.score import RewardModel
from rlaif.rewards.settings import Training
from rlaif.rewards.texts import Formatter, template_digest

REPEATS = 3
Took = tuple[float, float]
"""Seconds of wall time and of CPU time, all threads together."""
TRL_COMMAND = (
    "RewardConfig(bf16=False on a CPU, activation_checkpointing=False,"
    " train_sampling_strategy='group_by_length', per_device_train_batch_size={batch}, lora r 16)"
)
Row = tuple[list[int], list[int]]


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--base", default="smollm2-135m-instruct")
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--max-length", type=int, default=512)
    given = parser.parse_args()
    folder = weights.base(given.base)
    tokenizer = load_tokenizer(folder)
    formatter = Formatter(tokenizer, given.max_length)
    pairs = _pairs(given.files, given.pairs, formatter)
    rows = [
        (formatter.encode(p.prompt, p.chosen).ids, formatter.encode(p.prompt, p.rejected).ids)
        for p in pairs
    ]
    _describe(rows)
    bench_training(folder, rows, given.layers, given.repeats)
    bench_scoring(folder, tokenizer, pairs, given)


def _pairs(files: list[str], n: int, formatter: Formatter) -> list[TrainingPair]:
    """`n` pairs drawn by seed whose texts are under the limit, from all files alike."""
    found = [pair for file in files for pair in read_pairs(file)] or list(_made_up(n * 4))
    random.Random(0).shuffle(found)
    limit, kept = formatter.max_length, []
    for pair in found:
        longest = max(len(pair.chosen), len(pair.rejected)) + sum(
            len(m.content) for m in pair.prompt
        )
        if longest < 8 * limit and not any(
            formatter.encode(pair.prompt, text).cut for text in (pair.chosen, pair.rejected)
        ):
            kept.append(pair)
        if len(kept) == n:
            break
    return kept


def _made_up(n: int) -> Iterator[TrainingPair]:
    """Chats with prompts of 20 to 300 words and responses of 20 to 150."""
    rng = random.Random(1)
    words = [
        f"{a}{b}" for a in ("lo", "mi", "ra", "se", "ta") for b in ("den", "gar", "pil", "mon")
    ]

    def text(low: int, high: int) -> str:
        return " ".join(rng.choices(words, k=rng.randint(low, high)))

    for i in range(n):
        prompt = (Message(role="user", content=text(20, 300)),)
        yield TrainingPair(id=str(i), prompt=prompt, chosen=text(20, 150), rejected=text(20, 150))


def _describe(rows: list[Row]) -> None:
    both = np.array([(len(a), len(b)) for a, b in rows])
    shared = np.array([packed([[Tokens(a), Tokens(b)]])["trees"][0][0] for a, b in rows])
    p, r = shared.mean(), (both - shared[:, None]).mean()
    print(
        f"{len(rows)} pairs: shared prompt {p:.0f} tokens, response {r:.0f}; every text for itself"
        f" {both.sum():,} tokens, prompts once {both.sum() - shared.sum():,}"
        f" (sharing alone allows {2 * (p + r) / (p + 2 * r):.2f} times)"
    )


def bench_training(folder: Path, rows: list[Row], layers: int | None, repeats: int) -> None:
    """Pairs a second of one pass, forward, backward and step: both at their best batch size."""
    total = sum(len(a) + len(b) for a, b in rows)
    ours_tokens = sum(packed([[Tokens(a), Tokens(b)]])["input_ids"].numel() for a, b in rows)
    times: dict[str, list[Took]] = {}
    padded: dict[str, int] = {}
    runs: dict[str, Callable[[], Took]] = {}
    for batch in (1, 4, 8):
        for who, run in (("ours", _ours), ("TRL", _trl)):
            runs[f"{who}, batch {batch}"] = partial(run, folder, rows, layers, batch)
        padded[f"TRL, batch {batch}"] = _padded_tokens(rows, batch)
    for _ in range(repeats):
        for name, run in runs.items():
            times.setdefault(name, []).append(run())
    wall, cpu = ({name: median(took[i] for took in times[name]) for name in runs} for i in (0, 1))
    best = min((name for name in runs if name in padded), key=cpu.__getitem__)
    ours = min((name for name in runs if name not in padded), key=cpu.__getitem__)
    print("\n| training | pairs a second | a CPU second | tokens read |\n| --- | --- | --- | --- |")
    for name in runs:
        tokens = padded.get(name, ours_tokens)
        print(
            f"| {name} | {len(rows) / wall[name]:.2f} | {len(rows) / cpu[name]:.2f} | {tokens:,} |"
        )
    ceiling = padded[best] / ours_tokens
    for what, took in (("wall", wall), ("CPU", cpu)):
        ratio = took[best] / took[ours]
        print(f"{ours}: times {best} by {what}: {ratio:.2f} ({ratio / ceiling:.0%} of the ceiling)")
    print(f"ceiling {ceiling:.2f} by tokens; unpadded, every text for itself, {total:,}")
    print(TRL_COMMAND.format(batch=best.rsplit(" ", 1)[1]))


def _padded_tokens(rows: list[Row], batch: int) -> int:
    """Tokens with padding in buckets of like length, as group_by_length makes them."""
    order = sorted(rows, key=lambda row: max(map(len, row)), reverse=True)
    groups = [order[i : i + batch] for i in range(0, len(order), batch)]
    return sum(2 * len(g) * max(len(text) for row in g for text in row) for g in groups)


def _lora() -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=16, lora_alpha=32, lora_dropout=0.05, modules_to_save=["score"],
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
    )  # fmt: skip


def _trl(folder: Path, rows: list[Row], layers: int | None, batch: int) -> Took:
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    tokenizer = load_tokenizer(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)
    if layers:
        del model.model.layers[layers:]
    data = Dataset.from_list(
        [{"chosen_ids": a, "rejected_ids": b, "length": max(len(a), len(b))} for a, b in rows]
    )
    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as out:
        args = RewardConfig(
            out, bf16=gpu, activation_checkpointing=False, per_device_train_batch_size=batch,
            train_sampling_strategy="group_by_length", report_to=[], save_strategy="no",
            max_length=None, disable_tqdm=True, logging_strategy="no", num_train_epochs=1,
            remove_unused_columns=False,
            dataloader_pin_memory=gpu,
        )  # fmt: skip
        trainer = RewardTrainer(
            model=model, args=args, train_dataset=data, processing_class=tokenizer,
            peft_config=_lora(),
        )  # fmt: skip
        return _timed(trainer)


def _ours(folder: Path, rows: list[Row], layers: int | None, batch: int) -> Took:
    from datasets import Dataset
    from trl import RewardConfig

    from rlaif.rewards.building import adapted
    from rlaif.rewards.objectives import Objective
    from rlaif.rewards.trainers import Collator, PairTrainer

    tokenizer = load_tokenizer(folder)
    settings = Training()
    model = new_model(folder, tokenizer, 1, layers=layers, dtype=torch.float32)
    data = Dataset.from_list(
        [
            {
                "texts": [a, b], "marks": [[len(a) - 1], [len(b) - 1]], "targets": [1.0, 0.0, 0.0],
                "weight": 1.0, "domain": 0, "boot": [1], "prompt": 0, "id": str(i),
                "length": len(a) + len(b),
            }
            for i, (a, b) in enumerate(rows)
        ]
    )  # fmt: skip
    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as out:
        args = RewardConfig(
            out, bf16=gpu, activation_checkpointing=False, per_device_train_batch_size=batch,
            report_to=[], save_strategy="no", disable_tqdm=True, logging_strategy="no",
            num_train_epochs=1, remove_unused_columns=False, dataloader_pin_memory=gpu,
        )  # fmt: skip
        trainer = PairTrainer(
            model=adapted(model, settings), args=args, data_collator=Collator(0, True),
            train_dataset=data, processing_class=tokenizer,
            objective=Objective("pairs", settings), weight=1.0,
        )  # fmt: skip
        return _timed(trainer)


def _timed(trainer: Any) -> Took:
    """What one epoch took, set-up left out."""
    started: list[Took] = []
    from transformers import TrainerCallback

    class Started(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            started.append((time.perf_counter(), time.process_time()))

    trainer.add_callback(Started())
    trainer.train()
    return time.perf_counter() - started[0][0], time.process_time() - started[0][1]


def bench_scoring(
    folder: Path, tokenizer: Any, pairs: list[TrainingPair], given: argparse.Namespace
) -> None:
    """Texts a second, both responses of each pair: ours beside one at a time and padded batches."""
    torch.manual_seed(0)
    model: Any = new_model(folder, tokenizer, 1, layers=given.layers, dtype=torch.float32)
    if torch.cuda.is_available():
        model = model.to("cuda")
    meta = Meta(max_length=given.max_length, template=template_digest(tokenizer))
    scorer = RewardModel(model, tokenizer, meta)
    prompts = [pair.prompt for pair in pairs for _ in range(2)]
    responses = [text for pair in pairs for text in (pair.chosen, pair.rejected)]
    texts = [scorer.formatter.encode(p, r).ids for p, r in zip(prompts, responses, strict=True)]

    @torch.inference_mode()
    def alone() -> list[float]:
        device = scorer.device
        return [float(model(torch.tensor([ids], device=device)).logits[0, 0]) for ids in texts]

    times: dict[str, list[float]] = {"one at a time": [], "ours": []}
    for _ in range(REPEATS):
        start = time.process_time()
        one = alone()
        times["one at a time"].append(time.process_time() - start)
        start = time.process_time()
        ours = scorer.score(prompts, responses)
        times["ours"].append(time.process_time() - start)
    gap = float(np.abs(np.array(one) - ours).max())
    each = sum(map(len, texts))
    once = sum(
        packed([[Tokens(a), Tokens(b)]])["input_ids"].numel()
        for a, b in zip(texts[::2], texts[1::2], strict=True)
    )
    slow, fast = median(times["one at a time"]), median(times["ours"])
    ratio, ceiling = slow / fast, each / once
    print(
        f"\nscoring, texts a CPU second: one at a time {len(texts) / slow:.1f},"
        f" ours {len(texts) / fast:.1f}: {ratio:.2f} times, ceiling {ceiling:.2f}"
        f" ({ratio / ceiling:.0%} of it); largest difference of scores {gap:.1e}"
    )


if __name__ == "__main__":
    main()

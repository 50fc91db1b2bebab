"""From a base and settings to a model that trains, and back to a plain one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rlaif.errors import ConfigError, MissingExtra
from rlaif.rewards.dataset import Kind
from rlaif.rewards.meta import Kind as ModelKind
from rlaif.rewards.models import head, new_model, quiet, trained_model
from rlaif.rewards.settings import Training

ATTENTION = frozenset(
    {
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "out_proj",
        "query",
        "key",
        "value",
        "c_attn",
        "c_proj",
    }
    | {"qkv_proj", "query_key_value", "Wqkv", "Wo"}
)
"""Names of the attention's linear layers in the families that transformers has."""


def model_kind(kind: Kind, settings: Training) -> ModelKind:
    """What a model trained on such rows is."""
    if kind == "steps":
        return "process"
    if kind in ("ratings", "families"):
        return "attributes"
    return "heads" if settings.heads > 1 else "scalar"


def output_names(kind: Kind, settings: Training) -> tuple[str, ...]:
    """Names of its head's outputs. Raises ConfigError for ratings without named attributes."""
    if kind == "steps":
        return ("wrong", "right")
    if kind in ("ratings", "families"):
        if not settings.attributes:
            raise ConfigError("ratings need attributes: name them and their weights in the recipe")
        return tuple(settings.attributes)
    return (
        tuple(f"reward_{i}" for i in range(settings.heads)) if settings.heads > 1 else ("reward",)
    )


def build_model(base: Path, tokenizer: Any, kind: Kind, settings: Training, fresh: bool) -> Any:
    """The model that trains: with adapters where the method has them, dropout off, seeded.

    Raises ConfigError where the settings do not fit the base, or 4 bits find no GPU.
    """
    labels, options = output_names(kind, settings), _options(settings)
    torch.manual_seed(settings.seed)
    if fresh:
        names: dict[str, Any] = {
            "id2label": dict(enumerate(labels)),
            "label2id": {n: i for i, n in enumerate(labels)},
        }
        model: Any = new_model(
            base, tokenizer, len(labels), process=kind == "steps", layers=settings.layers,
            **options, **names,
        )  # fmt: skip
    else:
        model = trained_model(base, tokenizer, process=kind == "steps", **options)
        if model.config.num_labels != len(labels):
            raise ConfigError(
                f"{base}: its head has {model.config.num_labels} outputs, and this training"
                f" {len(labels)} ({', '.join(labels)})"
            )
    for part in model.modules():  # a score is one number for a text, in training too
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    if settings.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if settings.method == "full":
        return model
    with quiet():
        return adapted(model, settings)


def _options(settings: Training) -> dict[str, Any]:
    dtype = torch.bfloat16 if uses_bf16(settings) and settings.method != "full" else torch.float32
    options: dict[str, Any] = {"dtype": dtype}
    if settings.method == "qlora":
        if not torch.cuda.is_available():
            raise ConfigError(
                "method: qlora needs a GPU (once bitsandbytes has evaluated on a CPU, its gradients"
                " there are wrong): take method=lora"
            )
        from transformers import BitsAndBytesConfig

        try:
            import bitsandbytes  # noqa: F401
        except ImportError as error:
            raise MissingExtra("bitsandbytes", "qlora", "method: qlora") from error
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype, llm_int8_skip_modules=["score", "classifier"],
        )  # fmt: skip
    return options


def uses_bf16(settings: Training) -> bool:
    """Whether the backbone works in bfloat16."""
    if settings.precision == "fast":
        able = torch.cpu.get_capabilities()
        fast = any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
        return torch.cuda.is_available() or fast
    return settings.precision == "bf16" or (
        settings.precision == "auto" and torch.cuda.is_available()
    )


def adapted(model: Any, settings: Training) -> Any:
    """The model with adapters; its head stays whole and trained, and is saved with them."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if settings.method == "qlora":
        model = prepare_model_for_kbit_training(model, settings.checkpointing)
    lora = settings.lora
    names = {name.rsplit(".", 1)[-1] for name, _ in model.named_modules()}
    targets = sorted(lora.targets or names & ATTENTION)
    if missing := [name for name in targets if name not in names] or not targets:
        raise ConfigError(f"lora.targets: the base has no layers {missing}; it has {sorted(names)}")
    kept = [name for name, part in model.named_children() if part is head(model)]
    config = LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets,
        modules_to_save=kept,
    )  # fmt: skip
    if settings.checkpointing:
        model.enable_input_require_grads()
    return get_peft_model(model, config)


def whole_model(trainer: Any, build: Callable[[], Any]) -> Any:
    """The plain model: gathered where it was sharded, adapters merged, the head in its place."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if plain := model.__dict__.pop("_original_forward", None):
        model.forward = plain  # without the half precision that training ran it in
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        state = trainer.accelerator.get_state_dict(trainer.model)
        model = build()
        if trainer.accelerator.is_main_process:
            model.load_state_dict(state)
    if getattr(model.config, "quantization_config", None) is not None:
        model = _dequantised(model)
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def _dequantised(model: Any) -> Any:
    """The adapters on the weights a 4-bit base stands for, so that merging rounds nothing."""
    from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

    adapters, config = get_peft_model_state_dict(model), model.peft_config["default"]
    plain = model.unload().dequantize()
    again = get_peft_model(plain, config)
    set_peft_model_state_dict(again, adapters)
    return again

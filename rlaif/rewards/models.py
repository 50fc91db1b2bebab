"""Models: a backbone of transformers with a head, read at marked positions of any layout.

A saved model is what `AutoModelForSequenceClassification` (a process model:
`AutoModelForTokenClassification`) loads unchanged. In this process its forward also takes `ends`,
positions in the flattened batch, and answers one row of outputs a position: the place of a score
comes from the text's length, never from a pad id, and the head works in float32.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from rlaif.errors import ConfigError
from rlaif.rewards.attention import PACKED, register
from rlaif.rewards.layout import Tokens, packed, padded
from rlaif.rewards.texts import pin_template
from rlaif.weights import remote_code

SAME = 1e-4
"""Scores of a packed probe may differ from the padded ones by this, or packing is not used."""


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer with a pinned template and a pad token that is not EOS."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=remote_code())
    # Texts are cut by our own limit; transformers would warn of those before.
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    pin_template(tokenizer)
    tokenizer.padding_side = "right"
    if tokenizer.pad_token_id in (None, tokenizer.eos_token_id):
        tokenizer.pad_token = _pad_token(tokenizer)
    return tokenizer


def _pad_token(tokenizer: Any) -> str:
    """A special token that no text ends with: unknown, another reserved one, or a new one."""
    taken = {tokenizer.eos_token, tokenizer.bos_token, tokenizer.sep_token, tokenizer.cls_token}
    template = tokenizer.chat_template or ""
    for token in (tokenizer.unk_token, *tokenizer.added_tokens_encoder):
        if token and token not in taken and token not in template:
            return str(token)
    tokenizer.add_special_tokens({"pad_token": "<|pad|>"})
    return "<|pad|>"


def new_model(
    folder: Path,
    tokenizer: Any,
    outputs: int,
    *,
    process: bool = False,
    layers: int | None = None,
    **options: Any,
) -> Any:
    """A base with a fresh head of `outputs`, drawn small: the caller seeds torch before.

    `layers` keeps only the first so many of the backbone. A process model needs a causal base:
    later text must not move an earlier step's score. Raises ConfigError where it is not.
    """
    with quiet():  # transformers would report the new head as a fault of the file
        model = _auto(process).from_pretrained(
            str(folder),
            num_labels=outputs,
            use_safetensors=True,
            trust_remote_code=remote_code(),
            **options,
        )
    if process and not is_causal(model):
        raise ConfigError(
            f"{folder}: a process reward model needs a causal base (Llama, Qwen, ...):"
            " with this one, later steps would move the scores of earlier ones"
        )
    _initialise(head(model))
    return _ready(model, tokenizer, layers)


def trained_model(folder: Path, tokenizer: Any, *, process: bool = False, **options: Any) -> Any:
    """A model with its trained head. Raises ConfigError where the folder has no head."""
    try:
        with quiet():
            model, loading = _auto(process).from_pretrained(
                str(folder),
                output_loading_info=True,
                use_safetensors=True,
                trust_remote_code=remote_code(),
                **options,
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{folder}: {str(error).splitlines()[0]}") from error
    missing = sorted(loading["missing_keys"]) + sorted(map(str, loading["mismatched_keys"]))
    if missing:
        raise ConfigError(
            f"{folder}: the weights of {', '.join(missing[:3])} are not there; a head is never"
            " made up. Was the model saved without its head (LoRA without modules_to_save)?"
        )
    return _ready(model, tokenizer, None)


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' bars and reports of loading and saving, and its warnings to TRL and
    PEFT of a name that they still use."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".is_gradient_checkpointing", FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _auto(process: bool) -> Any:
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

    return AutoModelForTokenClassification if process else AutoModelForSequenceClassification


def _ready(model: Any, tokenizer: Any, layers: int | None) -> Any:
    """Pad id, length of the vocabulary, layers, float32 head, and the forward that takes `ends`."""
    config = model.config.get_text_config()
    config.pad_token_id = model.config.pad_token_id = tokenizer.pad_token_id
    config.use_cache = False
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer))
    if layers is not None:
        _cut(model, layers)
    head(model).float()
    model.forward = partial(_forward, model, model.forward)
    model.packs = is_causal(model) and _packs(model)
    return model


def head(model: Any) -> nn.Module:
    """The layer that makes outputs of a hidden state."""
    for name in ("score", "classifier"):
        if isinstance(found := getattr(model, name, None), nn.Module):
            return found
    raise ConfigError(f"{type(model).__name__} has neither a `score` nor a `classifier` layer")


def is_causal(model: Any) -> bool:
    """Whether a text's score stands on its last token (decoders) and not on its first."""
    return hasattr(model, "score")


def backbone(model: Any) -> nn.Module:
    """The layers under the head."""
    found: nn.Module = getattr(model, model.base_model_prefix)
    return found


def _cut(model: Any, layers: int) -> None:
    body = backbone(model)
    stack: Any = getattr(body, "layers", None) or getattr(
        getattr(body, "encoder", None), "layer", None
    )
    if stack is None or not 1 <= layers <= len(stack):
        have = f"1 to {len(stack)}" if stack is not None else "not known for this model"
        raise ConfigError(f"layers: {layers}; allowed: {have}")
    del stack[layers:]
    config = model.config.get_text_config()
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]


def _initialise(layer: nn.Module) -> None:
    """A normal of deviation 1 / sqrt(width + 1) over the last linear layer, no bias
    (Stiennon et al. 2020, arXiv 2009.01325)."""
    linear = [part for part in layer.modules() if isinstance(part, nn.Linear)][-1]
    nn.init.normal_(linear.weight, std=1 / math.sqrt(linear.in_features + 1))
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)


def _forward(model: Any, plain: Any, *args: Any, ends: Tensor | None = None, **inputs: Any) -> Any:
    """The model's own forward; with `ends` (m,), outputs of shape (m, outputs) at those places."""
    if ends is None:
        return plain(*args, **inputs)
    if not is_causal(model):
        inputs.pop("position_ids", None)
        return plain(*args, **inputs)
    hidden = backbone(model)(*args, **inputs).last_hidden_state
    hidden = hidden.reshape(-1, hidden.shape[-1])[ends]
    with torch.autocast(hidden.device.type, enabled=False):
        # A ModelOutput, since DistributedDataParallel looks for tensors in what it knows.
        return SequenceClassifierOutput(logits=model.score(hidden.float()), hidden_states=(hidden,))


@torch.no_grad()
def _packs(model: Any) -> bool:
    """Whether packed texts with a shared prefix score as they do alone: tried, not believed."""
    register()
    was, training = model.config._attn_implementation, model.training
    device = next(model.parameters()).device
    top = min(200, model.config.get_text_config().vocab_size)
    texts = [
        [3 + (7 * i * i + j) % (top - 3) for j in range(n)] for i, n in ((1, 9), (2, 5), (2, 7))
    ]
    texts[2][:4] = texts[1][:4]
    families = [[Tokens(texts[0])], [Tokens(t) for t in texts[1:]]]
    model.eval()
    try:
        alone = model(**to(padded(families, model.config.pad_token_id or 0), device)).logits
        model.set_attn_implementation(PACKED)
        row = model(**to(packed(families), device)).logits
        same = bool(torch.allclose(row.float(), alone.float(), atol=_tolerance(model)))
    except (TypeError, ValueError, RuntimeError, NotImplementedError, AttributeError):
        same = False
    finally:
        model.train(training)
    if not same:
        model.set_attn_implementation(was)
    return same


def _tolerance(model: Any) -> float:
    return SAME if next(model.parameters()).dtype == torch.float32 else 0.05


def to(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The batch with its tensors on `device`."""
    return {k: v.to(device) if isinstance(v, Tensor) else v for k, v in batch.items()}

"""Attention over packed trees: no padding, and a prompt shared by several responses read once.

A packed batch is one row of tokens, tree after tree: a prefix, then each response that continues
it. Every response attends to its prefix and to itself, causally, exactly as if it stood alone
(Krell et al., arXiv 2107.02027, for packing; prefix sharing as in flash-preference). The function
is registered with transformers under `PACKED` and reached by every model that uses its attention
interface; without `trees` it is transformers' own SDPA.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

PACKED = "rlaif_packed"
Trees = tuple[tuple[int, tuple[int, ...]], ...]
"""(length of the prefix, lengths of its responses) of each tree, in the order of the row."""


def register() -> None:
    """Make `PACKED` a name that `set_attn_implementation` takes."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(PACKED, packed_attention)
    AttentionMaskInterface.register(PACKED, sdpa_mask)


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    trees: Trees | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention of (1, heads, tokens, width) over `trees`; returns (1, tokens, heads, width).

    Raises NotImplementedError for a soft cap or attention sinks, which only the plain way has.
    """
    if trees is None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        out: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask,
            scaling=scaling, dropout=dropout, sliding_window=sliding_window, **kwargs,
        )  # fmt: skip
        return out
    if kwargs.get("softcap") is not None or kwargs.get("s_aux") is not None:
        raise NotImplementedError("packed attention has no soft cap and no sinks")
    groups = getattr(module, "num_key_value_groups", 1)
    if groups > 1:
        key, value = (t.repeat_interleave(groups, dim=1) for t in (key, value))

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        mask = _mask(q.shape[2], k.shape[2], sliding_window, q.device)
        return scaled_dot_product_attention(
            q, k, v, attn_mask=mask, dropout_p=dropout, is_causal=mask is None, scale=scaling
        )

    # Split and not sliced: the gradient of a slice is as long as the whole row.
    lengths_q = [n for p, (n0, *ns) in trees for n in (p + n0, *ns)]
    lengths_k = [n for prefix, lengths in trees for n in (prefix, *lengths)]
    queries = iter(torch.split(query, lengths_q, dim=2))
    keys, values = (iter(torch.split(t, lengths_k, dim=2)) for t in (key, value))
    pieces = []
    for prefix, lengths in trees:
        k0, v0 = next(keys), next(values)
        for _ in lengths:
            k, v = next(keys), next(values)
            if prefix:
                k, v = torch.cat((k0, k), dim=2), torch.cat((v0, v), dim=2)
            pieces.append(attend(next(queries), k, v))
    return torch.cat(pieces, dim=2).transpose(1, 2).contiguous(), None


def _mask(queries: int, keys: int, window: int | None, device: torch.device) -> Tensor | None:
    """Which of the `keys` the last `queries` of them see; None is plain causal."""
    windowed = window is not None and keys > window
    if queries == keys and not windowed:
        return None
    mask = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)
    return mask.triu(keys - queries - window + 1) if windowed and window is not None else mask

"""Keys and values of shared prefixes, computed once and put in front of many prompts.

Only transformers' plain cache can be cut and put together again; for other models nothing is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from rlaif.clients.runtime import Job

PREFIXES = 64
"""Shared prefixes whose keys and values are kept."""


class Prefixes:
    """The prefixes of one model, the longest unused forgotten first."""

    def __init__(self, model: Any, device: str) -> None:
        self._model = model
        self._device = device
        self._kept: OrderedDict[tuple[int, ...], list[Any]] = OrderedDict()
        self._works = self._has_plain_cache()

    def has(self, job: Job) -> bool:
        """Whether the prefix of this job was computed before."""
        return _key(job) in self._kept

    def of(self, job: Job) -> list[Any] | None:
        """Keys and values of a job's shared prefix: per layer two tensors (heads, length, size)."""
        if not (self._works and 0 < job.shared < len(job.tokens)):
            return None
        key = _key(job)
        if key not in self._kept:
            ids = torch.tensor([key], device=self._device)
            cache = self._model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
            self._kept[key] = [(layer.keys[0], layer.values[0]) for layer in cache.layers]
            if len(self._kept) > PREFIXES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def stack(
        self, prefixes: list[list[Any] | None], lengths: list[int]
    ) -> tuple[DynamicCache | None, torch.Tensor | None]:
        """One cache of many prefixes, padded on the left, and its mask (rows, longest).

        Both are None where no row has a prefix.
        """
        longest = max(lengths)
        if not longest:
            return None, None
        some = next(prefix for prefix in prefixes if prefix)
        layers = [
            tuple(_padded(prefixes, lengths, index, part) for part in (0, 1))
            for index in range(len(some))
        ]
        columns = torch.arange(longest, device=self._device)
        first = longest - torch.tensor(lengths, device=self._device).unsqueeze(-1)
        return DynamicCache(layers), (columns >= first).long()

    def close(self) -> None:
        """Forget them and the model."""
        self._kept.clear()
        self._model = None

    def _has_plain_cache(self) -> bool:
        """Whether keys and values of a prefix can be cut off and put together again."""
        with torch.inference_mode():
            ids = torch.tensor([[0, 1]], device=self._device)
            cache = self._model(input_ids=ids, use_cache=True).past_key_values
        plain = isinstance(cache, DynamicCache)
        return plain and all(type(layer) is DynamicLayer for layer in cache.layers)


def _padded(
    prefixes: list[list[Any] | None], lengths: list[int], layer: int, part: int
) -> torch.Tensor:
    """The keys (part 0) or values (1) of one layer: (rows, heads, longest, size)."""
    longest = max(lengths)
    some: torch.Tensor = next(prefix for prefix in prefixes if prefix)[layer][part]
    whole = some.new_zeros((len(prefixes), some.shape[0], longest, some.shape[2]))
    for row, (prefix, length) in enumerate(zip(prefixes, lengths, strict=True)):
        if prefix:
            whole[row, :, longest - length :] = prefix[layer][part]
    return whole


def _key(job: Job) -> tuple[int, ...]:
    return tuple(job.tokens[: job.shared])

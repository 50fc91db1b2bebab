"""A policy model: who writes candidates, how often, how warm, and what that costs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from rlaif.calls.terms import ClientName, KnownLimits, TokenPrice
from rlaif.errors import ConfigError
from rlaif.records import Record


class Policy(Record):
    """One model that responses are sampled from."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """Names its candidates; unique in a recipe, and not `given`. Left out, it is the model's."""
    client: ClientName
    model: str = Field(min_length=1)
    base_url: str | None = None
    """Endpoint of an OpenAI-compatible server; None for the SDK's own (and its variables)."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    """What only this client understands (listed in its module)."""
    extra: Mapping[str, Any] = Field(default_factory=dict)
    """Further fields of the request body, passed through unchanged."""
    system: str = ""
    """System message put before every prompt; empty for none."""
    temperatures: tuple[float | None, ...] = Field(default=(1.0,), min_length=1)
    """Each is sampled `samples` times; None leaves it to the provider."""
    samples: int = Field(default=2, ge=1, le=64)
    """Responses for each prompt and temperature."""
    max_tokens: int = Field(default=1024, ge=1)
    """Output limit of one response; what ends at it is asked again once with more."""
    timeout_s: float = Field(default=120.0, gt=0)
    limits: KnownLimits = KnownLimits()
    price: TokenPrice | None = None

    @property
    def per_prompt(self) -> int:
        """Responses it writes for one prompt."""
        return self.samples * len(self.temperatures)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "name" in data or "model" not in data:
            return data
        last = re.split(r"[/\\]", str(data["model"]).rstrip("/\\"))[-1]
        return {**data, "name": re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-_")}

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.name == "given":
            raise ValueError("the name 'given' is for responses of the input")
        if len(set(self.temperatures)) != len(self.temperatures):
            raise ValueError("a temperature is given twice: raise samples instead")
        if self.samples > 1 and 0 in self.temperatures:
            raise ValueError("several samples at temperature 0 are one sample: set a temperature")
        if any(t is not None and not 0 <= t <= 2 for t in self.temperatures):
            raise ValueError("temperatures must be between 0 and 2")
        return self


def check_names(policies: Sequence[Policy]) -> None:
    """Raises ConfigError where two policies share a name: their candidates would share ids."""
    names = [policy.name for policy in policies]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"two policies are named {twice[0]!r}: give each its own name")

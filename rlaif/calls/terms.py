"""What a judge's card and a policy say alike of their model: client, price and known limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rlaif.calls.money import Price
from rlaif.records import Record

ClientName = Literal["openai", "anthropic", "litellm", "local", "offline"]


class TokenPrice(Record):
    """USD per million tokens. Leave the whole out where the price is unknown: it is then unknown,
    never 0; a local model declares 0."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    """Input read from the provider's cache; None where it costs what other input does."""
    cache_write: float | None = Field(default=None, ge=0)
    """Input written to that cache, likewise."""
    as_of: str = ""
    """Where and when the price was read."""

    def per_call(self) -> Price:
        """The price as calls reckon with it."""
        return Price(self.input, self.output, self.cached_input, self.cache_write)


class KnownLimits(Record):
    """Limits known beforehand; what is left out is learned from headers and answers."""

    in_flight: int | None = Field(default=None, gt=0)
    rpm: float | None = Field(default=None, gt=0)
    tpm: float | None = Field(default=None, gt=0)

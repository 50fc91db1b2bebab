"""A stub provider on loopback: OpenAI's and Anthropic's wire formats, faults, limits, batches.

Run it by hand with `python -m tests.provider --port 8900 --latency 0.2 --rate-429 0.05`, or from a
test with `with StubProvider(latency=0.2, rate_429=0.05) as stub: ...` (`stub.openai`,
`stub.anthropic` are the base URLs, `stub.stats()` what it has seen). Its replies are built with the
SDKs' own response types, so that it cannot share a misreading with the clients under test.
"""

from tests.provider.process import StubProvider
from tests.provider.settings import Settings

__all__ = ["Settings", "StubProvider"]

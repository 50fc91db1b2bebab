"""Starts the stub in its own process and asks it what it has seen."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.provider.settings import Settings, to_args

ROOT = Path(__file__).resolve().parents[2]


class StubProvider:
    """A context manager around `python -m tests.provider`; keyword arguments are `Settings`."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.url = ""

    @property
    def openai(self) -> str:
        """Base URL for OpenAI's SDK."""
        return f"{self.url}/v1"

    @property
    def anthropic(self) -> str:
        """Base URL for Anthropic's SDK."""
        return self.url

    def stats(self, bodies: bool = False) -> dict[str, Any]:
        """What the stub has seen; see `tests.provider.stats`."""
        with urllib.request.urlopen(f"{self.url}/stats?bodies={int(bodies)}") as reply:
            return dict(json.load(reply))

    def reset(self, **settings: Any) -> None:
        """Forget all that was seen; settings not named are as at the start (the port stays)."""
        start = {name: value for name, value in vars(self.settings).items() if name != "port"}
        body = json.dumps({**start, **settings}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/reset", data=body)):
            pass

    def __enter__(self) -> StubProvider:
        command = [sys.executable, "-m", "tests.provider", *to_args(self.settings)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the stub provider did not start"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

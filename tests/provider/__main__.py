"""`python -m tests.provider`: serve until killed; the first line printed is the URL."""

import asyncio
import contextlib

from tests.provider.server import serve
from tests.provider.settings import parse_args

if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parse_args()))

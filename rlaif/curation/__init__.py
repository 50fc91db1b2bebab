"""From verdicts to a dataset: gates, selection, preferences; each counts what it drops."""

"""Preference data from AI judges you can trust, and the reward models trained on it."""

__version__ = "0.1.0"

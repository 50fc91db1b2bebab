"""Judges: cards, prompts, one comparison's calls, and how replies become a verdict."""

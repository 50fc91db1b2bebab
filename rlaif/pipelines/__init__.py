"""Recipes and the stages they name; what joins two stages lives here."""

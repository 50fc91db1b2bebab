"""Statistics used by more than one stage. Ground: imports records only."""

"""`python -m rlaif.cli`: the same as the command `rlaif`."""

from rlaif.cli import main

main()

"""`python -m gboard_sim` is `gboard-sim`."""

from gboard_sim.cli import main

main()

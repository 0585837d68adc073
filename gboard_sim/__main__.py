"""`python -m gboard_sim` is `gboard-sim`."""

from gboard_sim.cli.app import main

main()

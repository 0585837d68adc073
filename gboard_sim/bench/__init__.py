"""What `gboard-sim bench` runs: how fast training, rounds and fleets are, here and in peers."""

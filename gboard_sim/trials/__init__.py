"""What a run's model does for the people who type: the joins behind `gboard-sim keyboard`."""

"""Many runs of one experiment: a grid, its processes, its table."""

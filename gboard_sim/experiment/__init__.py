"""The experiment: every choice of a run, read from a file and validated."""

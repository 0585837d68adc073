"""The run directory: what a run leaves behind, and what a killed one continues from."""

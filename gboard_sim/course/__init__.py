"""The course of one run: both halves put together, from its text to its summary."""

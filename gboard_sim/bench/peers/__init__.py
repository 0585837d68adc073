"""Programs for peers, each run in a virtual environment of its own; nothing of ours is imported."""

"""When phones talk, and how small the message is."""

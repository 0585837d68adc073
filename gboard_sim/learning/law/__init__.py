"""The synthetic law of language, text drawn from it, and the best recall that it allows."""

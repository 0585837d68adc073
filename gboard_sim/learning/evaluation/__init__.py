"""How well a version predicts, in words, whatever its tokens are."""

"""What counting words reaches: the n-gram and unigram models to beat."""

"""What receivers read of one update that many phones send, and what it should be."""

import numpy as np


def received(codec, update, times):
    """What a receiver reads of the same update from so many phones. Shape [times, n]."""
    return np.stack([codec.transmit(update, phone, 0)[0] for phone in range(times)])


def assert_unbiased(sample, update):
    """The mean over phones is the update: within 6 standard errors at every coordinate.

    A coordinate off by 12 of its standard errors, 12 s / sqrt(times), is caught with a chance
    above 1 - 1e-8; of a fair one, 6 are passed twice in 10^9 times.
    """
    times = len(sample)
    error = sample.astype(np.float64).mean(axis=0) - update
    spread = sample.astype(np.float64).std(axis=0, ddof=1) / np.sqrt(times)
    assert (np.abs(error) <= 6 * spread + 1e-6 * np.abs(update).max()).all()


def nmse(sample, update):
    """Mean squared error over the update's squared norm, of each phone. Shape [times]."""
    error = sample.astype(np.float64) - update
    return (error**2).sum(axis=1) / (update.astype(np.float64) ** 2).sum()

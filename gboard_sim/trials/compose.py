"""The join behind the Smart Compose of `gboard-sim keyboard`: what the model and memory offer.

The model is asked at every boundary, and so are the phrases that the same person typed before: all
of their earlier messages, whether those are typed here or not. People post the same message again
where nobody has answered; so what memory does is read a second time without what it offered there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np

from gboard_sim.keyboard import offers
from gboard_sim.keyboard.compose import Continuation, surest
from gboard_sim.keyboard.keyboard import Keyboard
from gboard_sim.keyboard.keystrokes import keys, share_saved
from gboard_sim.keyboard.offers import Offers, Point
from gboard_sim.keyboard.typed import Typed
from gboard_sim.learning.law.sure_pairs import best_coverage, pair_probabilities
from gboard_sim.learning.text.corpus import Corpus
from gboard_sim.learning.text.divided_corpus import DividedCorpus
from gboard_sim.runlog.plain import plain
from gboard_sim.seam.records import Ints

SOURCES = ("model", "remembered", "remembered_new")
"""What offers: the model alone; the model and the person's own phrases; the same, but silent in
messages that the person has typed before, word by word."""


def offered(
    keyboard: Keyboard, corpus: Corpus, number: Ints, words: Sequence[Sequence[str]]
) -> dict[str, Offers]:
    """The offers of each of `SOURCES` in some messages.

    Args:
        keyboard: The model.
        corpus: All messages.
        number: Those that are typed, ascending. Shape [messages].
        words: Their words.
    """
    model = offers.expected(keyboard.following, words)
    own, again = remembered(corpus, number)
    both = [surest(*found) for found in zip(model, own, strict=True)]
    new = [[] if old else found for found, old in zip(both, again, strict=True)]
    return {
        name: offers.offers(words, found)
        for name, found in zip(SOURCES, (model, both, new), strict=True)
    }


def remembered(corpus: Corpus, number: Ints) -> tuple[list[list[Continuation]], list[bool]]:
    """What people's own earlier messages offer at every boundary of some of their messages.

    Returns:
        The offers, and whether the boundary is in a message that its person has typed before.
    """
    first, typed = corpus.first(), set(number.tolist())
    found, again = [], []
    for owner in np.unique(corpus.user[number]).tolist():
        own = np.arange(first[owner], first[owner + 1])
        ids, offsets = corpus.gather(own)
        spelt = [corpus.lexicon[word] for word in ids]
        messages = [tuple(spelt[a:b]) for a, b in pairwise(offsets.tolist())]
        asked = [each in typed for each in own.tolist()]
        found += offers.remembered(zip(messages, asked, strict=True))
        before: set[tuple[str, ...]] = set()
        for message, wanted in zip(messages, asked, strict=True):
            again += [message in before] * (wanted * (len(message) + 1))
            before.add(message)
    return found, again


def judged(
    typed: Typed, validation: Mapping[str, Offers], test: Mapping[str, Offers]
) -> dict[str, Any]:
    """Smart Compose: chosen on validation messages, read on test messages.

    Args:
        typed: The test messages on the strip.
        validation: See `offered`.
        test: See `offered`.
    """
    without, strip = int((typed.letters + 1).sum()), keys(typed.letters, typed.taken)
    found: dict[str, Any] = {
        "wanted_precision": offers.WANTED,
        "savings_strip": share_saved(without, int(strip.sum())),
    }
    for source in SOURCES:
        confidence = offers.chosen(validation[source])
        read = found[source] = {
            "confidence": confidence,
            "validation": None,
            "test": None,
            "savings": None,
            "curve_validation": [_row(each) for each in offers.curve(validation[source])],
            "curve_test": [_row(each) for each in offers.curve(test[source])],
        }
        if confidence is not None:
            taken = offers.keys_with(test[source], confidence, typed.offsets, strip)
            read |= {
                "validation": _row(offers.point(validation[source], confidence)),
                "test": _row(offers.point(test[source], confidence)),
                "savings": share_saved(without, taken),
            }
    return found


def _row(point: Point) -> dict[str, Any]:
    """A point of the curve with its shares."""
    shares = ("precision", "precision_low", "coverage")
    row: dict[str, Any] = plain(asdict(point) | {name: getattr(point, name) for name in shares})
    return row


def law_coverage(divided: DividedCorpus, number: Ints, has: set[str]) -> float | None:
    """The most coverage that precision allows whoever knows the law; None for real text.

    Args:
        divided: The text.
        number: The messages that are typed. Shape [messages].
        has: The words that the keyboard may show.
    """
    if divided.law is None:
        return None
    ids, offsets = divided.corpus.gather(number)
    known = np.array([word in has for word in divided.corpus.lexicon], np.bool_)
    return best_coverage(pair_probabilities(divided.law, ids, offsets, known), offers.WANTED)

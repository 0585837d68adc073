"""Smart Compose over a corpus: whose memory it is, and what was typed before."""

from itertools import pairwise

import numpy as np

from gboard_sim.keyboard.typed import Typed
from gboard_sim.learning.text.corpus import arrange
from gboard_sim.trials.compose import SOURCES, judged, offered, remembered

ANN, BOB = "so how do i boot this", "so how do i boot this thing"


def corpus(*typed):
    """Messages of users, a second apart."""
    users = tuple(dict.fromkeys(user for user, _ in typed))
    words = [word for _, text in typed for word in text.split()]
    lexicon = tuple(sorted(set(words)))
    return arrange(
        source="here", lexicon=lexicon, users=users,
        user=np.array([users.index(user) for user, _ in typed]),
        time_s=np.arange(len(typed), dtype=float),
        offsets=np.cumsum([0] + [len(text.split()) for _, text in typed]),
        words=np.array([lexicon.index(word) for word in words], np.int32),
    )  # fmt: skip


def words_of(found, number):
    ids, offsets = found.gather(number)
    spelt = [found.lexicon[word] for word in ids]
    return [spelt[a:b] for a, b in pairwise(offsets)]


def test_a_person_remembers_nobody_elses_messages_and_only_earlier_ones():
    text = corpus(("ann", ANN), ("bob", BOB), ("ann", ANN), ("bob", "hi"), ("ann", BOB))
    found, again = remembered(text, np.arange(5))
    # Sorted by person: ann's three messages have 7 + 7 + 8 boundaries, bob's two 8 + 2.
    assert len(found) == len(again) == 32
    assert not any(found[:7])
    assert found[7 + 3][0].words == ("i", "boot")
    assert found[14 + 4][0].words == ("boot", "this")
    assert not any(found[22:])
    assert [place for place, old in enumerate(again) if old] == list(range(7, 14))
    some, flags = remembered(text, np.array([2]))  # what is not asked about is remembered, too
    assert some == found[14:22]
    assert not any(flags)


class Mute:
    """A keyboard that is sure of nothing."""

    def following(self, before, k):
        return []


def test_offers_of_memory_are_judged_with_and_without_repeated_messages():
    text = corpus(*[("ann", ANN), ("ann", ANN), ("ann", BOB)] * 40)
    number = np.arange(120)
    words = words_of(text, number)
    found = offered(Mute(), text, number, words)
    letters = np.array([len(word) for message in words for word in message])
    nothing = np.full(len(letters), -1)
    offsets = np.cumsum([0] + [len(message) for message in words])
    typed = Typed(np.zeros(120, int), offsets, letters, nothing, nothing, nothing > 0)
    read = judged(typed, found, found)
    assert read["savings_strip"] == 0
    assert set(SOURCES) <= set(read)
    assert read["model"]["confidence"] is None
    repeated, new = (read[name]["curve_test"][0] for name in SOURCES[1:])
    # Only the first of each text is new, and in the longer one "i boot this" is remembered: of the
    # two boundaries after "so how do" and "how do i", both offers are right.
    assert (new["offered"], new["right"]) == (2, 2)
    assert repeated["right"] > 100
    assert read["remembered"]["savings"] > 0.2
    assert read["remembered_new"]["confidence"] is None  # two of two may be luck

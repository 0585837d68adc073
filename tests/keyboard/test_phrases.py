"""Phrases that were typed before, counted by hand and by brute force."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.keyboard import Keyboard
from gboard_sim.keyboard.compose import FEWEST, MOST
from gboard_sim.keyboard.phrases import CONTEXT, DISCOUNT, Phrases

MESSAGES = st.lists(st.lists(st.sampled_from("ab"), max_size=9), max_size=6)


def phrases(*messages):
    found = Phrases()
    for message in messages:
        found.remember(message.split())
    return found


def test_what_followed_twice_of_three_times_is_offered_with_that_share():
    known = phrases("so how do i boot it", "so how do i boot this", "so how do i quit")
    two, three = known.continuations(["so", "how", "do"])
    # After the beginning and "so how do": "i boot" twice of three, "i boot it" once of three.
    assert (two.words, two.probability) == (("i", "boot"), pytest.approx((2 - DISCOUNT) / 3))
    assert (three.words, three.probability) == (
        ("i", "boot", "it"),
        pytest.approx((1 - DISCOUNT) / 3),
    )
    assert known.continuations(["hi", "so", "how", "do"]) == []  # not after a beginning
    assert known.continuations(["so", "how"]) == []
    known.remember(["so", "how", "do"])  # which ends there: now it is two of four
    assert known.continuations(["so", "how", "do"])[0].probability == (2 - DISCOUNT) / 4
    assert Phrases().continuations(["a"] * 9) == []


@given(MESSAGES, st.lists(st.sampled_from("ab"), max_size=6))
def test_counts_are_those_of_a_search_through_all_that_was_typed(messages, before):
    known = Phrases()
    for message in messages:
        known.remember(message)
    context = ["", *before][-CONTEXT:]
    followed = [
        line[place:]
        for line in (["", *message] for message in messages)
        for place in range(CONTEXT, len(line) + 1)
        if line[place - CONTEXT : place] == context
    ]
    for each in known.continuations(before):
        length = len(each.words)
        counts = {}
        for words in followed:
            if len(words) >= length:
                counts[tuple(words[:length])] = counts.get(tuple(words[:length]), 0) + 1
        assert counts[each.words] == max(counts.values())
        assert each.probability == pytest.approx((max(counts.values()) - DISCOUNT) / len(followed))
    found = known.continuations(before)
    assert [len(each.words) for each in found] == list(range(FEWEST, FEWEST + len(found)))
    assert all(a.probability >= b.probability for a, b in pairwise(found))
    longest = max((len(words) for words in followed), default=0)
    assert len(found) == max(0, min(longest, MOST) - FEWEST + 1)


def test_a_keyboard_offers_what_it_was_told_to_remember_and_nothing_blocked(install):
    folder = install().folder
    mute = install().workshop.vocabulary.words  # what is left are words that the model lacks
    keyboard = Keyboard.load(folder, mute)
    text = "Zyx qwa, qwb qwc QWD qwe qwf!"
    assert keyboard.compose("zyx qwa qwb ", 0.6) == []
    keyboard.remember(text)
    assert keyboard.compose("zyx qwa qwb ", 0.6) == ["qwc", "qwd", "qwe", "qwf"]
    assert keyboard.compose("zyx qwa qwb ", 0.6, most=2) == ["qwc", "qwd"]
    assert keyboard.compose("zyx qwa qwb ", 0.71) == []
    assert keyboard.compose("zyx qwa qwb", 0.6) == []  # the last word may still be going on
    assert Keyboard.load(folder, mute).compose("zyx qwa qwb ", 0.6) == []
    blocked = Keyboard.load(folder, [*mute, "qwd"])
    blocked.remember(text)
    assert blocked.compose("zyx qwa qwb ", 0.6) == []
    assert keyboard.suggest("") == []

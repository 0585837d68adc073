"""Keystroke savings: against a count by hand and a simulation key by key."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.keyboard.keystrokes import (
    NEVER,
    keys,
    perfect,
    perfect_in_vocabulary,
    savings,
    share_saved,
    taken_after,
)


def test_a_message_counted_by_hand():
    # "see you tomorrow zyx ": 4 + 4 + 9 + 4 = 21 keys. `see` is typed, `you` taken unseen (1),
    # `tomorrow` after "to" (3), `zyx` typed: 4 + 1 + 3 + 4 = 12.
    letters, taken = np.array([3, 3, 8, 3]), np.array([NEVER, 0, 2, NEVER])
    assert keys(letters, taken).tolist() == [4, 1, 3, 4]
    assert savings(letters, taken) == pytest.approx(9 / 21)
    assert perfect(letters) == pytest.approx(17 / 21)
    assert perfect_in_vocabulary(letters, np.array([1, 1, 1, 0], bool)) == pytest.approx(14 / 21)


def test_nothing_typed_saves_nothing_that_could_be_said():
    nothing = np.zeros(0, np.int64)
    assert math.isnan(savings(nothing, nothing))
    assert math.isnan(share_saved(0, 0))


def test_a_word_is_taken_as_soon_as_it_is_shown():
    shown = {"": ["the"], "t": ["the", "to"], "to": ["too", "tomorrow"]}
    assert taken_after("tomorrow", lambda typed: shown.get(typed, [])) == 2
    assert taken_after("the", lambda typed: shown.get(typed, [])) == 0
    assert taken_after("zyx", lambda typed: shown.get(typed, [])) == NEVER


@given(
    st.lists(
        st.tuples(st.integers(1, 12), st.booleans()).flatmap(
            lambda word: st.tuples(st.just(word[0]), st.just(word[1]), st.integers(-1, word[0] - 1))
        ),
        min_size=1,
        max_size=30,
    )
)
def test_no_model_passes_the_limits_and_pressing_every_key_agrees(words):
    letters, known, taken = (np.array(column) for column in zip(*words, strict=True))
    taken = np.where(known, taken, NEVER)
    limits = perfect(letters), perfect_in_vocabulary(letters, known)
    assert 0 <= savings(letters, taken) <= limits[1] <= limits[0] < 1
    pressed = 0
    for length, at in zip(letters.tolist(), taken.tolist(), strict=True):
        for letter in range(length):
            if letter == at:
                break
            pressed += 1
        pressed += 1  # the space, or the tap
    assert pressed == keys(letters, taken).sum()

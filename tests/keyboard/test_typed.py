"""The strip's figures by hand, and against a keyboard asked letter by letter."""

import numpy as np
import pytest

from gboard_sim.keyboard import Keyboard
from gboard_sim.keyboard.keystrokes import NEVER
from gboard_sim.keyboard.typed import ACCEPTANCE, Typed, by_owner, expected_keys, figures, type_out

HAND = Typed(
    owner=np.array([7, 7, 9]),
    offsets=np.array([0, 2, 3, 4]),
    letters=np.array([4, 3, 5, 2]),
    taken=np.array([0, 1, NEVER, NEVER]),
    slot=np.array([0, NEVER, NEVER, NEVER]),
    known=np.array([True, True, False, True]),
)


def test_the_figures_of_four_words_by_hand():
    found = figures(HAND)
    assert (found.messages, found.words, found.impressions) == (3, 4, 7)
    assert found.unknown == 1 / 4
    assert (found.recall_at_1, found.recall_at_3) == (1 / 4, 1 / 4)
    assert (found.impression_recall_at_1, found.impression_recall_at_3) == (1 / 7, 1 / 7)
    assert found.click_through == pytest.approx(ACCEPTANCE / 7)
    assert found.savings == pytest.approx(1 - (1 + 2 + 6 + 3) / (5 + 4 + 6 + 3))
    assert found.savings_vocabulary == pytest.approx(1 - (1 + 1 + 6 + 1) / 18)
    assert found.savings_perfect == pytest.approx(1 - 4 / 18)


def test_the_published_click_through_is_that_of_the_published_impression_recall():
    assert pytest.approx(0.0235) == ACCEPTANCE * 0.1375


@pytest.mark.parametrize("chance", [0.0, 0.17, 0.6, 1.0])
def test_expected_keystrokes_are_the_sum_over_every_moment_of_the_tap(chance):
    wanted = []
    for letters, taken in zip(HAND.letters, HAND.taken, strict=True):
        total, here = 0.0, 1.0  # the probability that it has not been taken
        for typed in range(letters):
            if taken != NEVER and typed >= taken:
                total += here * chance * (typed + 1)
                here *= 1 - chance
        wanted.append(total + here * (letters + 1))
    assert expected_keys(HAND, chance) == pytest.approx(wanted)


def test_some_messages_alone_and_people_apart():
    assert figures(HAND.of(HAND.owner == 7)).words == 3
    last = HAND.of(np.array([False, False, True]))
    assert last.letters.tolist() == [2]
    assert last.offsets.tolist() == [0, 1]
    people = by_owner(HAND, least_words=2)
    assert people["people"] == 1
    assert people["savings"]["p50"] == pytest.approx(1 - 9 / 15)
    assert by_owner(HAND, least_words=9)["savings"]["p50"] is None


@pytest.mark.parametrize("kind", ["word", "unigram"])
def test_typing_is_what_a_keyboard_suggests_letter_by_letter(install, kind):
    installed = install(kind)
    words = installed.workshop.vocabulary.words
    messages = [[words[5], words[40], "qqqq"], [words[0]], [words[2], words[90]]]
    keyboard = Keyboard.load(installed.folder)
    found = type_out(keyboard, messages, np.arange(3), set(words))
    row = 0
    for message in messages:
        for place, word in enumerate(message):
            line = "".join(f"{w} " for w in message[:place])
            shown = [word in keyboard.suggest(line + word[:n]) for n in range(len(word))]
            assert found.taken[row] == (shown.index(True) if any(shown) else NEVER)
            first = keyboard.suggest(line)
            assert found.slot[row] == (first.index(word) if word in first else NEVER)
            assert found.known[row] == (word in words)
            row += 1

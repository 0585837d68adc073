"""Smart Compose: the exact best continuation, and what precision and savings count."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from gboard_sim.keyboard import Keyboard
from gboard_sim.keyboard.compose import Continuation, continuations, surest
from gboard_sim.keyboard.offers import (
    LEAST,
    Offers,
    chosen,
    curve,
    expected,
    keys_with,
    offers,
    point,
    remembered,
    wilson_low,
)

WORDS = ("a", "b", "c", "d")


def chain(seed, sharpness):
    """A made-up model in which the next word depends on the last, as `ranked` tells it."""
    after = np.random.default_rng(seed).dirichlet(np.full(4, sharpness), 5)

    def ranked(before, k):
        row = after[WORDS.index(before[-1]) if before else 4]
        return [(WORDS[i], float(np.log(row[i]))) for i in np.argsort(-row)[:k]]

    return after, ranked


@pytest.mark.parametrize("least", [0.4, 0.1, 0.02])
@pytest.mark.parametrize("seed", range(8))
def test_the_search_finds_the_best_of_all_continuations(seed, least):
    after, ranked = chain(seed, 0.4)

    def probability(words):
        places = [WORDS.index(word) for word in words]
        return np.prod([after[v, w] for v, w in zip((0, *places), places, strict=False)])

    best = [max(map(probability, product(WORDS, repeat=length))) for length in (2, 3, 4)]
    wanted = [each for each in best if each >= least]
    found = continuations(ranked, ["a"], least)
    assert [each.probability for each in found] == pytest.approx(wanted)
    assert [probability(each.words) for each in found] == pytest.approx(wanted)
    assert [len(each.words) for each in found] == [2, 3, 4][: len(wanted)]


def test_a_confidence_of_nothing_is_refused():
    with pytest.raises(ValueError, match="least"):
        continuations(chain(0, 1.0)[1], [], 0.0)


@pytest.mark.parametrize("kind", ["word", "unigram"])
def test_a_keyboard_offers_words_that_it_would_suggest_one_by_one(install, kind):
    installed = install(kind)
    keyboard = Keyboard.load(installed.folder)
    line = " ".join(installed.workshop.vocabulary.words[3:6])
    sure = keyboard.compose(f"{line} ", 1e-3, most=2)
    assert len(sure) == 2
    assert sure[0] in keyboard.suggest(f"{line} ", 1000)
    (_, first), (_, second) = (
        next(pair for pair in keyboard.ranked(before, "", 1000) if pair[0] == word)
        for before, word in ((line.split(), sure[0]), ([*line.split(), sure[0]], sure[1]))
    )
    assert keyboard.compose(f"{line} ", np.exp(first + second) * 0.999, most=2) == sure
    assert keyboard.compose(f"{line} ", np.exp(first + second) * 1.001, most=2) == []
    assert keyboard.compose(line, 1e-3) == []  # the last word may still be going on
    blocked = Keyboard.load(installed.folder, blocklist=sure)
    assert not set(sure) & set(blocked.compose(f"{line} ", 1e-3))


def test_a_longer_offer_is_right_only_if_all_of_it_is_typed():
    def ranked(before, k):
        following = {(): "good", ("good",): "morning", ("good", "morning"): "all"}
        word = following.get(tuple(before))
        return [(word, float(np.log(0.9)))][:k] if word else []

    messages = [["good", "morning", "all"], ["good", "morning", "you"], ["good"]]
    found = offers(messages, expected(ranked, messages))
    assert found.probability[0] == pytest.approx([0.81, 0.729, 0])
    assert found.right[0].tolist() == [True, True, False]
    # Boundaries: 4 + 4 + 2. Offered at 0.75: two words from each beginning, and after "good"
    # nothing, because "morning all" is 0.81 too: that is an offer at each of the three.
    assert point(found, 0.75).boundaries == 10
    sure = point(found, 0.75)
    assert (sure.offered, sure.right) == (6, 3)
    longer = point(found, 0.7)  # three words from each beginning
    assert (longer.offered, longer.right) == (6, 2)
    assert point(found, 0.82).offered == 0
    assert np.isnan(point(found, 0.82).precision)


def test_an_offer_after_the_last_word_is_wrong():
    found = offers([["x"] * 3], expected(lambda _, k: [("x", 0.0)][:k], [["x"] * 3]))
    at = point(found, 0.5)
    assert (at.boundaries, at.offered, at.right) == (4, 4, 0)  # four words never come


def test_the_interval_is_scipys():
    for right, of in ((0, 1), (3, 4), (50, 80), (700, 1000), (10, 10)):
        interval = binomtest(right, of).proportion_ci(0.95, "wilson")
        assert wilson_low(right, of) == pytest.approx(interval.low, abs=1e-12)
    assert wilson_low(0, 0) == 0


def test_the_confidence_chosen_has_the_most_offers_of_those_that_are_precise_enough():
    rng = np.random.default_rng(3)
    probability = np.sort(rng.uniform(0, 1, (4000, 3)), axis=1)[:, ::-1]
    probability = np.where(probability < LEAST, 0, probability)
    right = rng.uniform(size=probability.shape) < 0.8 * probability
    found = Offers(probability, right)
    at = chosen(found)
    enough = [p for p in curve(found) if p.precision_low >= 0.5]
    assert at in [p.confidence for p in enough]
    assert point(found, at).coverage == max(p.coverage for p in enough)
    assert chosen(Offers(probability, np.zeros_like(right))) is None


def test_keystrokes_by_hand():
    # "good morning all" and "no": with the strip 2, 3, 4 and 3 keys.
    keys, offsets = np.array([2, 3, 4, 3]), np.array([0, 3, 4])
    probability, right = np.zeros((6, 3)), np.zeros((6, 3), np.bool_)
    probability[0, 0], right[0, 0] = 0.8, True  # "good morning" for one tap instead of five
    probability[1, 0], right[1, 0] = 0.9, True  # within what was taken: not seen any more
    probability[4, 0] = 0.9  # wrong: costs nothing
    assert keys_with(Offers(probability, right), 0.7, offsets, keys) == 1 + 4 + 3
    assert keys_with(Offers(probability, right), 0.85, offsets, keys) == 2 + 1 + 3
    assert keys_with(Offers(probability, right), 0.95, offsets, keys) == 12


def test_of_two_sources_the_surer_is_offered_at_each_length():
    model = [Continuation(("a", "b"), 0.5), Continuation(("a", "b", "c"), 0.2)]
    own = [Continuation(("d", "e"), 0.7)]
    assert surest(model, own) == [own[0], model[1]]
    assert surest(model, []) == surest([], model) == model
    assert surest() == []


def test_a_message_is_remembered_only_once_it_has_been_typed():
    message = ["does", "anyone", "know", "how", "to", "boot"]
    found = remembered([(message, True), (["hi"], False), (message, True)])
    assert len(found) == 14
    assert not any(found[:7])  # nothing is known of what is typed for the first time
    again = offers([message, message], found)
    # Four words, the beginning among them, must be the same; then two more words must follow.
    assert again.right[:, 0].nonzero()[0].tolist() == [7 + 3, 7 + 4]
    assert again.probability[10].tolist() == pytest.approx([0.7, 0.7, 0.0])
    assert remembered([]) == []

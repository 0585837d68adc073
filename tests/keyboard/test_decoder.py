"""Taps and their words: against exhaustive scoring, normal tails, and the decoder alone."""

from math import erf, sqrt

import numpy as np
import pytest

from gboard_sim import seeds
from gboard_sim.keyboard import Keyboard
from gboard_sim.keyboard.decoder import PROPOSED, WEIGHTS, Decoder, chosen, tap, word_error
from gboard_sim.keyboard.touch import (
    CENTRES,
    KEY_MM,
    SPREAD_MM,
    codes,
    landed,
    log_likelihoods,
    on_keys,
)


def test_keys_lie_as_on_qwerty():
    at = dict(zip("abcdefghijklmnopqrstuvwxyz", CENTRES, strict=True))
    width, height = KEY_MM
    assert at["w"] - at["q"] == pytest.approx([width, 0])
    assert at["a"] - at["q"] == pytest.approx([width / 2, height])
    assert at["m"] - at["n"] == pytest.approx([width, 0])
    assert at["z"] - at["a"] == pytest.approx([width, height])
    assert len({tuple(centre) for centre in CENTRES}) == 26


def test_words_that_leave_the_letters_are_no_taps():
    assert [on_keys(word) for word in ("hello", "don't", "mp3", "é", "Hi", "")] == [True] + 5 * [
        False
    ]
    assert codes("baz").tolist() == [1, 0, 25]


def test_taps_miss_the_key_as_often_as_normal_tails_say():
    taps = 200_000
    noise = np.stack([seeds.normals(1, axis, np.arange(taps)) for axis in "xy"], axis=1)
    where = landed(np.full(taps, codes("g")[0]), noise) - CENTRES[codes("g")[0]]
    outside = (np.abs(where) > np.array(KEY_MM) / 2).any(axis=1).mean()
    inside = [erf(k / 2 / s / sqrt(2)) for k, s in zip(KEY_MM, SPREAD_MM, strict=True)]
    assert outside == pytest.approx(1 - inside[0] * inside[1], abs=1e-3)
    assert 0.01 < outside < 0.05


def test_the_decoder_proposes_the_likeliest_words_of_that_length():
    rng = np.random.default_rng(1)
    words = sorted({"".join(rng.choice(list("etaoin"), 4)) for _ in range(60)} | {"the", "it's"})
    likelihoods = log_likelihoods(landed(codes("neat"), rng.normal(size=(4, 2))))
    scores = {
        word: sum(likelihoods[i, c] for i, c in enumerate(codes(word)))
        for word in words
        if len(word) == 4 and on_keys(word)
    }
    found = Decoder(words).proposed(likelihoods, 10)
    assert [word for word, _ in found] == sorted(scores, key=lambda w: (-scores[w], w))[:10]
    assert [score for _, score in found] == pytest.approx([scores[word] for word, _ in found])
    assert Decoder(words).proposed(likelihoods[:2]) == []


@pytest.fixture(scope="module")
def tapped(install):
    installed = install()
    words = installed.workshop.vocabulary.words
    rng = np.random.default_rng(2)
    messages = [[words[i] for i in rng.integers(0, 200, 6)] for _ in range(40)]
    messages[0][2], messages[1][0] = "zzyzx", "mp3"  # one unknown, one that leaves the letters
    keyboard = Keyboard.load(installed.folder)
    return keyboard, messages, tap(keyboard, Decoder(words), messages, np.arange(40), 1)


def test_weight_nothing_is_the_decoder_alone(tapped):
    _, _, found = tapped
    first = found.right[:, 0]  # the decoder's own best stands first
    assert (found.wrong(0.0) == ~first).all()
    assert word_error(found, 0.0).rescored == word_error(found, 0.0).spatial
    assert (found.spatial[:, 1:] <= found.spatial[:, :-1]).all()


def test_words_are_reranked_by_the_two_scores(tapped):
    keyboard, messages, found = tapped
    said = [(m[:p], word) for m in messages for p, word in enumerate(m) if on_keys(word)]
    assert len(said) == len(found.known)
    for row in range(0, len(said), 17):
        before, word = said[row]
        ranked = dict(keyboard.ranked(before, "", 10**6))
        if found.right[row].any():
            [place] = np.flatnonzero(found.right[row])
            assert found.language[row, place] == pytest.approx(ranked[word], abs=1e-5)
    total = found.spatial + 0.7 * found.language
    for row, wrong in enumerate(found.wrong(0.7)):
        assert wrong == (not found.right[row, int(np.argmax(total[row]))])


def test_words_that_are_unknown_or_no_taps_are_counted(tapped):
    _, messages, found = tapped
    at = word_error(found, 0.5)
    untappable = sum(not on_keys(word) for message in messages for word in message)
    assert at.left_out == untappable >= 1
    assert at.words == 240 - untappable
    assert at.unknown == pytest.approx(1 / at.words)
    assert found.wrong(0.5)[~found.known].all()
    assert at.spatial * at.words == pytest.approx(1 + at.spatial_known * (at.words - 1))


def test_the_weight_has_the_fewest_misread_of_all(tapped):
    _, _, found = tapped
    misread = [found.wrong(weight).sum() for weight in WEIGHTS]
    assert chosen(found) == WEIGHTS[int(np.argmin(misread))]


@pytest.mark.parametrize("kind", ["word", "unigram"])
def test_log_probabilities_are_those_of_the_ranking(install, kind):
    installed = install(kind)
    words = installed.workshop.vocabulary.words
    keyboard = Keyboard.load(installed.folder)
    ranked = keyboard.ranked(words[3:5], "", PROPOSED)
    found = keyboard.log_probabilities(words[3:5], [word for word, _ in ranked])
    assert found == pytest.approx([score for _, score in ranked], abs=1e-4)
    assert keyboard.has(words[7])
    assert not keyboard.has("zzyzx")

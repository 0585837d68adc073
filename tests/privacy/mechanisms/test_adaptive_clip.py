"""The clip finds the quantile; with the bit's sign the other way round it runs away from it."""

import math

import numpy as np
import pytest

from gboard_sim.privacy.mechanisms.adaptive_clip import AdaptiveClip

PHONES = 200


def follow(first: float, versions: int, *, quantile: float = 0.5, inverted: bool = False) -> list:
    """The clips of a run whose norms are log-normal with median 2."""
    rule, clips = AdaptiveClip(quantile, 0.2, bit_noise=PHONES / 20), [first]
    generator = np.random.default_rng(7)
    for _ in range(versions):
        norms = np.exp(generator.normal(math.log(2.0), 0.5, PHONES))
        bits = norms > clips[-1] if inverted else norms <= clips[-1]
        ones = bits.sum() + generator.normal(0.0, rule.bit_noise)
        clips.append(rule.next_clip(clips[-1], ones, PHONES, PHONES))
    return clips


@pytest.mark.parametrize("first", [0.02, 2.0, 40.0])
def test_the_clip_settles_at_the_median(first):
    assert np.mean(follow(first, 150)[-50:]) == pytest.approx(2.0, rel=0.05)


def test_the_clip_settles_at_another_quantile():
    expected = math.exp(math.log(2.0) + 0.5 * 0.8416)  # the normal law's 0.8 quantile
    assert np.mean(follow(1.0, 200, quantile=0.8)[-50:]) == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize(("first", "runs"), [(1.0, "down"), (4.0, "up")])
def test_with_the_bit_inverted_the_clip_diverges_as_in_the_course(first, runs):
    clips = follow(first, 100, inverted=True)
    assert clips[-1] < 1e-3 if runs == "down" else clips[-1] > 1e3


def test_the_course_shrank_a_clip_that_should_have_grown():
    """Six phones, all clipped, first clip 0.1: its log has 0.0901, 0.0814, 0.0727, 0.0658."""
    rule, log = AdaptiveClip(0.5, 0.2, bit_noise=0.3), [0.0901, 0.0814, 0.0727, 0.0658]
    inverted = right = 0.1
    for logged in log:
        inverted = rule.next_clip(inverted, 6, 6, 6)
        right = rule.next_clip(right, 0, 6, 6)
        assert inverted == pytest.approx(logged, rel=0.025)
    assert right == pytest.approx(0.1 * math.exp(0.4))


def test_a_bit_that_is_missing_counts_as_half_a_one():
    rule = AdaptiveClip(0.5, 0.2, bit_noise=1.0)
    assert rule.next_clip(1.0, 3, 6, 10) == pytest.approx(1.0)
    assert rule.next_clip(1.0, 6, 6, 10) == pytest.approx(math.exp(-0.2 * 0.3))


def test_bit_and_update_together_spend_what_was_asked():
    rule = AdaptiveClip(0.5, 0.2, bit_noise=3.0)
    spent = rule.update_noise(2.0) ** -2 + (0.5 / 3.0) ** 2
    assert spent**-0.5 == pytest.approx(2.0)
    assert rule.update_noise(0.0) == 0.0


@pytest.mark.parametrize("noise_multiplier", [6.0, 7.0])
def test_bits_that_alone_spend_it_all_are_refused(noise_multiplier):
    rule = AdaptiveClip(0.5, 0.2, bit_noise=3.0)
    with pytest.raises(ValueError, match="below twice the bits' noise, 2 x 3"):
        rule.update_noise(noise_multiplier)


def test_the_clip_stays_after_its_versions():
    rule = AdaptiveClip(0.5, 0.2, bit_noise=3.0, versions=4)
    assert [rule.follows(version) for version in (1, 4, 5)] == [True, True, False]

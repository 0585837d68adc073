"""What a trusted server releases. Standard deviations are measured over 40,000 numbers, so that the
standard error is 0.35% and a deviation that is 2% off is seen with probability above 0.9999."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.privacy.mechanisms.adaptive_clip import AdaptiveClip
from gboard_sim.privacy.mechanisms.independent import Independent
from gboard_sim.privacy.mechanisms.server_sums import ServerSums
from gboard_sim.seam.privacy_protocols import Summed

SIZE = 40_000
SUMS = ServerSums(Independent(), noise_multiplier=1.5, clip=0.4, denominator=20.0, seed=3)
ADAPTIVE = replace(SUMS, adaptive=AdaptiveClip(0.5, 0.2, bit_noise=5.0))


def summed(version: int, value: float = 0.0, **changed) -> Summed:
    return replace(Summed(version, np.full(SIZE, value), uploads=18, within=9), **changed)


@pytest.mark.parametrize("sums", [SUMS, ADAPTIVE, replace(SUMS, noise_share=0.1)])
def test_every_release_has_the_noise_that_its_event_states(sums):
    state = sums.start()
    for version in range(1, 9):
        clip = sums.bound(state).clip
        released = sums.release(state, summed(version))
        state, event = released.state, released.event
        assert event.clip == clip
        z = sums.adaptive.update_noise(1.5) if sums.adaptive else 1.5
        assert event.deviation == pytest.approx(z * clip * sums.noise_share, rel=1e-12)
        assert released.mean.std() == pytest.approx(event.deviation / 20.0, rel=0.02)
        assert abs(released.mean.mean()) < 5 * event.deviation / 20.0 / SIZE**0.5
        assert (event.version, event.noise_multiplier) == (version, 1.5)


def test_the_noise_belongs_to_the_clip_that_clipped_not_to_the_next_one():
    state = ADAPTIVE.start()
    released = ADAPTIVE.release(state, summed(1, within=0))
    assert ADAPTIVE.bound(released.state).clip > 1.05 * released.event.clip == 1.05 * 0.4
    assert released.mean.std() == pytest.approx(
        ADAPTIVE.adaptive.update_noise(1.5) * 0.4 / 20.0, rel=0.02
    )


def test_sums_are_divided_by_a_fixed_number_however_many_came():
    silent = replace(SUMS, noise_multiplier=0.0)
    for uploads in (1, 18, 25):
        released = silent.release({}, summed(1, value=3.0, uploads=uploads))
        assert np.allclose(released.mean, 3.0 / 20.0, rtol=1e-15)
        assert released.event.deviation == 0.0


def test_versions_have_independent_noise_and_the_same_version_the_same():
    first, again, second, other = (
        sums.release({}, summed(version)).mean
        for sums, version in ((SUMS, 1), (SUMS, 1), (SUMS, 2), (replace(SUMS, seed=4), 1))
    )
    assert first.tobytes() == again.tobytes()
    for different in (second, other):
        assert abs(np.corrcoef(first, different)[0, 1]) < 5 / SIZE**0.5


def test_the_noise_of_the_bits_has_its_own_deviation():
    state = ADAPTIVE.start()
    logs = []
    for version in range(1, 8001):
        one = Summed(version, np.zeros(1), uploads=20, within=10)
        logs.append(np.log(ADAPTIVE.bound(ADAPTIVE.release(state, one).state).clip / 0.4))
    # The clip moves by exp(-0.2 noise / 20); 8,000 draws have a standard error of 0.8%.
    assert np.std(logs) == pytest.approx(0.2 * 5.0 / 20.0, rel=0.03)


def test_a_clip_that_has_settled_leaves_all_noise_to_the_update():
    rule = replace(ADAPTIVE.adaptive, versions=1)
    sums = replace(ADAPTIVE, adaptive=rule)
    first = sums.release(sums.start(), summed(1, within=0))
    second = sums.release(first.state, summed(2, within=0))
    assert second.event.clip == sums.bound(second.state).clip > first.event.clip
    assert second.event.deviation == pytest.approx(1.5 * second.event.clip)


def test_refused_uploads_stand_in_the_event():
    refused = ((7, "update holds NaN"),)
    assert SUMS.release({}, summed(1, refused=refused)).event.refused == refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip": 0.0}, r"clip\(=0.0\)"),
        ({"denominator": float("inf")}, r"denominator\(=inf\)"),
        ({"noise_share": -1.0}, r"noise_share\(=-1.0\)"),
        ({"noise_multiplier": -0.1}, r"noise_multiplier\(=-0.1\)"),
        ({"adaptive": AdaptiveClip(0.5, 0.2, bit_noise=0.75)}, "below twice the bits' noise"),
    ],
)
def test_a_number_out_of_range_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SUMS, **changes)

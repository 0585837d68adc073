import itertools
import math

import numpy as np
import pytest
from scipy import stats

from gboard_sim import seeds
from gboard_sim.privacy.mechanisms.distributed import DistributedSkellam
from gboard_sim.privacy.secure_aggregation import cost
from gboard_sim.privacy.secure_aggregation.masked_sum import MaskedSum
from gboard_sim.privacy.secure_aggregation.masking import PairwiseMasks
from gboard_sim.privacy.secure_aggregation.server import TooFewPhonesError

BITS = 12
HEADER = 16  # what a codec puts before the numbers


def begun(phones=5, threshold=3, silent=(), name="test"):
    return MaskedSum(
        phones, threshold, BITS, lambda place: seeds.stream(1, name, place).bytes, silent
    )


def numbers(phones=5, count=40):
    rng = np.random.default_rng(1)
    return {place: rng.integers(0, 2**BITS, count) for place in range(1, phones + 1)}


def send(sums, inputs, places):
    """The masked numbers of some phones, as they reach the server, which adds them."""
    seen = {place: sums.phone(place).masked(inputs[place]) for place in places}
    for place, masked in seen.items():
        sums.add(place, masked, HEADER + len(masked) * BITS // 8)
    return seen


def total(inputs, places):
    return sum(inputs[place] for place in places) % 2**BITS


def test_the_sum_is_the_sum():
    inputs = numbers()
    sums = begun()
    seen = send(sums, inputs, inputs)
    assert (sums.unmask() == total(inputs, inputs)).all()
    assert all((seen[place] != inputs[place]).any() for place in inputs)


SOME = [s for n in range(3) for s in itertools.combinations(range(1, 6), n)]


@pytest.mark.parametrize("lost", SOME)
def test_the_sum_survives_any_drop_out_that_leaves_the_threshold(lost):
    inputs = numbers()
    stayed = [place for place in inputs if place not in lost]
    for stage in ("before sharing", "before sending", "before telling"):
        sums = begun(silent=lost if stage == "before sharing" else ())
        sent = inputs if stage == "before telling" else stayed
        send(sums, inputs, sent)
        found = sums.unmask(gone=lost if stage == "before telling" else ())
        assert (found == total(inputs, sent)).all(), stage  # who told nothing is in the sum


def test_phones_drop_out_at_every_stage_of_one_cohort():
    inputs = numbers(phones=9)
    sums = begun(phones=9, threshold=5, silent=[4])
    send(sums, inputs, [1, 3, 5, 6, 7, 8])  # neither the second nor the ninth
    assert (sums.unmask(gone=[1]) == total(inputs, [1, 3, 5, 6, 7, 8])).all()


@pytest.mark.parametrize(
    ("silent", "unsent", "gone", "said"),
    [
        ([1, 2, 3], [], [], "2 phones shared their secrets; 3 must"),
        ([1], [2, 3], [], "2 phones sent their numbers; 3 must"),
        ([1], [2], [3], "2 phones stayed; 3 must"),
        ([], [1, 2, 3, 4, 5], [], "0 phones sent their numbers; 3 must"),
        ([], [], [1, 2, 3], "2 phones stayed; 3 must"),
    ],
)
def test_below_the_threshold_the_cohort_is_abandoned(silent, unsent, gone, said):
    inputs = numbers()
    with pytest.raises(TooFewPhonesError, match=said):  # noqa: PT012  at whichever stage it is
        sums = begun(silent=silent)
        send(sums, inputs, [place for place in inputs if place not in {*silent, *unsent}])
        sums.unmask(gone)
    with pytest.raises(TooFewPhonesError, match="2 phones shared their secrets"):
        begun(phones=2)


@pytest.mark.parametrize("value", [0, 2**BITS - 1])
def test_what_the_server_sees_of_a_phone_is_even_whatever_it_said(value):
    # Chi-square over 4096 cells and 80,000 numbers: masked numbers of which 2% show through have a
    # noncentrality of 80,000 * 0.02^2 * 4095, above 10^5, and never pass. And those of two phones,
    # or of one phone and its input's neighbour, have nothing in common.
    inputs = {place: np.full(80_000, value) for place in (1, 2, 3)}
    seen = send(begun(3, 2, name=str(value)), inputs, inputs)
    for masked in seen.values():
        observed = np.bincount(masked, minlength=2**BITS)
        assert stats.chisquare(observed).pvalue > 1e-4
    for one, two in itertools.combinations(seen.values(), 2):
        assert abs(np.corrcoef(one, two)[0, 1]) < 5.0 / math.sqrt(80_000)


def test_sums_of_fewer_than_all_are_even_too():
    # What a server could make of the payloads itself: any sum short of the whole one.
    inputs = {place: np.zeros(80_000, np.int64) for place in (1, 2, 3)}
    seen = send(begun(3, 2, name="parts"), inputs, inputs)
    for pair in itertools.combinations(seen.values(), 2):
        observed = np.bincount(sum(pair) % 2**BITS, minlength=2**BITS)
        assert stats.chisquare(observed).pvalue > 1e-4


@pytest.mark.parametrize(("phones", "lost"), [(5, []), (11, []), (11, [2, 7, 11])])
def test_what_it_moves_is_what_is_priced_to_the_byte(phones, lost):
    inputs = numbers(phones)
    sums = begun(phones)
    sent = [place for place in inputs if place not in lost]
    send(sums, inputs, sent)
    sums.unmask()
    parts = {part.name: part for part in cost.rounds(phones, HEADER + 40 * BITS // 8)}
    keys = [parts["AdvertiseKeys"], parts["ShareKeys"]]
    record = sums.record
    assert (record.phones, record.sent) == (phones, len(sent))
    assert record.uplink_bytes == len(sent) * sum(part.up_bytes for part in parts.values())
    assert record.downlink_bytes == len(sent) * sum(part.down_bytes for part in parts.values())
    assert record.lost_uplink_bytes == len(lost) * sum(part.up_bytes for part in keys)
    assert record.lost_downlink_bytes == len(lost) * sum(part.down_bytes for part in keys)


def test_a_seed_decides_what_is_masked_and_never_the_sum():
    inputs = numbers()
    made = [PairwiseMasks(3, BITS, seed).begin(version, 5) for seed, version in SEEDS]
    seen = [send(sums, inputs, inputs)[1].tolist() for sums in made]
    assert seen[0] == seen[1]
    assert len({tuple(each) for each in seen}) == 3
    assert all((sums.unmask() == total(inputs, inputs)).all() for sums in made)


SEEDS = [(1, 1), (1, 1), (1, 2), (2, 1)]


def test_masked_or_not_the_released_sum_is_the_same():
    # What the simulator adds up without masks is what the protocol gives with them.
    made = DistributedSkellam(
        clip=0.5, noise_multiplier=1.0, seed=7, bits=BITS, scale=90.0, share_variance=4.0
    )
    rng = np.random.default_rng(2)
    updates = [rng.normal(size=500).astype(np.float32) for _ in range(6)]
    shares = {
        place: made.share(made.bound({}).on_phone(update)[0], place, 0, 3).astype(np.int64)
        for place, update in enumerate(updates, start=1)
    }
    sums = begun(phones=6, threshold=4)
    send(sums, shares, [1, 2, 4, 5, 6])
    plain = sum(share for place, share in shares.items() if place != 3)
    assert (made.opened(sums.unmask(), 3) == made.opened(plain, 3)).all()

import itertools
import math

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from scipy import stats

from gboard_sim import seeds
from gboard_sim.errors import InvariantError
from gboard_sim.privacy.mechanisms.distributed import DistributedSkellam
from gboard_sim.privacy.secure_aggregation import masks
from gboard_sim.privacy.secure_aggregation.phone import Phone
from gboard_sim.privacy.secure_aggregation.server import TooFewPhonesError, aggregate

BITS = 12


def entropy(name="test"):
    """Bytes that a seed decides."""
    return seeds.stream(1, name).bytes


def numbers(phones=5, count=300):
    rng = np.random.default_rng(1)
    return {place: rng.integers(0, 2**BITS, count) for place in range(1, phones + 1)}


def total(inputs, places):
    return sum(inputs[place] for place in places) % 2**BITS


def test_the_sum_is_the_sum():
    inputs = numbers()
    seen = aggregate(inputs, threshold=3, bits=BITS, entropy=entropy())
    assert (seen.total == total(inputs, inputs)).all()
    assert all((seen.masked[place] != inputs[place]).any() for place in inputs)


@pytest.mark.parametrize(
    "lost", [s for n in range(3) for s in itertools.combinations(range(1, 6), n)]
)
def test_the_sum_survives_any_drop_out_that_leaves_the_threshold(lost):
    inputs = numbers(count=40)
    stayed = [place for place in inputs if place not in lost]
    seen = aggregate(inputs, threshold=3, bits=BITS, before_sending=lost, entropy=entropy())
    assert (seen.total == total(inputs, stayed)).all()
    # Who drops out after sending is in the sum.
    seen = aggregate(inputs, threshold=3, bits=BITS, before_telling=lost, entropy=entropy())
    assert (seen.total == total(inputs, inputs)).all()


def test_phones_drop_out_at_both_places():
    inputs = numbers(phones=7, count=40)
    seen = aggregate(
        inputs, threshold=4, bits=BITS, before_sending=[2, 7], before_telling=[1], entropy=entropy()
    )
    assert (seen.total == total(inputs, [1, 3, 4, 5, 6])).all()


@pytest.mark.parametrize(
    ("before_sending", "before_telling"), [([1, 2, 3], []), ([1], [2, 3]), ([], [1, 2, 3])]
)
def test_below_the_threshold_the_cohort_is_abandoned(before_sending, before_telling):
    with pytest.raises(TooFewPhonesError, match="2 phones stayed; 3 must"):
        aggregate(
            numbers(), threshold=3, bits=BITS, before_sending=before_sending,
            before_telling=before_telling, entropy=entropy(),
        )  # fmt: skip
    with pytest.raises(TooFewPhonesError, match="2 phones were selected"):
        aggregate(numbers(phones=2), threshold=3, bits=BITS, entropy=entropy())


@pytest.mark.parametrize("value", [0, 2**BITS - 1])
def test_what_the_server_sees_of_a_phone_is_even_whatever_it_said(value):
    # Chi-square over 4096 cells and 80,000 numbers: masked numbers of which 2% show through have a
    # noncentrality of 80,000 * 0.02^2 * 4095, above 10^5, and never pass. And those of two phones,
    # or of one phone and its input's neighbour, have nothing in common.
    inputs = {place: np.full(80_000, value) for place in (1, 2, 3)}
    seen = aggregate(inputs, threshold=2, bits=BITS, entropy=entropy(str(value)))
    for masked in seen.masked.values():
        observed = np.bincount(masked, minlength=2**BITS)
        assert stats.chisquare(observed).pvalue > 1e-4
    for one, two in itertools.combinations(seen.masked.values(), 2):
        assert abs(np.corrcoef(one, two)[0, 1]) < 5.0 / math.sqrt(80_000)


def masking(threshold, damage=0):
    """Four phones that have sent their numbers; `damage` is done to one sealed share."""
    phones = {n: Phone(n, threshold, BITS, entropy(str(n))) for n in range(1, 5)}
    keys = {place: phone.advertise() for place, phone in phones.items()}
    sealed = {place: phone.share(keys) for place, phone in phones.items()}
    sealed[2][1] = bytes([sealed[2][1][0] ^ damage]) + sealed[2][1][1:]
    for place, phone in phones.items():
        phone.masked(np.zeros(10, np.int64), {p: sealed[p][place] for p in phones if p != place})
    return phones


def test_no_phone_tells_a_share_when_too_few_sent_their_numbers():
    phones = masking(threshold=3)
    with pytest.raises(ValueError, match="2 phones sent their numbers; 3 must"):
        phones[1].tell([1, 2])


def test_a_phone_never_tells_both_secrets_of_another_and_answers_once():
    phones = masking(threshold=2)
    for shares in phones[1].tell([1, 2]).values():
        assert bool(shares.own) != bool(shares.pairwise)
    with pytest.raises(InvariantError, match="asked twice"):
        phones[1].tell([1, 3])


def test_the_server_cannot_open_or_change_what_it_passes_on():
    with pytest.raises(InvalidTag):
        masking(threshold=2, damage=1)


def test_both_ends_of_a_pair_agree_and_nobody_else_does():
    secret = [bytes([n]) * 32 for n in (1, 2, 3)]
    public = [masks.public_key(one) for one in secret]
    assert masks.agreed(secret[0], public[1], b"x") == masks.agreed(secret[1], public[0], b"x")
    assert masks.agreed(secret[0], public[1], b"x") != masks.agreed(secret[0], public[2], b"x")
    assert masks.agreed(secret[0], public[1], b"x") != masks.agreed(secret[0], public[1], b"y")


def test_a_mask_is_the_standards_key_stream():
    # RFC 8439, appendix A.1, test vector 1: the first block of a zero key, nonce and counter.
    block = bytes.fromhex("76b8e0ada0f13d90405d6ae55386bd28")
    assert masks.mask(bytes(32), 4, 32).tolist() == np.frombuffer(block, "<u4").tolist()


def test_masked_or_not_the_released_sum_is_the_same():
    # What the simulator adds up without masks is what the protocol gives with them.
    made = DistributedSkellam(
        clip=0.5, noise_multiplier=1.0, seed=7, bits=16, scale=900.0, share_variance=40.0
    )
    rng = np.random.default_rng(2)
    updates = [rng.normal(size=500).astype(np.float32) for _ in range(6)]
    shares = {
        place: made.share(made.bound({}).on_phone(update)[0], place, 0, 3).astype(np.int64)
        for place, update in enumerate(updates, start=1)
    }
    seen = aggregate(shares, threshold=4, bits=16, before_sending=[3], entropy=entropy())
    plain = sum(share for place, share in shares.items() if place != 3)
    assert (made.opened(seen.total, 3) == made.opened(plain, 3)).all()

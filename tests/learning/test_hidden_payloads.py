"""Payloads behind masks: their sum is that of what they hide, and what lies is left out of it."""

import numpy as np
import pytest

from gboard_sim.communication.codecs.modular import Modular
from gboard_sim.learning.hidden_payloads import HiddenPayloads
from gboard_sim.privacy.secure_aggregation.masking import PairwiseMasks
from gboard_sim.seam.records import Cohort, Upload

BITS, SIZE = 10, 60
CODEC = Modular(BITS)


def uploads(count):
    return tuple(Upload(100 + n, n, 0, (), 91, 1.0, 2.0) for n in range(count))


def hidden(sent=6, selected=8, threshold=5):
    cohort = Cohort("train", 3, 10.0, uploads(sent), (1.0,) * sent, 0, selected=selected)
    return HiddenPayloads(cohort, PairwiseMasks(threshold, BITS, 1), CODEC, SIZE)


def numbers(place):
    return np.random.default_rng(place).integers(0, 2**BITS, SIZE)


def payload(phone, place):
    return CODEC.encode(phone.masked(numbers(place)).astype(np.float32), place, 0)


def test_the_sum_is_that_of_what_the_payloads_hide():
    payloads = hidden()
    for first, count in ((0, 4), (4, 2)):
        phones = payloads.phones(first, count)
        payloads.take([payload(phone, first + n) for n, phone in enumerate(phones)])
    total, refused = payloads.unmasked()
    assert (total == sum(numbers(n) for n in range(6)) % 2**BITS).all()
    assert refused == ()
    assert (payloads.record.phones, payloads.record.sent) == (8, 6)


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (lambda told: told[:-1] + bytes([told[-1] ^ 1]), "fails its checksum"),
        (lambda told: CODEC.encode(CODEC.decode(told)[1:], 0, 0), "59 numbers; wanted: 60"),
        (lambda told: Modular(12).encode(CODEC.decode(told), 0, 0), "holds 90 bytes for 60"),
        (lambda told: b"", "shorter than its header"),
    ],
)
def test_a_payload_that_cannot_be_is_named_and_counts_for_nothing(lie, reason):
    payloads = hidden()
    sent = [payload(phone, place) for place, phone in enumerate(payloads.phones(0, 6))]
    payloads.take([*sent[:2], lie(sent[2]), *sent[3:]])
    total, [(session, said)] = payloads.unmasked()
    assert (total == sum(numbers(n) for n in (0, 1, 3, 4, 5)) % 2**BITS).all()
    assert session == 102
    assert reason in said
    assert payloads.record.sent == 5
    lost = hidden()
    lost.phones(0, 6)
    lost.take([lie(sent[0])])
    before = hidden()
    before.phones(0, 6)
    more = lost.record.lost_uplink_bytes - before.record.lost_uplink_bytes
    assert more == len(lie(sent[0]))  # paid for, though never read


def test_where_too_few_are_left_the_sum_is_of_nothing():
    payloads = hidden()
    sent = [payload(phone, place) for place, phone in enumerate(payloads.phones(0, 6))]
    payloads.take([b"", b"", *sent[2:]])
    total, refused = payloads.unmasked()
    assert not total.any()
    reasons = dict(refused)
    assert sorted(reasons) == [100, 101, 102, 103, 104, 105]
    assert "shorter than its header" in reasons[100]
    assert reasons[105] == "4 phones sent their numbers; 5 must"

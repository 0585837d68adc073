import pickle

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag

from gboard_sim import seeds
from gboard_sim.errors import InvariantError
from gboard_sim.privacy.secure_aggregation import shamir
from gboard_sim.privacy.secure_aggregation.masks import mask, public_key
from gboard_sim.privacy.secure_aggregation.phone import Phone, pair_mask

BITS = 12


def phones(threshold, damage=0):
    """Four phones that have shared their secrets; `damage` is done to one sealed share."""
    made = {n: Phone(n, threshold, BITS, seeds.stream(1, "test", n).bytes) for n in range(1, 5)}
    keys = {place: phone.advertise() for place, phone in made.items()}
    sealed = {place: phone.share(keys) for place, phone in made.items()}
    sealed[2][1] = bytes([sealed[2][1][0] ^ damage]) + sealed[2][1][1:]
    for place, phone in made.items():
        phone.receive({other: sealed[other][place] for other in made if other != place})
    return made, keys


def test_no_phone_tells_a_share_when_too_few_sent_their_numbers():
    made, _ = phones(threshold=3)
    with pytest.raises(ValueError, match="2 phones sent their numbers; 3 must"):
        made[1].tell([1, 2])


def test_a_phone_tells_one_of_the_two_secrets_of_another_and_answers_once():
    # Of the first phone, which sent, the mask of its own; of the third, which did not, the key of
    # its pairwise masks: each is opened by the shares told, and nothing opens the other one.
    made, keys = phones(threshold=2)
    told = {place: made[place].tell([1, 2]) for place in (1, 2)}
    own, key = (shamir.join({p: told[p][of] for p in told}, 2) for of in (1, 3))
    nothing = np.zeros(50, np.int64)
    pairs = [pair_mask(made[1]._pairwise, keys[n].mask, 50, BITS) for n in (2, 3, 4)]
    assert (made[1].masked(nothing) == (mask(own, 50, BITS) + sum(pairs)) % 2**BITS).all()
    assert public_key(key) == keys[3].mask
    assert public_key(own) != keys[1].mask
    assert not any(len(share) != 32 for shares in told.values() for share in shares.values())
    with pytest.raises(InvariantError, match="asked twice"):
        made[1].tell([1, 3])


def test_the_server_cannot_open_or_change_what_it_passes_on():
    with pytest.raises(InvalidTag):
        phones(threshold=2, damage=1)


def test_a_phone_masks_the_same_in_another_process():
    made, _ = phones(threshold=2)
    elsewhere = pickle.loads(pickle.dumps(made[2]))
    numbers = np.arange(30)
    assert (elsewhere.masked(numbers) == made[2].masked(numbers)).all()

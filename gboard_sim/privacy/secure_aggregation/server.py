"""The server's side of secure aggregation, and a whole round of it."""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from gboard_sim.privacy.secure_aggregation import shamir
from gboard_sim.privacy.secure_aggregation.masks import mask
from gboard_sim.privacy.secure_aggregation.phone import Keys, Phone, Shares, pair_mask
from gboard_sim.records import Ints


class TooFewPhonesError(ValueError):
    """Fewer phones stayed than must be there for a sum; the cohort is abandoned."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that the server has seen when it knows the sum.

    Attributes:
        masked: The masked numbers of each phone that sent them, by its place. Shape [n].
        total: The sum of the numbers behind them. Shape [n].
    """

    masked: Mapping[int, Ints]
    total: Ints


def aggregate(
    inputs: Mapping[int, Ints],
    *,
    threshold: int,
    bits: int,
    before_sending: Collection[int] = (),
    before_telling: Collection[int] = (),
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> Seen:
    """One cohort, with every message that a real one sends.

    Args:
        inputs: The numbers of each phone, from 0 to 2^bits - 1, by its place from 1. Shape [n].
        threshold: Phones that must stay to the end.
        bits: Of the ring.
        before_sending: Places of phones that drop out after they shared their secrets.
        before_telling: Places of phones that send their numbers and drop out then.
        entropy: Random bytes, so many at a time.

    Raises:
        TooFewPhonesError: Fewer than `threshold` stayed; nothing was learned of any input.
    """
    phones = {place: Phone(place, threshold, bits, entropy) for place in inputs}
    keys = {place: phone.advertise() for place, phone in phones.items()}
    if len(phones) < threshold:
        raise TooFewPhonesError(f"{len(phones)} phones were selected; {threshold} must be")
    sealed = {place: phone.share(keys) for place, phone in phones.items()}
    masked = {
        place: phone.masked(inputs[place], {p: sealed[p][place] for p in phones if p != place})
        for place, phone in phones.items()
        if place not in before_sending
    }
    staying = [place for place in masked if place not in before_telling]
    if len(staying) < threshold:
        raise TooFewPhonesError(f"{len(staying)} phones stayed; {threshold} must")
    told = {place: phones[place].tell(masked.keys()) for place in staying}
    return Seen(masked, unmasked(masked, keys, told, threshold, bits))


def unmasked(
    masked: Mapping[int, Ints],
    keys: Mapping[int, Keys],
    told: Mapping[int, Mapping[int, Shares]],
    threshold: int,
    bits: int,
) -> Ints:
    """The sum modulo 2^bits, from what phones sent and told.

    Args:
        masked: By place. Shape [n].
        keys: Of all that advertised, by place.
        told: By the place of each phone that stayed, its shares by the place of whose they are.
        threshold: Shares that tell a secret.
        bits: Of the ring.

    Raises:
        ValueError: Too few shares were told.
    """
    count = len(next(iter(masked.values())))
    total: Ints = np.sum(list(masked.values()), axis=0, dtype=np.int64)
    nth = {place: number for number, place in enumerate(sorted(keys), start=1)}
    for place in keys:
        shares = {nth[teller]: held[place] for teller, held in told.items()}
        if place in masked:
            seed = shamir.join({at: share.own for at, share in shares.items()}, threshold)
            total -= mask(seed, count, bits)
        else:
            private = shamir.join({at: each.pairwise for at, each in shares.items()}, threshold)
            for other in masked:
                sign = 1 if other < place else -1
                total -= sign * pair_mask(private, keys[other].mask, count, bits)
    total %= 2**bits
    return total

"""The server's side of secure aggregation."""

from collections.abc import Collection, Mapping

from gboard_sim.privacy.secure_aggregation import shamir
from gboard_sim.privacy.secure_aggregation.masks import mask
from gboard_sim.privacy.secure_aggregation.phone import Keys, pair_mask
from gboard_sim.seam.records import Ints


class TooFewPhonesError(ValueError):
    """Fewer phones stayed than must be there for a sum; the cohort is abandoned."""


class Server:
    """A server that passes messages on, adds masked numbers up, and takes the masks off the sum.

    Args:
        threshold: Phones that must stay to the end.
        bits: Of the ring.

    Attributes:
        threshold: As given.
        sent: Places of the phones whose masked numbers are in the sum.
    """

    def __init__(self, threshold: int, bits: int) -> None:
        self.sent: set[int] = set()
        self.threshold = threshold
        self._bits = bits
        self._total: Ints | None = None

    def add(self, place: int, masked: Ints) -> None:
        """Round 3: adds what a phone sent. Shape [n]."""
        self.sent.add(place)
        if self._total is None:
            self._total = masked.copy()
        else:
            self._total += masked

    def unmask(
        self,
        keys: Mapping[int, Keys],
        shared: Collection[int],
        told: Mapping[int, Mapping[int, bytes]],
    ) -> Ints:
        """Round 4: the sum modulo 2^bits, from the shares that phones told. Shape [n].

        Args:
            keys: Of all that advertised, by place.
            shared: Places of those that shared their secrets.
            told: By the place of each phone that stayed, its shares by the place of whose they are.

        Raises:
            TooFewPhonesError: Fewer than `threshold` phones sent or told; nothing was learned of
                any input.
        """
        for count, what in ((len(self.sent), "sent their numbers"), (len(told), "stayed")):
            if count < self.threshold:
                raise TooFewPhonesError(f"{count} phones {what}; {self.threshold} must")
        assert self._total is not None
        total, count = self._total, len(self._total)
        nth = {place: number for number, place in enumerate(sorted(keys), start=1)}
        for place in shared:
            shares = {nth[teller]: held[place] for teller, held in told.items()}
            secret = shamir.join(shares, self.threshold)
            if place in self.sent:
                total -= mask(secret, count, self._bits)
            else:
                for other in self.sent:
                    pair = pair_mask(secret, keys[other].mask, count, self._bits)
                    total -= pair if other < place else -pair
        total %= 2**self._bits
        return total

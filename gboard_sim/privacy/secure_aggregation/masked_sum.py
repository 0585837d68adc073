"""One cohort of secure aggregation, carried out: its phones, its server, and what passes between.

The server sees what it passes on and what it is sent: of a phone nothing but masked numbers, and at
the end the sum.
"""

from collections.abc import Callable, Collection

from gboard_sim.privacy.secure_aggregation.phone import Phone
from gboard_sim.privacy.secure_aggregation.server import Server, TooFewPhonesError
from gboard_sim.seam.privacy_event import Unmasked
from gboard_sim.seam.records import Ints


class MaskedSum:
    """A cohort, from its keys to its sum.

    Args:
        phones: That were selected together; their places are 1, 2, ...
        threshold: Phones that must stay to the end.
        bits: Of the ring.
        entropy: Random bytes, so many at a time, of the phone in each place.
        silent: Places of phones that drop out before they share their secrets.

    Raises:
        TooFewPhonesError: Fewer than `threshold` phones share their secrets.
    """

    def __init__(
        self,
        phones: int,
        threshold: int,
        bits: int,
        entropy: Callable[[int], Callable[[int], bytes]],
        silent: Collection[int] = (),
    ) -> None:
        places = range(1, phones + 1)
        self._shared = [place for place in places if place not in silent]
        if len(self._shared) < threshold:
            raise TooFewPhonesError(
                f"{len(self._shared)} phones shared their secrets; {threshold} must"
            )
        self._server = Server(threshold, bits)
        self._phones = {at: Phone(at, threshold, bits, entropy(at)) for at in places}
        self._keys = {at: phone.advertise() for at, phone in self._phones.items()}
        advertised = {at: len(keys.channel) + len(keys.mask) for at, keys in self._keys.items()}
        self._up = advertised.copy()
        self._down = {at: sum(advertised.values()) - own for at, own in advertised.items()}
        sealed = {at: self._phones[at].share(self._keys) for at in self._shared}
        for at in self._shared:
            boxes = {other: sealed[other][at] for other in self._shared if other != at}
            self._phones[at].receive(boxes)
            self._up[at] += sum(len(box) for box in sealed[at].values())
            self._down[at] += sum(len(box) for box in boxes.values())

    def phone(self, place: int) -> Phone:
        """The phone in a place, which can mask its numbers."""
        return self._phones[place]

    def add(self, place: int, masked: Ints, payload_bytes: int) -> None:
        """Takes what the server reads of a phone's payload.

        Args:
            place: The phone's.
            masked: Its masked numbers. Shape [n].
            payload_bytes: The payload's.
        """
        self._server.add(place, masked)
        self._up[place] += payload_bytes

    def refuse(self, place: int, payload_bytes: int) -> None:
        """Counts a payload that cannot be read: its phone stays out of the sum."""
        self._up[place] += payload_bytes

    def unmask(self, gone: Collection[int] = ()) -> Ints:
        """The sum modulo 2^bits of what was added, once. Shape [n].

        Args:
            gone: Places of phones that sent their numbers and dropped out since.

        Raises:
            TooFewPhonesError: Fewer than `threshold` phones sent or stayed; nothing was learned of
                any of them.
        """
        sent = self._server.sent
        told = {}
        if len(sent) >= self._server.threshold:
            told = {at: self._phones[at].tell(sent) for at in sorted(sent) if at not in gone}
        for at, shares in told.items():
            self._up[at] += sum(len(share) for share in shares.values())
        return self._server.unmask(self._keys, self._shared, told)

    @property
    def record(self) -> Unmasked:
        """What it took so far."""
        sent = self._server.sent
        lost = [at for at in self._phones if at not in sent]
        return Unmasked(
            phones=len(self._phones),
            sent=len(sent),
            uplink_bytes=sum(self._up[at] for at in sent),
            downlink_bytes=sum(self._down[at] for at in sent),
            lost_uplink_bytes=sum(self._up[at] for at in lost),
            lost_downlink_bytes=sum(self._down[at] for at in lost),
        )

"""One phone's side of secure aggregation."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gboard_sim.errors import InvariantError
from gboard_sim.privacy.secure_aggregation import shamir
from gboard_sim.privacy.secure_aggregation.masks import agreed, mask, public_key
from gboard_sim.seam.records import Ints

_CHANNEL, _PAIR = b"gboard_sim share", b"gboard_sim mask"
_NONCE = bytes(12)  # every channel key seals one message


@dataclass(frozen=True, slots=True)
class Keys:
    """What a phone advertises.

    Attributes:
        channel: Public key of the channels to the other phones.
        mask: Public key of the pairwise masks.
    """

    channel: bytes
    mask: bytes


@dataclass(frozen=True, slots=True)
class Shares:
    """One phone's shares of another one's secrets.

    Attributes:
        own: Of the seed of its own mask.
        pairwise: Of the private key of its pairwise masks.
    """

    own: bytes
    pairwise: bytes


class Phone:
    """A phone, from its keys to the shares that it tells.

    Args:
        place: Its place among those selected, from 1.
        threshold: Phones that can recover a secret.
        bits: Of the ring.
        entropy: Random bytes, so many at a time.
    """

    def __init__(
        self, place: int, threshold: int, bits: int, entropy: Callable[[int], bytes]
    ) -> None:
        self.place = place
        self._threshold = threshold
        self._bits = bits
        self._entropy = entropy
        self._channel = shamir.new_secret(entropy)
        self._pairwise = shamir.new_secret(entropy)
        self._own = shamir.new_secret(entropy)
        self._keys: Mapping[int, Keys] = {}
        self._received: dict[int, Shares] = {}
        self._told = False

    def advertise(self) -> Keys:
        """Round 1."""
        return Keys(public_key(self._channel), public_key(self._pairwise))

    def share(self, keys: Mapping[int, Keys]) -> dict[int, bytes]:
        """Round 2: sealed shares for every phone that advertised, its own kept.

        Raises:
            ValueError: Fewer phones advertised than can recover a secret.
        """
        self._keys = keys
        places = sorted(keys)
        own = shamir.split(self._own, self._threshold, len(places), self._entropy)
        pairwise = shamir.split(self._pairwise, self._threshold, len(places), self._entropy)
        sealed = {}
        for nth, place in enumerate(places, start=1):
            if place == self.place:
                self._received[place] = Shares(own[nth], pairwise[nth])
            else:
                box = ChaCha20Poly1305(self._channel_key(self.place, place))
                sealed[place] = box.encrypt(_NONCE, own[nth] + pairwise[nth], None)
        return sealed

    def receive(self, sealed: Mapping[int, bytes]) -> None:
        """Opens the shares that the others sealed for it.

        Args:
            sealed: By the place of who sealed it.

        Raises:
            cryptography.exceptions.InvalidTag: Somebody else sealed or changed one.
        """
        for place, box in sealed.items():
            opened = ChaCha20Poly1305(self._channel_key(place, self.place)).decrypt(
                _NONCE, box, None
            )
            half = len(opened) // 2
            self._received[place] = Shares(opened[:half], opened[half:])

    def masked(self, numbers: Ints) -> Ints:
        """Round 3: the numbers behind masks, its own and one for each phone of which shares came.

        Args:
            numbers: From 0 to 2^bits - 1. Shape [n].
        """
        total = numbers + mask(self._own, len(numbers), self._bits)
        for place in self._received:
            if place != self.place:
                pair = pair_mask(self._pairwise, self._keys[place].mask, len(numbers), self._bits)
                total += pair if self.place < place else -pair
        total %= 2**self._bits
        return total

    def tell(self, sent: Collection[int]) -> dict[int, bytes]:
        """Round 4: a share of each phone, by its place: of its own mask if it sent its numbers.

        Of the pairwise ones if it did not; never of both, which would bare its numbers.

        Args:
            sent: Places of the phones whose masked numbers reached the server.

        Raises:
            InvariantError: It is asked a second time.
            ValueError: Too few phones are left for the sum to hide anybody.
        """
        if self._told:
            raise InvariantError(f"phone {self.place} was asked twice for its shares")
        if len(sent) < self._threshold:
            raise ValueError(f"{len(sent)} phones sent their numbers; {self._threshold} must")
        self._told = True
        return {
            place: shares.own if place in sent else shares.pairwise
            for place, shares in self._received.items()
        }

    def _channel_key(self, sender: int, receiver: int) -> bytes:
        other = receiver if sender == self.place else sender
        purpose = _CHANNEL + sender.to_bytes(4) + receiver.to_bytes(4)
        return agreed(self._channel, self._keys[other].channel, purpose)


def pair_mask(private: bytes, public: bytes, count: int, bits: int) -> Ints:
    """The mask of a pair, by the private key of one and the public key of the other."""
    return mask(agreed(private, public, _PAIR), count, bits)

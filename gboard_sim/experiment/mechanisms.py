"""The mechanisms of `[privacy]` by name: where their noise is added, and which keys they have.

What a file may say, what composes with what, and which claim is made all go by this table; the code
of each mechanism stands in `gboard_sim.privacy.mechanisms`, under the same name.
"""

from dataclasses import dataclass
from typing import Literal

Place = Literal["nowhere", "phones", "server", "shares"]
"""Where the noise is added: by each phone to its update; by a trusted server to sums; by phones in
shares of the noise of a sum that alone may be seen."""

_ALWAYS = ("delta", "seed")
_OF_SUMS = ("clip", "epsilon", "noise_multiplier", "denominator", "noise_cohort", "adaptive_clip")
_OF_PHONES = ("epsilon", "clip", "max_uploads")


@dataclass(frozen=True, slots=True)
class Entry:
    """One mechanism.

    Attributes:
        place: Where its noise is added.
        needs: Keys that it cannot do without.
        takes: Keys that do something with it.
        pure: Whether its epsilon needs no delta.
        correlated: Whether the noise of one version hangs together with that of others.
        by_size: Whether its noise follows from the numbers in an update too.
    """

    place: Place
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    pure: bool = False
    correlated: bool = False
    by_size: bool = False


def _on_phones(*takes: str, pure: bool = False, by_size: bool = False) -> Entry:
    keys = (*_ALWAYS, *_OF_PHONES, *takes)
    return Entry("phones", _OF_PHONES, keys, pure=pure, by_size=by_size)


def _at_server(*takes: str, correlated: bool = True) -> Entry:
    return Entry("server", ("clip",), (*_ALWAYS, *_OF_SUMS, *takes), correlated=correlated)


def _in_shares() -> Entry:
    takes = (*_ALWAYS, "clip", "epsilon", "max_uploads", "colluders", "secure_aggregation")
    return Entry("shares", ("epsilon", "clip"), takes, by_size=True)


TABLE: dict[str, Entry] = {
    "none": Entry("nowhere", (), _ALWAYS),
    "local_gaussian": _on_phones(),
    "local_laplace": _on_phones("shuffled", pure=True),
    "priv_unit": _on_phones("shuffled", pure=True, by_size=True),
    "central_gaussian": _at_server("accountant", correlated=False),
    "tree": _at_server("restart_every"),
    "banded": _at_server("restart_every", "bands", "column_norm_squared"),
    "blt": _at_server("restart_every", "buffers"),
    "distributed_skellam": _in_shares(),
    "distributed_discrete_gaussian": _in_shares(),
}
"""Every mechanism, in the order in which they are listed."""


def at(place: Place) -> tuple[str, ...]:
    """The mechanisms whose noise is added there."""
    return tuple(name for name, entry in TABLE.items() if entry.place == place)

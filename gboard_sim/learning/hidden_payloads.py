"""Payloads behind masks, on their way from the phones to one sum."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from gboard_sim.seam.privacy_event import Unmasked
from gboard_sim.seam.privacy_protocols import MaskedSum, Masker, Masking
from gboard_sim.seam.protocols import Codec
from gboard_sim.seam.records import Cohort, Floats


class HiddenPayloads:
    """The payloads of a cohort, each read when it comes and kept in the sum alone.

    Args:
        cohort: The cohort.
        masking: What hides them.
        codec: What reads them.
        travelling: Numbers in each.
    """

    def __init__(self, cohort: Cohort, masking: Masking, codec: Codec, travelling: int) -> None:
        self._cohort = cohort
        self._masking = masking
        self._codec = codec
        self._travelling = travelling
        self._taken = 0
        self._refused: list[tuple[int, str]] = []

    @cached_property
    def _sum(self) -> MaskedSum:
        """Keys are agreed on when the first phone is to send: until then nothing is in memory."""
        return self._masking.begin(self._cohort.makes_version, self._cohort.selected)

    def phones(self, first: int, count: int) -> tuple[Masker, ...]:
        """Those of some uploads, by their places in the cohort from 0."""
        return tuple(self._sum.phone(place + 1) for place in range(first, first + count))

    def take(self, payloads: Sequence[bytes]) -> None:
        """Add the payloads that come next in the order of the cohort's uploads."""
        for payload in payloads:
            self._taken += 1
            try:
                numbers = self._codec.decode(payload)
                if len(numbers) != self._travelling:
                    raise ValueError(f"{len(numbers)} numbers; wanted: {self._travelling}")
            except ValueError as error:
                self._sum.refuse(self._taken, len(payload))
                self._refused.append((self._cohort.uploads[self._taken - 1].session, str(error)))
            else:
                self._sum.add(self._taken, numbers.astype(np.int64), len(payload))

    def unmasked(self) -> tuple[Floats, tuple[tuple[int, str], ...]]:
        """The sum, once, and sessions that are not in it, each with the reason.

        Where too few are in it nobody is: the sum is of nothing.
        """
        try:
            total = self._sum.unmask().astype(np.float64)
        except ValueError as error:
            known = dict(self._refused)
            left_out = {each.session: str(error) for each in self._cohort.uploads}
            return np.zeros(self._travelling), tuple((left_out | known).items())
        return total, tuple(self._refused)

    @property
    def record(self) -> Unmasked:
        """What it took."""
        return self._sum.record

"""How large payloads are and who sends one: what timing must know before anything is sent."""

import numpy as np

from gboard_sim.fleet.conditions import UPLOAD, Conditions
from gboard_sim.fleet.flight import Flight
from gboard_sim.fleet.phones import Phones
from gboard_sim.fleet.pricing import NextWindow, price
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.session import SessionDesk
from gboard_sim.seam.protocols import Codec, Learner, Triggered
from gboard_sim.seam.records import Attempt, Flags, Ints, Measure
from gboard_sim.seam.uploads import Sizes, StintRows

REPORT_BYTES = 96
"""What a phone sends of an evaluation: a dozen numbers, each of eight bytes (assumed)."""


class Payloads:
    """Sizes of payloads, and with a triggered schedule who stays silent.

    Args:
        codec: How large an update is.
        parameters: Numbers in an update.
        sizes: How large each attempt's is, where that follows from its text.
        trigger: Decides who sends, where a phone looks at its update first; None where all send.
        learner: Asked for what only training can tell.
        desk: What phones are asked.
        phones: What they are doing.
        conditions: What they meet.
        next_window: Where a session goes on that outlives its window; None ends it there.
    """

    def __init__(
        self,
        *,
        codec: Codec,
        parameters: int,
        sizes: Sizes | None,
        trigger: Triggered | None,
        learner: Learner,
        desk: SessionDesk,
        phones: Phones,
        conditions: Conditions,
        next_window: NextWindow | None,
    ) -> None:
        fixed = codec.size == "fixed" and sizes is None
        self._fixed_bytes = codec.payload_bytes(parameters) if fixed else None
        self._measured = codec.size != "fixed" and sizes is None
        self._sizes = sizes
        self._trigger = trigger if "send" in learner.answers else None
        self._learner = learner
        self._desk = desk
        self._phones = phones
        self._conditions = conditions
        self._next_window = next_window

    @property
    def known_beforehand(self) -> bool:
        """Whether every update is sent, and of one size, whatever a phone trained on."""
        return self._fixed_bytes is not None and self._trigger is None

    def known(self, held: Selection) -> Ints:
        """The size of each phone's payload, 0 where nobody knows it yet. Shape [n]."""
        size = self._fixed_bytes if held.task == "train" else REPORT_BYTES
        return np.full(held.held, size or 0, dtype=np.int64)

    def depend_on_phones(self, held: Selection) -> bool:
        """Whether sizes or senders follow from each phone's text or training."""
        return held.task == "train" and not self.known_beforehand

    def find(self, flight: Flight) -> None:
        """Enters the sizes of a flight, and who stays silent, of phones that get to their uploads.

        A phone that tries again what it sent before is not judged.
        """
        rows = np.arange(len(flight.open))
        priced = price(flight.opened.asked, self._conditions, self._next_window)
        stints = self._desk.stints(flight.opened.batch(priced, rows))
        reached = priced.reached[UPLOAD]
        judged = reached & ~self._phones.complete[flight.held.phone]
        if self._trigger is None:
            judged[:] = False
        if self._sizes is not None:
            sent = np.flatnonzero(reached)
            flight.payload_bytes[sent] = self._sizes(stints.take(sent))
        found = self._measures(flight, stints, reached if self._measured else judged)
        if self._measured:
            for row, measure in found.items():
                flight.payload_bytes[row] = _given(measure, "payload_bytes", "measured codec")
        if self._trigger is not None and judged.any():
            self._silence(flight, judged, found, self._trigger)

    def _measures(self, flight: Flight, stints: StintRows, asked: Flags) -> dict[int, Measure]:
        """What the learner finds of some attempts, by their row in the flight."""
        attempts = {
            row: Attempt(
                flight.first_session + row,
                int(flight.held.phone[row]),
                int(flight.nth[row]),
                stints.attempt(row),
            )
            for row in np.flatnonzero(asked).tolist()
        }
        self._learner.expect(list(attempts.values()))
        return {row: self._learner.measure(attempt) for row, attempt in attempts.items()}

    def _silence(
        self, flight: Flight, judged: Flags, found: dict[int, Measure], trigger: Triggered
    ) -> None:
        """Enters which of the judged phones do not send."""
        looked = np.array(
            [
                _given(found[row], trigger.looks_at, "triggered schedule")
                for row in np.flatnonzero(judged).tolist()
            ],
            dtype=np.float64,
        )
        windows = self._phones.kept[flight.held.phone[judged]].astype(np.int64) + 1
        sends = trigger.sends(flight.version, flight.opened.base[judged], windows, looked)
        flight.silent[judged] = ~sends
        flight.payload_bytes[flight.silent] = 0


def _given(measure: Measure, name: str, wanted_by: str) -> float:
    """What a measure says, which it must.

    Raises:
        TypeError: The learner did not measure it.
    """
    value = getattr(measure, name)
    if value is None:
        raise TypeError(f"learner.measure gave no {name} for a {wanted_by}")
    return float(value)

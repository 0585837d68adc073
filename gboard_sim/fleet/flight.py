"""Sessions that the server configured together, from their price to what came of them."""

from dataclasses import dataclass

import numpy as np

from gboard_sim.fleet.accounts import Accounts
from gboard_sim.fleet.admission import Admission
from gboard_sim.fleet.allowance import Allowance
from gboard_sim.fleet.phones import Phones
from gboard_sim.fleet.pricing import UPLOAD, shapes
from gboard_sim.fleet.rules import Weights
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.session import Batch, SessionDesk
from gboard_sim.protocols import Codec, Learner
from gboard_sim.records import Attempt, Flags, Floats, Ints
from gboard_sim.uploads import Dropouts, StintRows, Uploads

REPORT_BYTES = 96
"""What a phone sends of an evaluation: a dozen numbers, each of eight bytes (assumed)."""


@dataclass(frozen=True, slots=True)
class Flight:
    """Sessions of distinct phones, in phone order. Shape [n] each.

    Attributes:
        first_session: Number of the first phone's session; the rest follow.
        held: The phones as they were selected.
        version: The version that was handed out.
        batch: Their sessions.
        stints: What each trained for its upload, where it got that far.
        nth: Each phone's own count of payloads before.
        payload_bytes: Size of each payload.
        arrived_s: When each upload arrives, infinite where none does.
        used_in: The version that uses each upload, -1 as long as none does.
        open: Whose fate is not settled.
    """

    first_session: int
    held: Selection
    version: int
    batch: Batch
    stints: StintRows
    nth: Ints
    payload_bytes: Ints
    arrived_s: Floats
    used_in: Ints
    open: Flags

    def uploads(self, rows: Ints) -> Uploads:
        """Those of some phones, which arrived."""
        priced = self.batch.priced
        return Uploads(
            session=self.first_session + rows,
            phone=self.batch.phone[rows],
            nth=self.nth[rows],
            stints=self.stints.take(rows),
            payload_bytes=self.payload_bytes[rows],
            sent_s=priced.began_s[UPLOAD, rows],
            arrived_s=priced.ended_s[rows],
        )

    def dropouts(self) -> Dropouts:
        """The attempts that no version uses, in order of their ends."""
        priced = self.batch.priced
        rows = np.flatnonzero(self.used_in < 0)
        rows = rows[np.lexsort((self.batch.phone[rows], priced.ended_s[rows]))]
        return Dropouts(
            session=self.first_session + rows,
            phone=self.batch.phone[rows],
            stints=self.stints.take(rows),
            shape=shapes(priced, True, self.used_in >= 0)[rows],
            at_s=priced.ended_s[rows],
        )


class FlightDesk:
    """Configures the phones that the server holds, and settles what came of their sessions."""

    def __init__(
        self,
        *,
        phones: Phones,
        desk: SessionDesk,
        learner: Learner,
        codec: Codec,
        accounts: Accounts,
        admission: Admission,
        allowance: Allowance,
        parameters: int,
        keeps: bool,
        weights: Weights,
    ) -> None:
        self._phones = phones
        self._desk = desk
        self._learner = learner
        self._accounts = accounts
        self._admission = admission
        self._allowance = allowance
        self._keeps = keeps
        self._weights = weights
        self._fixed_bytes = codec.payload_bytes(parameters) if codec.size == "fixed" else None

    def configure(self, held: Selection, start_s: Floats, version: int) -> Flight:
        """Hands out the plan of a version.

        Args:
            held: The phones, in phone order, all still eligible.
            start_s: When each is configured. Shape [n].
            version: The version that is handed out.
        """
        n = held.held
        first_session = self._accounts.reserve(n)
        self._accounts.participated(held.checked_in_s)
        nth = self._admission.payloads[held.phone].astype(np.int64)
        trains = held.task == "train"
        fixed_bytes = self._fixed_bytes if trains else REPORT_BYTES
        payload = np.full(n, fixed_bytes or 0, dtype=np.int64)
        batch = self._open(held, start_s, version, payload)
        stints = self._desk.stints(batch)
        if fixed_bytes is None:
            payload = self._measure(batch, stints, nth, first_session)
            batch = self._open(held, start_s, version, payload)
        priced = batch.priced
        return Flight(
            first_session=first_session,
            held=held,
            version=version,
            batch=batch,
            stints=stints,
            nth=nth,
            payload_bytes=payload,
            arrived_s=np.where(priced.arrived, priced.ended_s, np.inf),
            used_in=np.full(n, -1, dtype=np.int64),
            open=np.ones(n, dtype=bool),
        )

    def use(self, flight: Flight, rows: Ints, version: int) -> None:
        """Decides that `version` uses the uploads of some phones."""
        flight.used_in[rows] = version
        if flight.batch.task == "train":
            self._admission.participations(flight.batch.phone[rows], version)

    def settle(self, flight: Flight, rows: Ints, at_s: float) -> None:
        """Settles what came of some sessions: cycles and accounts, and the phones are free.

        Args:
            flight: Sessions.
            rows: Those whose fate is decided.
            at_s: When that is so: no phone is free before it, nor before its session has ended.
        """
        batch = flight.batch.take(rows)
        priced, phone = batch.priced, batch.phone
        trains = batch.task == "train"
        if trains:
            used = flight.used_in[rows] >= 0
            self._desk.settle(batch, used, keeps=self._keeps, uploads=True)
        else:
            self._phones.sessions[phone] += 1
        moved = priced.download_bytes + priced.upload_bytes
        self._allowance.spend(phone, flight.held.checked_in_s[rows], moved, priced.energy_j[1])
        self._admission.sessions(phone, priced.ended_s, (priced.upload_bytes > 0) & trains)
        self._phones.release(phone, np.maximum(priced.ended_s, at_s))
        self._phones.retire(phone[self._admission.spent(phone)])
        flight.open[rows] = False
        if not flight.open.any():
            self._accounts.write(
                flight.first_session,
                self._desk.columns(
                    flight.batch,
                    began_s=flight.held.checked_in_s,
                    version=flight.held.version,
                    checked_in=True,
                    used_in=flight.used_in,
                ),
            )

    def weights(self, uploads: Uploads) -> Floats:
        """Each upload's weight: 1, or the messages or tokens that its stints went through."""
        stints = uploads.stints
        if self._weights == "uniform":
            return np.ones(len(uploads))
        if self._weights == "tokens":
            return stints.totals(stints.tokens).astype(np.float64)
        steps = np.array([(w.steps or 0) * w.batch_size for w in stints.works], dtype=np.int64)
        epochs = np.array([w.epochs or 0 for w in stints.works], dtype=np.int64)
        rows = stints.row_last - stints.row_first
        messages = steps[stints.work] + epochs[stints.work] * rows
        return stints.totals(messages).astype(np.float64)

    def _open(self, held: Selection, start_s: Floats, version: int, payload: Ints) -> Batch:
        return self._desk.open(
            held.phone,
            start_s=start_s,
            window_end_s=held.window_end_s,
            version=version,
            payload_bytes=payload,
            task=held.task,
        )

    def _measure(self, batch: Batch, stints: StintRows, nth: Ints, first_session: int) -> Ints:
        """The payload of every attempt that gets as far as its upload; 0 for the others."""
        sending = [
            Attempt(first_session + row, int(batch.phone[row]), int(nth[row]), stints.attempt(row))
            for row in np.flatnonzero(batch.priced.reached[UPLOAD]).tolist()
        ]
        self._learner.expect(sending)
        payload = np.zeros(len(nth), dtype=np.int64)
        for attempt in sending:
            size = self._learner.measure(attempt).payload_bytes
            if size is None:
                raise TypeError("learner.measure gave no payload_bytes for a codec that needs them")
            payload[attempt.session - first_session] = size
        return payload

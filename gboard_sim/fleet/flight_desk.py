"""Configures the phones that the server holds, and settles what came of their sessions."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import simpy

from gboard_sim.fleet.accounts import Accounts
from gboard_sim.fleet.admission import Admission
from gboard_sim.fleet.allowance import Allowance
from gboard_sim.fleet.conditions import UPLOAD, Conditions
from gboard_sim.fleet.flight import Flight
from gboard_sim.fleet.live_sessions import LiveSessions
from gboard_sim.fleet.opened import Batch, Opened
from gboard_sim.fleet.payloads import Payloads
from gboard_sim.fleet.phones import NONE, Phones
from gboard_sim.fleet.pricing import NextWindow, Priced, price, shapes
from gboard_sim.fleet.rules import Weights
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.session import SessionDesk
from gboard_sim.seam.records import Flags, Floats, Ints
from gboard_sim.seam.uploads import Dropouts, Uploads


class FlightDesk:
    """Everything that begins or ends a session.

    Args:
        env: Where sessions run that share links.
        phones: What they are doing.
        desk: What they are asked.
        conditions: What they meet.
        live: Runs sessions that share links; None works all out as arrays at their beginning.
        next_window: Where a session goes on that outlives its window; None ends it there.
        payloads: How large they are, and who sends one.
        accounts: Where sessions are logged.
        admission: Who may take part.
        allowance: What phones may spend.
        keeps: Whether a phone whose upload was not used keeps its training.
        weights: What an upload's weight is.
        configured: Told of phones that are configured, and when: to check that they may be.
        landed: Told of the phones of sessions that are over.

    Attributes:
        bases: How many sessions that are not settled work from each version.
    """

    def __init__(
        self,
        *,
        env: simpy.Environment,
        phones: Phones,
        desk: SessionDesk,
        conditions: Conditions,
        live: LiveSessions | None,
        next_window: NextWindow | None,
        payloads: Payloads,
        accounts: Accounts,
        admission: Admission,
        allowance: Allowance,
        keeps: bool,
        weights: Weights,
        configured: Callable[[Ints, Floats], None],
        landed: Callable[[Ints], None],
    ) -> None:
        self.bases: Counter[int] = Counter()
        self._env = env
        self._phones = phones
        self._desk = desk
        self._conditions = conditions
        self._live = live
        self._next_window = next_window
        self._payloads = payloads
        self._accounts = accounts
        self._admission = admission
        self._allowance = allowance
        self._keeps = keeps
        self._weights = weights
        self._configured = configured
        self._landed = landed

    @property
    def foresees(self) -> bool:
        """Whether what sessions come to is known when they begin."""
        return self._live is None and self._payloads.known_beforehand

    def foresee(self, held: Selection, version: int) -> Flight:
        """What sessions would come to that began with these check-ins; nothing begins.

        Args:
            held: Distinct phones, as they would be selected.
            version: The version that they would be handed.
        """
        payload = self._payloads.known(held)
        opened = self._ask(held, held.checked_in_s, version, payload)
        nothing = np.zeros(held.held, dtype=np.int64)
        flight = Flight(
            self._env,
            first_session=-1,
            held=held,
            version=version,
            opened=opened,
            payload_bytes=payload,
            nth=nothing,
        )
        flight.complete(price(opened.asked, self._conditions, self._next_window))
        return flight

    def configure(self, held: Selection, start_s: Floats, version: int) -> Flight:
        """Hands out the plan of a version.

        Args:
            held: The phones, in phone order or that of their starts, all still eligible.
            start_s: When each is configured. Shape [n].
            version: The version that is handed out.
        """
        self._configured(held.phone, start_s)
        self._accounts.participated(held.checked_in_s)
        payload = self._payloads.known(held)
        opened = self._ask(held, start_s, version, payload)
        flight = self._flight(held, version, opened, payload)
        if self._payloads.depend_on_phones(held):
            self._payloads.find(flight)
            sends = ~flight.silent
            flight.opened = self._ask(held, start_s, version, flight.payload_bytes, sends)
        if self._live is None:
            flight.complete(price(flight.opened.asked, self._conditions, self._next_window))
        else:
            self._live.launch(flight.opened.asked, flight.finish)
        return flight

    def stay_offline(self, phone: Ints, at_s: Floats, version: int) -> None:
        """Begins windows without a check-in: phones download if need be, train, send nothing.

        Args:
            phone: Distinct phones. Shape [n].
            at_s: When each begins. Shape [n].
            version: The version that phones without a cycle download.
        """
        held = Selection()
        held.accept(phone, at_s, self._phones.window_end_s[phone], version)
        opened = self._ask(held, at_s, version, None)
        flight = self._flight(held, version, opened, np.zeros(len(phone), dtype=np.int64))
        if self._live is None:
            flight.complete(price(opened.asked, self._conditions, self._next_window))
            self._come_home(flight, np.arange(len(phone)))
        else:
            self._phones.hold(phone)

            def home(row: int, priced: Priced) -> None:
                flight.finish(row, priced)
                self._come_home(flight, np.array([row]))

            self._live.launch(opened.asked, home)

    def use(self, flight: Flight, rows: Ints, version: int) -> None:
        """Decides that `version` uses the uploads of some phones."""
        flight.used_in[rows] = version
        if flight.opened.task == "train":
            self._admission.participations(flight.held.phone[rows], version)

    def settle(self, flight: Flight, rows: Ints, at_s: float) -> None:
        """Settles what came of some sessions: cycles and accounts, and the phones are free.

        Args:
            flight: Sessions.
            rows: Those whose fate is decided.
            at_s: When that is so: no phone is free before it, nor before its session has ended.
        """
        batch = flight.batch(rows)
        priced, phone = batch.priced, batch.phone
        trains = batch.task == "train"
        if trains:
            used = flight.used_in[rows] >= 0
            silent = flight.silent[rows]
            self._desk.settle(batch, used, keeps=self._keeps, uploads=True, silent=silent)
        else:
            self._phones.sessions[phone] += 1
        moved = priced.download_bytes + priced.upload_bytes
        self._allowance.spend(phone, flight.held.checked_in_s[rows], moved, priced.energy_j[1])
        self._admission.sessions(phone, priced.ended_s, (priced.upload_bytes > 0) & trains)
        self._phones.release(phone, np.maximum(priced.ended_s, at_s))
        self._phones.retire(phone[self._admission.done(phone)])
        self._land(flight, rows, batch, checked_in=True)

    def _come_home(self, flight: Flight, rows: Ints) -> None:
        """Settles windows without a check-in."""
        batch = flight.batch(rows)
        unused = np.zeros(len(rows), dtype=bool)
        self._desk.settle(batch, unused, keeps=True, uploads=False)
        moved = batch.priced.download_bytes + batch.priced.upload_bytes
        began_s, joules = flight.held.checked_in_s[rows], batch.priced.energy_j[1]
        self._allowance.spend(batch.phone, began_s, moved, joules)
        self._phones.release(batch.phone, batch.priced.ended_s)
        self._land(flight, rows, batch, checked_in=False)

    def left(self, gone: Selection, ended_s: Floats) -> None:
        """Logs phones that left before they were configured."""
        n = gone.held
        if not n:
            return
        base = self._phones.base[gone.phone].astype(np.int64)
        nothing, no_time = np.zeros(n, dtype=np.int64), np.zeros(n)
        seconds = ("download_s", "train_s", "upload_s", "paused_s")
        joules = ("download_j", "train_j", "upload_j", "energy_j", "energy_low_j", "energy_high_j")
        self._accounts.write(
            self._accounts.reserve(n),
            {
                "phone": gone.phone,
                "phone_class": self._conditions.population.phone_class[gone.phone],
                "task": np.full(n, gone.task),
                "shape": np.full(n, "-!"),
                "version": gone.version,
                "base": np.where(base == NONE, -1, base),
                "began_s": gone.checked_in_s,
                "ended_s": ended_s,
                "wait_s": ended_s - gone.checked_in_s,
                **dict.fromkeys((*seconds, *joules), no_time),
                **dict.fromkeys(("download_bytes", "upload_bytes", "tokens"), nothing),
                "left_phone": np.zeros(n, dtype=bool),
                "used_in": np.full(n, -1),
            },
        )

    def uploads(self, flight: Flight, rows: Ints) -> Uploads:
        """Those of some phones, which arrived and are not settled."""
        batch = flight.batch(rows)
        return Uploads(
            session=flight.first_session + rows,
            phone=batch.phone,
            nth=flight.nth[rows],
            stints=self._desk.stints(batch),
            payload_bytes=flight.payload_bytes[rows],
            sent_s=batch.priced.began_s[UPLOAD],
            arrived_s=batch.priced.ended_s,
        )

    def dropouts(self, flight: Flight, rows: Ints) -> Dropouts:
        """The attempts of some phones that no version uses, in order of their ends; not settled."""
        rows = rows[flight.used_in[rows] < 0]
        rows = rows[np.lexsort((flight.held.phone[rows], flight.ended_s[rows]))]
        if not len(rows):
            return Dropouts.none()
        batch = flight.batch(rows)
        return Dropouts(
            session=flight.first_session + rows,
            phone=batch.phone,
            stints=self._desk.stints(batch),
            shape=shapes(batch.priced, True, np.zeros(len(rows), dtype=bool)),
            at_s=batch.priced.ended_s,
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

    def _ask(
        self,
        held: Selection,
        start_s: Floats,
        version: int,
        payload_bytes: Ints | None,
        sends: Flags | None = None,
    ) -> Opened:
        return self._desk.ask(
            held.phone,
            start_s=start_s,
            window_end_s=held.window_end_s,
            version=version,
            payload_bytes=payload_bytes,
            task=held.task,
            sends=sends,
        )

    def _flight(self, held: Selection, version: int, opened: Opened, payload: Ints) -> Flight:
        self.bases.update(opened.base.tolist())
        return Flight(
            self._env,
            first_session=self._accounts.reserve(held.held),
            held=held,
            version=version,
            opened=opened,
            payload_bytes=payload,
            nth=self._admission.payloads[held.phone].astype(np.int64),
        )

    def _land(self, flight: Flight, rows: Ints, batch: Batch, *, checked_in: bool) -> None:
        """The last of some sessions; those of a flight are logged when all are settled."""
        flight.open[rows] = False
        got, version = batch.phone[batch.priced.downloaded], batch.base[batch.priced.downloaded]
        self._phones.holds[got] = np.maximum(self._phones.holds[got], version)
        self._landed(batch.phone)
        self.bases -= Counter(flight.opened.base[rows].tolist())
        whole = not flight.open.any()
        settled = len(flight.open) if whole else int(flight.open.argmax())
        if settled > flight.logged and (whole or flight.streams):
            rows = np.arange(flight.logged, settled)
            columns = self._desk.columns(
                flight.batch(rows),
                began_s=flight.held.checked_in_s[rows],
                version=flight.held.version[rows],
                checked_in=checked_in,
                used_in=flight.used_in[rows],
            )
            self._accounts.write(flight.first_session + flight.logged, columns)
            flight.logged = settled

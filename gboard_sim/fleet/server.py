"""The server in simulated time: selection, configuration, reporting, one simpy process each.

Selection of the next round runs beside the reporting of the current one. Whatever happens between
the server's own events is worked out as arrays up to the next of them (see `check_in`).
"""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import simpy

from gboard_sim.fleet.accounts import Accounts, Eligibility
from gboard_sim.fleet.check_in import CheckIns
from gboard_sim.fleet.phones import NONE, Phones
from gboard_sim.fleet.round import Round, RoundDesk
from gboard_sim.fleet.rules import RoundRules, StopRules
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.session import SessionDesk
from gboard_sim.fleet.windows import Calendar
from gboard_sim.fleet.work import Work
from gboard_sim.protocols import Learner
from gboard_sim.records import Cohort, Dropout, Floats, Ints, Outcome
from gboard_sim.units import BYTES_PER_MB, DAY_S

Steps = Generator[simpy.Event, Any, None]


class Server:
    """Runs rounds until something stops it.

    Attributes:
        version: Server steps so far.
        rounds: Closed cohorts.
        abandoned: Rounds that made no version.
        stop_reason: Why the run ended; None while it runs.
        ended_s: When it ended.
    """

    def __init__(
        self,
        *,
        env: simpy.Environment,
        phones: Phones,
        calendar: Calendar,
        eligibility: Eligibility,
        check_ins: CheckIns,
        sessions: SessionDesk,
        desk: RoundDesk,
        work: Work,
        learner: Learner,
        accounts: Accounts,
        rules: RoundRules,
        stop: StopRules,
        phone_class: Ints,
        max_uploads: int | None,
        lookahead: int,
        stretch_s: float,
        progress: Callable[[float, int], None],
    ) -> None:
        self.version = 0
        self.rounds = 0
        self.abandoned = 0
        self.stop_reason: str | None = None
        self.ended_s = 0.0
        self._env = env
        self._phones = phones
        self._calendar = calendar
        self._eligibility = eligibility
        self._check_ins = check_ins
        self._sessions = sessions
        self._desk = desk
        self._work = work
        self._learner = learner
        self._accounts = accounts
        self._rules = rules
        self._stop = stop
        self._class = phone_class
        self._max_uploads = max_uploads
        self._lookahead = lookahead
        self._stretch_s = stretch_s
        self._progress = progress
        self._end_s = stop.days * DAY_S
        # simpy's clock adds up delays and may be off in the last bit; this one is exact.
        self._clock_s = 0.0
        self._selection = Selection()
        self._closes_s = float("inf")
        self._closed: simpy.Event | None = None
        self._dropouts: list[Dropout] = []
        self._asked = 0

    def run(self) -> Steps:
        """Selection and configuration, round after round."""
        opens_s = self._clock_s
        while self.stop_reason is None:
            while self._clock_s < min(opens_s, self._end_s):
                yield from self._pass(min(opens_s, self._end_s), accepting=False)
            yield from self._select(opens_s)
            while self._closed is not None:
                yield from self._pass(self._end_s, accepting=False)
            if self.stop_reason is None:
                if self._clock_s >= self._end_s:
                    self.stop_reason, self.ended_s = "days", self._clock_s
                elif self._selection.held >= self._rules.minimum:
                    self._configure(self._selection.in_phone_order())
                    self._selection = Selection()
                    opens_s = self._clock_s + self._rules.interval_s
        self._log_departures(self._selection, np.full(self._selection.held, self.ended_s))
        self._accounts.flush()
        self._wait(self.version)

    def _select(self, opened_s: float) -> Steps:
        """Accepts check-ins until enough phones are held at once, or `minimum` at the time-out."""
        self._selection.target = self._rules.selected
        timeout_s = opened_s + self._rules.selection_timeout_s
        while self.stop_reason is None and self._clock_s < self._end_s:
            if self._clock_s >= timeout_s:
                self._selection.target, timeout_s = self._rules.minimum, float("inf")
            if self._selection.held >= self._selection.target:
                return
            yield from self._pass(min(timeout_s, self._end_s), accepting=True)

    def _pass(self, until_s: float, *, accepting: bool) -> Steps:
        """Lets time pass, up to `until_s`, a phone's leaving, a close, or a full selection."""
        while self._calendar.known_until_s < self._clock_s + DAY_S:
            self._eligibility.add(self._calendar.extend())
            self._calendar.forget(self._clock_s)
            self._phones.find_windows()
        selection = self._selection
        until_s = min(
            until_s, self._closes_s, self._calendar.known_until_s, selection.next_departure_s
        )
        busy_s = max(self._clock_s, self._check_ins.next_s()) + self._stretch_s
        if self._clock_s < until_s:
            self._clock_s = self._check_ins.advance(
                min(until_s, busy_s), self.version, selection if accepting else None
            )
        closing = self._closed
        if closing is not None and self._clock_s >= min(self._closes_s, self._end_s):
            self._clock_s = self._closes_s
        gone = selection.depart(self._clock_s)
        self._log_departures(gone, gone.window_end_s)
        if closing is not None and self._clock_s >= self._closes_s:
            yield closing
        else:
            yield self._env.timeout(max(self._clock_s - self._env.now, 0.0))

    def _configure(self, held: Selection) -> None:
        """Sends the plan to the phones held and starts the reporting of their round."""
        configured, batch, used = self._desk.configure(
            held, self._clock_s, self.version, self._accounts.sessions
        )
        self._accounts.participated(held.checked_in_s)
        self._accounts.write(
            self._sessions.columns(
                batch,
                began_s=held.checked_in_s,
                version=held.version,
                checked_in=True,
                used=used,
                used_in=self.version + 1,
            )
        )
        if self._max_uploads is not None:
            sent = self._phones.payloads[held.phone]
            self._phones.retire(held.phone[sent >= self._max_uploads])
        self._closes_s = configured.closes_s
        self._closed = self._env.event()
        self._env.process(self._report(configured))

    def _report(self, configured: Round) -> Steps:
        """Waits for the round to close, and makes its version."""
        yield self._env.timeout(max(configured.closes_s - self._env.now, 0.0))
        self._dropouts += configured.dropouts
        closed_s = configured.closes_s
        if configured.abandoned:
            self.abandoned += 1
        else:
            self._step(configured)
        if self.stop_reason is None:
            self.stop_reason = self._spent()
        if self.stop_reason is not None:
            self.ended_s = closed_s
        self._progress(closed_s, self.version)
        closed, self._closed, self._closes_s = self._closed, None, float("inf")
        if closed is not None:
            closed.succeed()

    def _step(self, configured: Round) -> None:
        """Hands the cohort over and waits where the timing of what follows depends on it."""
        self.version += 1
        self.rounds += 1
        oldest = min(self.version, int(self._phones.base.min(initial=NONE)))
        told = [d for d in self._dropouts if d.at_s <= configured.closes_s]
        self._dropouts = [d for d in self._dropouts if d.at_s > configured.closes_s]
        self._accounts.flush()
        self._learner.step(
            Cohort(
                task="train",
                makes_version=self.version,
                closed_s=configured.closes_s,
                uploads=configured.uploads,
                weights=configured.weights,
                oldest_version=oldest,
                dropouts=tuple(sorted(told, key=lambda d: (d.at_s, d.phone))),
            )
        )
        answers = self._learner.answers
        judged = "stop" in answers and self.version % self._stop.evaluate_every == 0
        if judged or answers & {"local", "utility"}:
            outcome = self._wait(self.version)
        else:
            outcome = None
            self._wait(self.version - self._lookahead)
        adapted = outcome is not None and "local" in answers
        self._work.begin(self.version, outcome.local if outcome and adapted else None)
        self._work.forget(oldest)
        if judged and outcome is not None and outcome.stop is not None:
            self.stop_reason = outcome.stop
        elif self.version == self._stop.versions:
            self.stop_reason = "versions"

    def _wait(self, version: int) -> Outcome | None:
        """Waits for every outcome up to a version, each asked for once and in order."""
        outcome = None
        while self._asked < version:
            self._asked += 1
            outcome = self._learner.outcome(self._asked)
        return outcome

    def _spent(self) -> str | None:
        """The first budget that is spent."""
        if not self._stop.budgets:
            return None
        accounts = self._accounts
        phones = len(accounts.upload_bytes)
        spent = {
            "uplink_mb_per_phone": accounts.upload_bytes.sum() / phones / BYTES_PER_MB,
            "downlink_mb_per_phone": accounts.download_bytes.sum() / phones / BYTES_PER_MB,
            "energy_j_per_phone": accounts.energy_j[1].sum() / phones,
        }
        for name, limit in self._stop.budgets.items():
            if spent[name] >= limit:
                return f"budget:{name}"
        return None

    def _log_departures(self, gone: Selection, ended_s: Floats) -> None:
        """Logs phones that left before they were configured."""
        n = len(gone.phone)
        if not n:
            return
        base = self._phones.base[gone.phone].astype(np.int64)
        nothing, no_time = np.zeros(n, dtype=np.int64), np.zeros(n)
        self._accounts.write(
            {
                "phone": gone.phone,
                "phone_class": self._class[gone.phone],
                "task": np.full(n, "train"),
                "shape": np.full(n, "-!"),
                "version": gone.version,
                "base": np.where(base == NONE, -1, base),
                "began_s": gone.checked_in_s,
                "ended_s": ended_s,
                "wait_s": ended_s - gone.checked_in_s,
                **dict.fromkeys(("download_s", "train_s", "upload_s"), no_time),
                **dict.fromkeys(("download_bytes", "upload_bytes", "tokens"), nothing),
                **dict.fromkeys(("energy_j", "energy_low_j", "energy_high_j"), no_time),
                "left_phone": np.zeros(n, dtype=bool),
                "used_in": np.full(n, -1),
            }
        )

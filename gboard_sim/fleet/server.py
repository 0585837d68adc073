"""The server's clock, its versions, and when it stops: what every protocol stands on.

Whatever happens between the server's own events is worked out as arrays up to the next of them (see
`check_in`). A protocol (`rounds`, `buffer`) is a simpy process that asks for check-ins; what it
configures reports from processes of its own, woken by exact alarms.
"""

from collections.abc import Callable, Mapping
from math import inf

import numpy as np
import simpy

from gboard_sim.fleet.accounts import Accounts, Eligibility
from gboard_sim.fleet.alarms import Alarms, Steps
from gboard_sim.fleet.check_in import CheckIns
from gboard_sim.fleet.continuous_sync import ContinuousSync
from gboard_sim.fleet.flight_desk import FlightDesk
from gboard_sim.fleet.phones import NONE, Phones
from gboard_sim.fleet.rules import StopRules
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.windows import Calendar
from gboard_sim.fleet.work import Work
from gboard_sim.seam.protocols import Learner
from gboard_sim.seam.records import Cohort, Outcome
from gboard_sim.seam.uploads import Dropouts, Uploads
from gboard_sim.units import BYTES_PER_MB, DAY_S


class Server:
    """One server's time.

    Attributes:
        version: Server steps so far.
        rounds: Closed cohorts.
        abandoned: Rounds that made no version.
        stop_reason: Why the run ended; None while it runs.
        ended_s: When it ended.
        clock_s: Now. simpy's clock adds up delays and may be off in the last bit; this is exact.
        held: Phones that the server holds for training.
    """

    def __init__(
        self,
        *,
        env: simpy.Environment,
        phones: Phones,
        calendar: Calendar,
        eligibility: Eligibility,
        check_ins: CheckIns,
        flights: FlightDesk,
        work: Work,
        learner: Learner,
        accounts: Accounts,
        stop: StopRules,
        sync: ContinuousSync | None,
        live: bool,
        lookahead: int,
        stretch_s: float,
        progress: Callable[[float, int], None],
        learned: Callable[[Mapping[int, float]], None],
    ) -> None:
        self.version = 0
        self.rounds = 0
        self.abandoned = 0
        self._trained_tokens = 0
        self.stop_reason: str | None = None
        self.ended_s = 0.0
        self.clock_s = 0.0
        self.held = Selection()
        self._env = env
        self._phones = phones
        self._calendar = calendar
        self._eligibility = eligibility
        self._check_ins = check_ins
        self._flights = flights
        self._work = work
        self._learner = learner
        self._accounts = accounts
        self._stop = stop
        self._sync = sync
        self._live = live
        self._lookahead = lookahead
        self._stretch_s = stretch_s
        self._progress = progress
        self._learned = learned
        self._end_s = stop.days * DAY_S
        self._beside: Selection | None = None
        self._beside_until_s = np.inf
        self._tend: Callable[[], None] = lambda: None
        self._alarms = Alarms(env)
        self._begun: set[simpy.Event] = set()
        self._asked = 0
        self._oldest = 0

    @property
    def runs(self) -> bool:
        """Whether phones are still selected."""
        return self.stop_reason is None and self.clock_s < self._end_s

    def begin(self, steps: Steps) -> None:
        """Starts a process, which the run waits for."""
        process = self._env.process(steps)
        self._begun.add(process)
        process.callbacks.append(self._begun.discard)

    def alarm(self, at_s: float) -> simpy.Event:
        """An event that comes at exactly this time, before anything that phones do then."""
        return self._alarms.at(at_s)

    def hold(self, selection: Selection, target: int) -> Selection:
        """Begins a selection: check-ins are accepted into it until `target` phones are held."""
        selection.target = target
        self.held = selection
        return selection

    def attend(self, tend: Callable[[], None]) -> None:
        """Has something looked after before time goes on, which may hold phones of its own."""
        self._tend = tend

    def hold_beside(self, selection: Selection | None, until_s: float = inf) -> None:
        """Begins a selection that takes check-ins before the protocol's own; None ends it.

        Args:
            selection: What phones are held in.
            until_s: A time at which it is looked after, if it is not full before.
        """
        self._beside, self._beside_until_s = selection, until_s

    def take(self, chosen: np.ndarray) -> Selection:
        """Takes the chosen phones out of the selection, in phone order; turns the others away."""
        taken = self.held.split(chosen)
        rest, self.held = self.held, Selection()
        if rest.held:
            self._phones.busy[rest.phone] = False
            at_s = np.full(rest.held, self.clock_s)
            self._check_ins.turn_away(rest.phone, at_s, calling=False)
        return taken.in_phone_order()

    def accept(self, until_s: float, then: Callable[[], None] = lambda: None) -> Steps:
        """Lets time pass while check-ins are accepted, and then something happen; see `wait`."""
        yield from self._pass(until_s, self.held, then)

    def wait(self, until_s: float) -> Steps:
        """Lets time pass, up to `until_s` or anything that a protocol may care for."""
        yield from self._pass(until_s, None)

    def run(self, protocol: Steps) -> None:
        """Runs a protocol to the end of the run, and what it began to its own end."""
        self._env.run(self._env.process(self._whole(protocol)))

    def _whole(self, protocol: Steps) -> Steps:
        self._look_ahead(self._check_ins.begin)
        yield from protocol
        for held in self._holding():
            self._flights.left(held, np.full(held.held, self.clock_s))
        if self.stop_reason is None:
            self.stop_reason, self.ended_s = "days", self.clock_s
        while self._begun or self._live:
            next_s = min(self._alarms.next_s, self._env.peek())
            if next_s == np.inf:
                break
            self.clock_s = max(self.clock_s, next_s)
            yield from self._alarms.ring(self.clock_s)
        self._accounts.flush()
        self._wait(self.version)

    def _look_ahead(self, first: Callable[[], None] = lambda: None) -> None:
        """Has the windows of at least a day ahead; `first` runs before phones are told of them."""
        while self._calendar.known_until_s < self.clock_s + DAY_S:
            self._eligibility.add(self._calendar.extend())
            self._calendar.forget(self.clock_s)
            # Until all of the first day is known, nobody is told of windows: `first` comes before.
            if self._calendar.known_until_s >= DAY_S:
                first()
                self._phones.find_windows()

    def _pass(
        self, until_s: float, selection: Selection | None, then: Callable[[], None] = lambda: None
    ) -> Steps:
        """One stretch of time without an event of the server's."""
        self._look_ahead()
        self._tend()
        alarm_s = min(self._alarms.next_s, self._env.peek() if self._live else np.inf)
        until_s = min(
            until_s,
            alarm_s,
            self._end_s,
            self._calendar.known_until_s,
            self._sync.next_s if self._sync else inf,
            self._beside_until_s,
            *(held.next_departure_s for held in self._holding()),
        )
        if self.clock_s < until_s:
            until_s = min(until_s, self.clock_s + self._stretch_s)
            open_ = [held for held in (self._beside, selection) if held is not None]
            self.clock_s = self._check_ins.advance(until_s, self.version, open_)
        elif self.clock_s >= self._end_s:
            self.clock_s = max(self.clock_s, alarm_s if alarm_s < np.inf else self.clock_s)
        then()
        if self._sync is not None and self.clock_s >= self._sync.next_s:
            self._sync.hour(self.version)
        for held in self._holding():
            gone = held.depart(self.clock_s)
            if gone.held:
                self._flights.left(gone, gone.window_end_s)
                self._phones.release(gone.phone, gone.window_end_s)
        yield from self._alarms.ring(self.clock_s)

    def _holding(self) -> list[Selection]:
        """Everything that phones are held in."""
        return [self.held] if self._beside is None else [self.held, self._beside]

    def step(
        self,
        uploads: Uploads,
        weights: tuple[float, ...],
        closed_s: float,
        dropouts: Dropouts,
        selected: int = 0,
    ) -> None:
        """Hands a cohort over and waits where the timing of what follows depends on it.

        Args:
            uploads: Those that are used.
            weights: One for each.
            closed_s: When the cohort closed.
            dropouts: Attempts that ended since the last one and are not used.
            selected: Phones that were configured together, if any were.
        """
        self.version += 1
        self.rounds += 1
        oldest = self._oldest = min(self.version, self._oldest_base())
        self._accounts.flush()
        self._trained_tokens += int(uploads.stints.tokens.sum())
        self._learner.step(
            Cohort(
                task="train",
                makes_version=self.version,
                closed_s=closed_s,
                uploads=uploads,
                weights=weights,
                oldest_version=oldest,
                dropouts=dropouts,
                selected=selected,
            )
        )
        answers = self._learner.answers
        judged = "stop" in answers and self.version % self._stop.evaluate_every == 0
        if judged or answers & {"local", "utility"}:
            outcome = self._wait(self.version)
        else:
            outcome = None
            self._wait(self.version - self._lookahead)
        if outcome is not None and outcome.utility is not None:
            self._learned(outcome.utility)
        adapted = outcome is not None and "local" in answers
        self._work.begin(self.version, outcome.local if outcome and adapted else None)
        self._work.forget(oldest)
        reason = None
        if judged and outcome is not None and outcome.stop is not None:
            reason = outcome.stop
        elif self.version == self._stop.versions:
            reason = self._stop.versions_reason
        self._closed(closed_s, reason)

    def _oldest_base(self) -> int:
        """The oldest version that a phone works from, or has kept training from."""
        base = int(self._phones.base.min(initial=NONE))
        return min(base, self._phones.unsent.oldest(), *self._flights.bases, NONE)

    def judge(self, reports: Uploads, version: int, closed_s: float) -> None:
        """Hands over the reports of phones that scored a version."""
        self._learner.step(
            Cohort(
                task="evaluate",
                makes_version=version,
                closed_s=closed_s,
                uploads=reports,
                weights=(1.0,) * len(reports),
                # Uploads that wait in a buffer are no phone's any more: what was said last holds.
                oldest_version=self._oldest,
            )
        )

    def abandon(self, closed_s: float) -> None:
        """Takes note of a round that made no version."""
        self.abandoned += 1
        self._closed(closed_s, None)

    def _closed(self, closed_s: float, reason: str | None) -> None:
        """The end of the run, where there is a reason for it."""
        if self.stop_reason is None:
            self.stop_reason = reason or self._spent()
            if self.stop_reason is not None:
                self.ended_s = closed_s
        self._progress(closed_s, self.version)

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
        accounts, sync = self._accounts, self._sync
        phones = len(accounts.upload_bytes)
        installs = (sync.download_bytes.sum(), sync.energy_j[1].sum()) if sync else (0, 0.0)
        downloaded = accounts.download_bytes.sum() + installs[0]
        spent = {
            "uplink_mb_per_phone": accounts.upload_bytes.sum() / phones / BYTES_PER_MB,
            "downlink_mb_per_phone": downloaded / phones / BYTES_PER_MB,
            "energy_j_per_phone": (accounts.energy_j[1].sum() + installs[1]) / phones,
            "trained_tokens": self._trained_tokens,
        }
        for name, limit in self._stop.budgets.items():
            if spent[name] >= limit:
                return f"budget:{name}"
        return None

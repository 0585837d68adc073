"""What idle phones do, in bulk and in order of time: check-ins, rejections, offline windows."""

from collections.abc import Sequence

import numpy as np

from gboard_sim.fleet.accounts import Accounts
from gboard_sim.fleet.admission import Admission
from gboard_sim.fleet.flight_desk import FlightDesk
from gboard_sim.fleet.pacing import Pacing
from gboard_sim.fleet.phones import NONE, Phones
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.work import Work
from gboard_sim.seam.protocols import Schedule
from gboard_sim.seam.records import Flags, Floats, Ints

_NOBODY = -1
_MOST_ACTS = 4096  # acts worth sorting when a selection may need only the first few (assumed)


class _Callers:
    """Phones that act, in order of time, and which selection takes each.

    Attributes:
        taker: The place of the selection that takes each, or `_NOBODY`. Shape [n].
        room: Whether a phone was wanted for training when each called. Shape [n].
        count: How many of them act before something must be looked after.
        until_s: When that is.
    """

    def __init__(self, phone: Ints, at_s: Floats, calls: Flags, offline: Flags) -> None:
        self.taker: Ints = np.full(len(phone), _NOBODY)
        self.room: Flags = np.zeros(len(phone), dtype=bool)
        self.count = len(phone)
        self.until_s = np.inf
        self._phone = phone
        self._at_s = at_s
        self._calls = calls
        self._offline = offline

    @property
    def free(self) -> Ints:
        """Those that call and that nothing takes. Shape [m]."""
        return np.flatnonzero(self._calls & (self.taker == _NOBODY))

    def give_target(self, place: int, selection: Selection, rows: Ints, wanted: Flags) -> None:
        """Gives phones to a selection up to its target, with which time stops."""
        self.room |= selection.task == "train"
        self.taker[rows[wanted]] = place
        missing = selection.target - selection.held
        if wanted.sum() >= missing:
            last = int(rows[wanted][missing - 1])
            self._stop(last + 1, float(self._at_s[last]))

    def give_seats(
        self, place: int, selection: Selection, rows: Ints, wanted: Flags, window_end_s: Floats
    ) -> None:
        """Gives phones to a selection that has places."""
        assert selection.seats is not None
        calling = Selection()
        calling.accept(self._phone[rows], self._at_s[rows], window_end_s, 0)
        seats = selection.seats(calling, wanted)
        self.room[rows] = seats.free
        self.taker[rows[wanted & seats.free]] = place
        self._stop(int(np.searchsorted(self._at_s, seats.until_s)), seats.until_s)
        # Sessions are numbered by their beginnings, those of phones taken when time stops.
        later = self._offline & (np.cumsum(self.taker == place) > 0)
        self.stop_before(rows[seats.known :])
        self.stop_before(np.flatnonzero(later))

    def stop_before(self, rows: Ints) -> None:
        """Leaves the first of some rows, if there is one, and all after it for later."""
        if len(rows):
            self._stop(int(rows[0]), float(self._at_s[rows[0]]))

    def _stop(self, count: int, until_s: float) -> None:
        self.count, self.until_s = min(self.count, count), min(self.until_s, until_s)


class CheckIns:
    """The fleet between the server's events: every act of a phone that is not selected.

    A stretch of time is worked through as arrays. No phone acts twice in one stretch, so that order
    within it is plain order of time; ties are broken by the phone's number. Results therefore do
    not depend on how long stretches are.
    """

    def __init__(
        self,
        *,
        phones: Phones,
        desk: FlightDesk,
        work: Work,
        schedule: Schedule,
        accounts: Accounts,
        admission: Admission,
        pacing: Pacing,
    ) -> None:
        self._phones = phones
        self._desk = desk
        self._work = work
        self._schedule = schedule
        self._accounts = accounts
        self._admission = admission
        self._pacing = pacing
        self._least = admission.rules.min_examples

    def begin(self) -> None:
        """Spreads the first calls of a fleet that is steered, as if the run had gone on before."""
        phones = self._phones
        if self._pacing.outlasts_windows:
            phones.call_s[:] = self._pacing.first_s(np.arange(len(phones.checkins)))

    def advance(self, until_s: float, version: int, selections: Sequence[Selection]) -> float:
        """Works through the acts of phones before `until_s`, or fewer.

        Args:
            until_s: Acts at or after this time are left for later.
            version: The server's version, which must hold until then.
            selections: Where check-ins are accepted, each in the first that wants it; with fewer
                phones than their targets and none that leaves before `until_s`. Without any all
                check-ins are turned away.

        Returns:
            The time up to which everything is done; when a selection has become full, the time of
            the check-in that filled it.
        """
        phones = self._phones
        due, until_s = self._due(until_s, accepting=any(s.seats is None for s in selections))
        if not len(due):
            return until_s
        due = due[np.argsort(phones.agenda.at_s[due], kind="stable")]
        at_s, fresh = phones.agenda.at_s[due], phones.fresh[due]
        able = ~fresh
        able[fresh] = self._work.has_text(due[fresh], at_s[fresh], self._least)
        lapsed = fresh & phones.retrying[due] & self._lapsed(due, version)
        complete = phones.complete[due] & ~lapsed
        able |= complete
        kept = np.where(lapsed, 0, phones.kept[due] + phones.rested[due]).astype(np.int64)
        calls = ~fresh | (able & (complete | self._schedule.uploads(kept)))
        offline = ~calls & able & (not self._schedule.rests)
        callers = _Callers(due, at_s, calls, offline)
        if any(selection.seats is not None for selection in selections):
            # Sessions are foreseen of phones as they are: who starts over does so before.
            changes = np.flatnonzero(lapsed & (phones.base[due] != NONE))
            self._start_over(due[changes[changes == 0]])
            lapsed[changes[changes == 0]] = False
            callers.stop_before(changes[changes > 0])
        for place, selection in enumerate(selections):
            rows = callers.free
            wanted = self._wanted(due[rows], at_s[rows], version, selection)
            if selection.seats is None:
                callers.give_target(place, selection, rows, wanted)
            elif len(rows):
                ends_s = phones.window_end_s[due[rows]]
                callers.give_seats(place, selection, rows, wanted, ends_s)
        cut = slice(callers.count)
        until_s = min(until_s, callers.until_s)
        due, at_s, lapsed, able = due[cut], at_s[cut], lapsed[cut], able[cut]
        calls, offline = calls[cut], offline[cut]
        taker, room = callers.taker[cut], callers.room[cut]

        self._start_over(due[lapsed])
        if self._schedule.rests:
            phones.rested[due[~calls & able]] += 1
        if offline.any():
            self._desk.stay_offline(due[offline], at_s[offline], version)
        phones.leave_window(due[~calls & ~offline])
        self._accounts.checkins += int(calls.sum())
        phones.checkins[due[calls]] += 1
        unwanted = calls & (taker == _NOBODY)
        tries = calls.copy()
        for place, selection in enumerate(selections):
            if selection.task == "evaluate":
                # Judging is no upload window: the phone goes on with its cycle after.
                tries[taker == place] = False
        phones.retrying[due[tries]] = True
        for calling in (False, True):
            away = unwanted & (room == calling)
            self.turn_away(due[away], at_s[away], calling=calling)
        for place, selection in enumerate(selections):
            rows = np.flatnonzero(taker == place)
            if len(rows):
                self._hold(due[rows], at_s[rows], version, selection)
        return until_s

    def _wanted(self, phone: Ints, at_s: Floats, version: int, selection: Selection) -> Flags:
        """Whether a selection takes phones that call, if it has room. Shape [n]."""
        wanted = self._admission.allowed(phone, at_s, version, selection.task)
        if selection.task == "evaluate":
            wanted &= self._work.judged(phone)[2] > 0
        if selection.drawn is not None:
            wanted &= selection.drawn(phone)
        return wanted

    def _hold(self, phone: Ints, at_s: Floats, version: int, selection: Selection) -> None:
        """Takes phones into a selection. Shape [n] each."""
        phones = self._phones
        if self._pacing.outlasts_windows:
            phones.call_s[phone] = self._pacing.back_s(phone, phones.checkins[phone], at_s)
        selection.accept(phone, at_s, phones.window_end_s[phone], version)
        phones.hold(phone)

    def turn_away(self, phone: Ints, at_s: Floats, *, calling: bool) -> None:
        """Phones return after a time of their own while their window lasts.

        Args:
            phone: Distinct phones. Shape [n].
            at_s: When each is turned away. Shape [n].
            calling: Whether phones were wanted for training, so that a bound kept these away.
        """
        if not len(phone):
            return
        phones = self._phones
        self._accounts.rejected += len(phone)
        back_s = self._pacing.back_s(phone, phones.checkins[phone], at_s)
        if calling:
            self._admission.turned_away += len(phone)
            back_s = np.maximum(back_s, self._admission.not_before_s(phone, at_s))
        if self._pacing.outlasts_windows:
            phones.call_s[phone] = back_s
        phones.come_back(phone, back_s)

    def _due(self, until_s: float, *, accepting: bool) -> tuple[Ints, float]:
        """Phones that act before `until_s`, and how far one may go with no phone acting twice.

        While check-ins are accepted, the leaving of a phone that is held counts as an act.
        """
        phones = self._phones
        due = phones.agenda.due(until_s)
        if len(due) == 0:
            return due, until_s
        act_s = phones.agenda.at_s[due]
        earliest_s = float(act_s.min())
        then_s = phones.then_start_s[due]
        if accepting:
            then_s = np.minimum(then_s, phones.window_end_s[due])
        again_s = min(float(then_s.min()), earliest_s + self._pacing.shortest_s)
        if len(due) > _MOST_ACTS:
            again_s = min(again_s, float(np.partition(act_s, _MOST_ACTS)[_MOST_ACTS]))
        if earliest_s < again_s < until_s:
            return due[act_s < again_s], again_s
        return due, until_s

    def _lapsed(self, phone: Ints, version: int) -> Flags:
        """Whether a phone starts over whose upload window went by without success."""
        if not self._schedule.keeps_unsent:
            return np.ones(len(phone), dtype=bool)
        if self._schedule.max_age is None:
            return np.zeros(len(phone), dtype=bool)
        base = self._phones.base[phone].astype(np.int64)
        old: Flags = (base != NONE) & (version - base > self._schedule.max_age)
        return old

    def _start_over(self, phone: Ints) -> None:
        if self._schedule.keeps_unsent:
            self._accounts.cycles_abandoned += len(phone)
        self._phones.reset(phone)

"""What phones are doing, as columns: the window they are in, the next one, and their cycle."""

from collections.abc import Callable

import numpy as np

from gboard_sim import seeds
from gboard_sim.fleet.agenda import Agenda
from gboard_sim.fleet.stints import StintLog
from gboard_sim.fleet.windows import Calendar
from gboard_sim.seam.records import Floats, Ints

NONE = np.iinfo(np.int32).max
"""The base version of a phone without a cycle: above all others, so that a minimum skips it."""

Redraw = Callable[[Ints, Ints, Floats, Floats], Floats]
"""Phones, how often each drew again, the time it missed and the next at which it is eligible, to
another time to call."""


class Phones:
    """One row per phone; every array has shape [phones].

    A window that goes on for longer than `again_s` counts as another one every so often: who is
    always eligible lives through one window after another as others do.

    Attributes:
        agenda: When the phone next does something: a window's start, or a return after a rejection.
            Never when no window is known, while the server holds it, and for phones at their cap.
        window_end_s: End of the window in which it acts.
        then_start_s: Start of the window after that, before `window_end_s` where the same one goes
            on and counts as another; infinite when it is not known.
        then_end_s: Its end.
        call_s: Before this time it does nothing, where the server steers: it was told so.
        redrawn: How often it has drawn that time again, not being eligible.
        fresh: Whether the next act is a window's start.
        busy: Whether the server holds it, or a session of it is not settled.
        base: Version that its cycle started from, or `NONE`.
        kept: Stints of the cycle.
        rested: Windows of the cycle that went by without training, where the schedule has such.
        complete: Whether the cycle needs no more training, only an upload.
        retrying: Whether an upload window of the cycle has gone by without an accepted upload.
        holds: Version that it downloaded last, -1 where it has none.
        capped: Whether it has sent all the payloads that it may.
        checkins: Check-ins so far.
        sessions: Sessions begun so far, windows without a check-in included.
        stints: Stints trained so far.
        unsent: The stints kept.
    """

    def __init__(
        self,
        phones: int,
        calendar: Calendar,
        seed: int,
        spread_s: float,
        again_s: float = np.inf,
        redraw: Redraw | None = None,
    ) -> None:
        self.agenda = Agenda(phones)
        self.window_end_s = np.zeros(phones)
        self.then_start_s = np.full(phones, np.inf)
        self.then_end_s = np.full(phones, np.inf)
        self.call_s = np.zeros(phones)
        self.redrawn = np.zeros(phones, dtype=np.int64)
        self.fresh = np.ones(phones, dtype=bool)
        self.busy = np.zeros(phones, dtype=bool)
        self.base = np.full(phones, NONE, dtype=np.int32)
        self.kept = np.zeros(phones, dtype=np.int32)
        self.rested = np.zeros(phones, dtype=np.int32)
        self.complete = np.zeros(phones, dtype=bool)
        self.retrying = np.zeros(phones, dtype=bool)
        self.holds = np.full(phones, -1, dtype=np.int32)
        self.capped = np.zeros(phones, dtype=bool)
        self.checkins = np.zeros(phones, dtype=np.int32)
        self.sessions = np.zeros(phones, dtype=np.int32)
        self.stints = np.zeros(phones, dtype=np.int32)
        self.unsent = StintLog(phones)
        self._calendar = calendar
        self._seed = seed
        self._spread_s = spread_s
        self._again_s = again_s
        self._redraw = redraw

    def find_windows(self) -> None:
        """Looks up windows for phones that ran out of known ones, after the calendar grew."""
        lacking = np.flatnonzero(np.isinf(self.then_start_s) & ~self.capped)
        start_s, end_s = self._calendar.next_available(lacking, self.window_end_s[lacking])
        self.then_start_s[lacking], self.then_end_s[lacking] = start_s, end_s
        waiting = np.isinf(self.agenda.at_s[lacking]) & ~self.busy[lacking]
        self.leave_window(lacking[waiting & np.isfinite(start_s)])

    def leave_window(self, phone: Ints) -> None:
        """Moves distinct phones on to their next window. Shape [n].

        A window that is already open when the run starts is entered after a random wait, as by a
        phone that was turned away: the run did not start with every phone calling at once.
        """
        if not len(phone):
            return
        if self._redraw is not None:
            self._call_when_eligible(phone, self._redraw)
        start_s, end_s = self.then_start_s[phone], self.then_end_s[phone]
        start_s = np.maximum(start_s, self.call_s[phone])
        known = np.isfinite(start_s)
        self.agenda.set(phone, start_s)
        self.fresh[phone] = True
        phone, start_s, end_s = phone[known], start_s[known], end_s[known]
        self._enter(phone, start_s, end_s)
        begun = start_s <= 0.0
        if begun.any():
            early, end_s = phone[begun], end_s[begun]
            at_s = self._spread_s * seeds.uniforms(self._seed, "first check-in", early)
            self.agenda.set(early, at_s)
            self._enter(early, at_s, end_s)
            self.leave_window(early[at_s >= end_s])

    def _enter(self, phone: Ints, at_s: Floats, end_s: Floats) -> None:
        """Notes the ends of windows that phones enter, and what comes after. Shape [n] each."""
        self.window_end_s[phone] = end_s
        self.then_start_s[phone], self.then_end_s[phone] = at_s + self._again_s, end_s
        over = self.then_start_s[phone] >= end_s
        self._skip(phone[over], end_s[over])

    def _call_when_eligible(self, phone: Ints, redraw: Redraw) -> None:
        """Draws the times of calls again until each falls into a window, or beyond those known."""
        while len(phone):
            early = phone[self.then_end_s[phone] <= self.call_s[phone]]
            self._skip(early, self.call_s[early])
            opens_s, call_s = self.then_start_s[phone], self.call_s[phone]
            missed = np.isfinite(opens_s) & (call_s < opens_s)
            phone, opens_s, call_s = phone[missed], opens_s[missed], call_s[missed]
            self.call_s[phone] = redraw(phone, self.redrawn[phone], call_s, opens_s)
            self.redrawn[phone] += 1

    def come_back(self, phone: Ints, back_s: Floats) -> None:
        """Phones that were turned away call again in the same window, or enter their next.

        Args:
            phone: Distinct phones. Shape [n].
            back_s: When each may call again. Shape [n].
        """
        goes_on = self.then_start_s[phone] < self.window_end_s[phone]
        stays = back_s < np.where(goes_on, self.then_start_s[phone], self.window_end_s[phone])
        self.agenda.set(phone[stays], back_s[stays])
        self.fresh[phone[stays]] = False
        self.leave_window(phone[~stays & ~goes_on])
        later = ~stays & goes_on
        self.release(phone[later], back_s[later])

    def hold(self, phone: Ints) -> None:
        """The server holds phones, until `release`: they do nothing of their own. Shape [n]."""
        self.busy[phone] = True
        self.agenda.set(phone, np.inf)

    def release(self, phone: Ints, at_s: Floats) -> None:
        """Lets phones go on to the first window after theirs that has not ended at a time.

        Args:
            phone: Distinct phones. Shape [n].
            at_s: From when each is free. Shape [n].
        """
        if not len(phone):
            return
        self.busy[phone] = False
        over = self.then_end_s[phone] <= at_s
        self._skip(phone[over], at_s[over])
        self.window_end_s[phone] = np.maximum(self.window_end_s[phone], at_s)
        self.then_start_s[phone] = np.maximum(self.then_start_s[phone], at_s)
        self.leave_window(phone)

    def _skip(self, phone: Ints, at_s: Floats) -> None:
        """Takes the first window that ends after a time for a phone's next one. Shape [n]."""
        if not len(phone):
            return
        # `find_windows` looks after this time for a window that is not known yet.
        self.window_end_s[phone] = np.maximum(self.window_end_s[phone], at_s)
        self.then_start_s[phone], self.then_end_s[phone] = self._calendar.next_available(
            phone, at_s
        )

    def retire(self, phone: Ints) -> None:
        """Phones at their cap: they never come back, and keep nothing."""
        self.reset(phone)
        self.capped[phone] = True
        self.agenda.set(phone, np.inf)
        self.then_start_s[phone] = np.inf

    def reset(self, phone: Ints) -> None:
        """Ends the cycles of phones: what they kept is gone."""
        self.base[phone] = NONE
        self.kept[phone] = 0
        self.rested[phone] = 0
        self.complete[phone] = False
        self.retrying[phone] = False
        self.unsent.drop(phone)

    def keep(
        self,
        phone: Ints,
        *,
        base: Ints,
        first: Ints,
        last: Ints,
        tokens: Ints,
        began_s: Floats,
        ended_s: Floats,
    ) -> None:
        """Keeps one finished stint of each of some distinct phones. All of shape [n]."""
        self.unsent.append(
            phone,
            nth=self.stints[phone].astype(np.int64),
            version=base,
            first=first,
            last=last,
            tokens=tokens,
            began_s=began_s,
            ended_s=ended_s,
        )
        self.kept[phone] += 1

"""What idle phones do, in bulk and in order of time: check-ins, rejections, offline windows."""

import numpy as np

from gboard_sim import seeds
from gboard_sim.fleet.accounts import Accounts
from gboard_sim.fleet.phones import NONE, Phones
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.session import SessionDesk
from gboard_sim.fleet.work import Work
from gboard_sim.protocols import Schedule
from gboard_sim.records import Flags, Floats, Ints

_MOST_ACTS = 4096  # acts worth sorting when a selection may need only the first few (assumed)


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
        desk: SessionDesk,
        work: Work,
        schedule: Schedule,
        accounts: Accounts,
        retry_s: tuple[float, float],
        seed: int,
    ) -> None:
        self._phones = phones
        self._desk = desk
        self._work = work
        self._schedule = schedule
        self._accounts = accounts
        self._retry_s = retry_s
        self._seed = seed

    def next_s(self) -> float:
        """When the next phone acts."""
        return float(self._phones.act_s.min())

    def advance(self, until_s: float, version: int, selection: Selection | None) -> float:
        """Works through the acts of phones before `until_s`, or fewer.

        Args:
            until_s: Acts at or after this time are left for later.
            version: The server's version, which must hold until then.
            selection: Where check-ins are accepted, with fewer phones than its target and none
                that leaves before `until_s`; None turns all check-ins away.

        Returns:
            The time up to which everything is done; when the selection has become full, the time of
            the check-in that filled it.
        """
        phones = self._phones
        due, until_s = self._due(until_s, accepting=selection is not None)
        able = ~phones.fresh[due]
        able[~able] = self._work.has_text(due[~able], phones.act_s[due[~able]])
        order = np.argsort(phones.act_s[due], kind="stable")
        due, able = due[order], able[order]
        at_s, fresh = phones.act_s[due], phones.fresh[due]
        lapsed = fresh & phones.retrying[due] & self._lapsed(due, version)
        complete = phones.complete[due] & ~lapsed
        able |= complete
        kept = np.where(lapsed, 0, phones.kept[due]).astype(np.int64)
        calls = ~fresh | (able & (complete | self._schedule.uploads(kept)))

        if selection is not None:
            rows = np.flatnonzero(calls)
            wanted = selection.target - selection.held
            if len(rows) >= wanted:
                last = rows[wanted - 1]
                until_s = float(at_s[last])
                cut = slice(last + 1)
                due, at_s, fresh, lapsed = due[cut], at_s[cut], fresh[cut], lapsed[cut]
                able, calls = able[cut], calls[cut]

        self._start_over(due[lapsed])
        offline = ~calls & able
        self._stay_offline(due[offline], at_s[offline], version)
        self._accounts.checkins += int(calls.sum())
        callers, called_s = due[calls], at_s[calls]
        phones.checkins[callers] += 1
        phones.retrying[callers] = True
        if selection is None:
            self._turn_away(callers, called_s)
            phones.leave_window(due[~calls])
        else:
            selection.accept(
                callers,
                called_s,
                phones.window_end_s[callers],
                np.full(len(callers), version),
            )
            phones.leave_window(due)
        return until_s

    def _due(self, until_s: float, *, accepting: bool) -> tuple[Ints, float]:
        """Phones that act before `until_s`, and how far one may go with no phone acting twice.

        While check-ins are accepted, the leaving of a phone that is held counts as an act.
        """
        phones = self._phones
        due = np.flatnonzero(phones.act_s < until_s)
        if len(due) == 0:
            return due, until_s
        act_s = phones.act_s[due]
        earliest_s = float(act_s.min())
        then_s = phones.window_end_s if accepting else phones.then_start_s
        again_s = min(float(then_s[due].min()), earliest_s + self._retry_s[0])
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

    def _stay_offline(self, phone: Ints, at_s: Floats, version: int) -> None:
        """Windows without a check-in: download where there is no cycle, train, send nothing."""
        if not len(phone):
            return
        window_end_s = self._phones.window_end_s[phone]
        batch = self._desk.open(
            phone, start_s=at_s, window_end_s=window_end_s, version=version, payload_bytes=None
        )
        unused = np.zeros(len(phone), dtype=bool)
        self._desk.settle(batch, unused, keeps=True, uploads=False)
        self._accounts.write(
            self._desk.columns(
                batch,
                began_s=at_s,
                version=np.full(len(phone), version),
                checked_in=False,
                used=unused,
                used_in=-1,
            )
        )

    def _turn_away(self, phone: Ints, at_s: Floats) -> None:
        """Phones return after a time of their own while their window lasts."""
        phones = self._phones
        self._accounts.rejected += len(phone)
        shortest_s, longest_s = self._retry_s
        wait = seeds.uniforms(self._seed, "retry", phone, phones.checkins[phone])
        back_s = at_s + shortest_s + (longest_s - shortest_s) * wait
        stays = back_s < phones.window_end_s[phone]
        phones.act_s[phone[stays]] = back_s[stays]
        phones.fresh[phone[stays]] = False
        phones.leave_window(phone[~stays])

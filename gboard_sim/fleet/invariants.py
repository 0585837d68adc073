"""What must hold of every run, checked on the session log while it is written and at its end."""

import numpy as np
import numpy.typing as npt

from gboard_sim.errors import InvariantError
from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.seam.records import Flags, Floats, Ints, Sessions
from gboard_sim.units import HOUR_S

_TIME_TOLERANCE_S = 1e-6  # a session's phases are added up in floating point
_NEVER = -(1 << 62)


class Invariants:
    """Watches blocks of sessions, in the order in which they are logged.

    Args:
        phones: How many phones.
        goal: Uploads that make a version.
        rules: The bounds that selection enforced.
        exact: Whether every version uses exactly `goal` uploads, as a buffer's does.
        empty: Whether a version may use no upload at all.
    """

    def __init__(
        self,
        phones: int,
        goal: int,
        rules: AdmissionRules,
        exact: bool = False,
        empty: bool = False,
    ) -> None:
        self._empty = empty
        self._goal = goal
        self._rules = rules
        self._exact = exact
        self._sessions = 0
        self._free_s = np.full(phones, -np.inf)
        self._server_free_s = np.full(phones, -np.inf)
        self._last_version = np.full(phones, _NEVER, dtype=np.int64)
        self._used = np.zeros(phones, dtype=np.int64)
        self._payloads = np.zeros(phones, dtype=np.int64)
        self._download_bytes = np.zeros(phones, dtype=np.int64)
        self._upload_bytes = np.zeros(phones, dtype=np.int64)
        self._cohorts: dict[int, int] = {}

    def see(self, block: Sessions) -> None:
        """Checks a block against itself and against all before it.

        Raises:
            InvariantError: Names the promise and the first session that broke it.
        """
        n = len(block.session)
        fine = block.session == np.arange(self._sessions, self._sessions + n)
        self._sessions += n
        self._hold(fine, block, "sessions are numbered in the order of logging")
        self._hold(block.began_s <= block.ended_s, block, "no session ends before it begins")
        spent_s = block.wait_s + block.download_s + block.train_s + block.upload_s + block.paused_s
        apart_s = np.abs(block.ended_s - block.began_s - spent_s)
        close_enough = apart_s <= _TIME_TOLERANCE_S * np.maximum(1.0, block.ended_s)
        self._hold(close_enough, block, "the phases of a session fill it")
        joules = block.download_j + block.train_j + block.upload_j
        self._hold(np.isclose(joules, block.energy_j), block, "the phases' joules add up")
        within = (block.energy_low_j <= block.energy_j) & (block.energy_j <= block.energy_high_j)
        self._hold(within, block, "joules lie between their bounds")
        trains, shape, marks = block.task == "train", block.shape, "^#!*]"
        used = block.used_in >= 0
        self._hold(used == (_ends(shape, "^") & trains), block, "used uploads end in ^")
        left = (block.upload_bytes > 0) & trains
        self._hold(block.left_phone == left, block, "what left a phone had bytes")
        ended = np.logical_or.reduce([_ends(shape, mark) for mark in marks])
        self._hold(ended, block, f"every session ends in one of {' '.join(marks)}")
        once = np.char.count(shape, "^") + np.char.count(shape, "#") <= 1
        self._hold(once, block, "every session ends once")
        self._hold(~used | (block.used_in > block.base), block, "no upload is used before its base")
        self._apart(block)
        self._bounded(block)
        np.add.at(self._used, block.phone, used)
        np.add.at(self._payloads, block.phone, block.left_phone)
        np.add.at(self._download_bytes, block.phone, block.download_bytes)
        np.add.at(self._upload_bytes, block.phone, block.upload_bytes)
        for most, had, what in (
            (self._rules.max_uploads, self._payloads, "payloads"),
            (self._rules.max_participations, self._used, "uploads that are used"),
        ):
            if most is not None:
                over = had[block.phone] > most
                self._hold(~over, block, f"no phone sends more than {most} {what}")
        used_in = block.used_in[used]
        for version, count in zip(*np.unique(used_in, return_counts=True), strict=True):
            total = self._cohorts.get(int(version), 0) + int(count)
            self._cohorts[int(version)] = total
            if total > self._goal:
                raise InvariantError(
                    f"version {version} used {total} uploads, more than the goal of {self._goal}"
                )

    def selected(self, phone: Ints, at_s: Floats, found_s: Floats, last_s: Floats) -> None:
        """Checks that phones are eligible when they are configured.

        Args:
            phone: The phones. Shape [n].
            at_s: When each is configured. Shape [n].
            found_s: From when the calendar has each eligible at or after that. Shape [n].
            last_s: When that eligibility ends. Shape [n].

        Raises:
            InvariantError: Names the first phone that is not.
        """
        wrong = np.flatnonzero((found_s > at_s) | (last_s < at_s))
        if len(wrong):
            row = int(wrong[0])
            raise InvariantError(
                f"no ineligible phone is selected: broken by phone {phone[row]} at {at_s[row]} s, "
                f"whose next window begins at {found_s[row]} s"
            )

    def verify(
        self,
        *,
        sessions: int,
        versions: int,
        participations: Ints,
        payloads: Ints,
        download_bytes: Ints,
        upload_bytes: Ints,
    ) -> None:
        """Checks the run's totals against the log.

        Raises:
            InvariantError: Names the total that does not add up.
        """
        if sessions != self._sessions:
            raise InvariantError(f"{sessions} sessions were counted, {self._sessions} logged")
        made = [version for version in sorted(self._cohorts) if version <= versions]
        if not self._empty and made != list(range(1, versions + 1)):
            raise InvariantError(f"not every one of {versions} versions used an upload")
        if self._exact:
            for version in made:
                if self._cohorts[version] != self._goal:
                    raise InvariantError(
                        f"version {version} used {self._cohorts[version]} uploads of a buffer of "
                        f"{self._goal}"
                    )
        for name, total, logged in (
            ("participations", participations, self._used),
            ("payloads", payloads, self._payloads),
            ("download_bytes", download_bytes, self._download_bytes),
            ("upload_bytes", upload_bytes, self._upload_bytes),
        ):
            wrong = np.flatnonzero(total != logged)
            if len(wrong):
                phone = int(wrong[0])
                raise InvariantError(
                    f"{name} of phone {phone} is {total[phone]}, its sessions say {logged[phone]}"
                )

    def _apart(self, block: Sessions) -> None:
        """Nobody is in two sessions at once, and selected phones rest between sessions."""
        fine, rested = (np.ones(len(block.phone), dtype=bool) for _ in range(2))
        order = np.lexsort((block.session, block.phone))
        _after(self._free_s, block, order, fine, 0.0)
        self._hold(fine, block, "nobody is in two sessions at once")
        configured = np.char.startswith(block.shape, "-") & (block.shape != "-!")
        order = order[configured[order]]
        _after(self._server_free_s, block, order, rested, self._rules.separation_h * HOUR_S)
        self._hold(rested, block, f"phones rest {self._rules.separation_h:g} hours")

    def _bounded(self, block: Sessions) -> None:
        """The versions that use a phone's uploads are far enough apart."""
        order = np.lexsort((block.session, block.phone))
        order = order[block.used_in[order] >= 0]
        phone, version = block.phone[order], block.used_in[order]
        before = np.concatenate([[_NEVER], version[:-1]])
        first = np.append(True, phone[1:] != phone[:-1])[: len(phone)]
        before = np.where(first, self._last_version[phone], before[: len(phone)])
        fine = np.ones(len(block.phone), dtype=bool)
        fine[order] = version - before >= self._rules.separation_versions
        promise = f"a phone is used {self._rules.separation_versions} versions apart at least"
        self._hold(fine, block, promise)
        self._last_version[phone] = version  # the last of a phone's rows stays

    def _hold(self, fine: Flags, block: Sessions, promise: str) -> None:
        wrong = np.flatnonzero(~fine)
        if len(wrong):
            row = int(wrong[0])
            raise InvariantError(
                f"{promise}: broken by session {block.session[row]} of phone {block.phone[row]}, "
                f"{str(block.shape[row])!r}, {block.began_s[row]} s to {block.ended_s[row]} s"
            )


def _after(
    free_s: npt.NDArray[np.float64], block: Sessions, order: Ints, fine: Flags, rest_s: float
) -> None:
    """Marks sessions that begin too early after the one before of their phone; updates `free_s`.

    Args:
        free_s: End of each phone's last session in the blocks before. Shape [phones].
        block: The sessions.
        order: Rows to look at, by phone and number.
        fine: Where to mark those that begin in time. Shape [n].
        rest_s: Seconds to rest between two.
    """
    phone, began_s, ended_s = block.phone[order], block.began_s[order], block.ended_s[order]
    if not len(order):
        return
    first = np.append(True, phone[1:] != phone[:-1])
    before_s = np.where(first, free_s[phone], np.append(-np.inf, ended_s[:-1]))
    fine[order] = began_s >= before_s + rest_s
    last = np.append(first[1:], True)
    free_s[phone[last]] = ended_s[last]


def _ends(shape: npt.NDArray[np.str_], mark: str) -> Flags:
    return np.char.endswith(shape, mark)

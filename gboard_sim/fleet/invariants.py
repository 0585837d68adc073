"""What must hold of every run, checked on the session log while it is written and at its end."""

import numpy as np
import numpy.typing as npt

from gboard_sim.errors import InvariantError
from gboard_sim.records import Flags, Ints, Sessions

_TIME_TOLERANCE_S = 1e-6  # a session's phases are added up in floating point


class Invariants:
    """Watches blocks of sessions, in the order in which they are logged."""

    def __init__(self, phones: int, goal: int, max_uploads: int | None) -> None:
        self._goal = goal
        self._max_uploads = max_uploads
        self._sessions = 0
        self._free_s = np.full(phones, -np.inf)
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
        spent_s = block.wait_s + block.download_s + block.train_s + block.upload_s
        apart_s = np.abs(block.ended_s - block.began_s - spent_s)
        close_enough = apart_s <= _TIME_TOLERANCE_S * np.maximum(1.0, block.ended_s)
        self._hold(close_enough, block, "the phases of a session fill it")
        self._hold((block.used_in >= 0) == _ends(block.shape, "^"), block, "used uploads end in ^")
        self._hold(block.left_phone == (block.upload_bytes > 0), block, "what left had bytes")
        ended = _ends(block.shape, "^") | _ends(block.shape, "#") | _ends(block.shape, "!")
        ended |= _ends(block.shape, "*") | _ends(block.shape, "]")
        self._hold(ended, block, "every session ends in one of ^ # ! * ]")
        self._apart(block)
        np.add.at(self._used, block.phone, block.used_in >= 0)
        np.add.at(self._payloads, block.phone, block.left_phone)
        np.add.at(self._download_bytes, block.phone, block.download_bytes)
        np.add.at(self._upload_bytes, block.phone, block.upload_bytes)
        if self._max_uploads is not None:
            over = self._payloads[block.phone] > self._max_uploads
            self._hold(~over, block, f"no phone sends more than {self._max_uploads} payloads")
        used_in = block.used_in[block.used_in >= 0]
        for version, count in zip(*np.unique(used_in, return_counts=True), strict=True):
            total = self._cohorts.get(int(version), 0) + int(count)
            self._cohorts[int(version)] = total
            if total > self._goal:
                raise InvariantError(
                    f"version {version} used {total} uploads, more than the goal of {self._goal}"
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
        if sorted(self._cohorts) != list(range(1, versions + 1)):
            raise InvariantError(f"not every one of {versions} versions used an upload")
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
        """Nobody is in two sessions at once."""
        order = np.lexsort((block.session, block.phone))
        phone = block.phone[order]
        began_s, ended_s = block.began_s[order], block.ended_s[order]
        same = phone[1:] == phone[:-1]
        before_s = np.concatenate([self._free_s[phone[:1]], ended_s[:-1]])
        before_s[1:][~same] = self._free_s[phone[1:][~same]]
        fine = np.ones(len(phone), dtype=bool)
        fine[order] = began_s >= before_s
        self._hold(fine, block, "nobody is in two sessions at once")
        last = np.append(~same, True) if len(phone) else same
        self._free_s[phone[last]] = ended_s[last]

    def _hold(self, fine: Flags, block: Sessions, promise: str) -> None:
        wrong = np.flatnonzero(~fine)
        if len(wrong):
            row = int(wrong[0])
            raise InvariantError(
                f"{promise}: broken by session {block.session[row]} of phone {block.phone[row]}, "
                f"{block.shape[row]!r}, {block.began_s[row]} s to {block.ended_s[row]} s"
            )


def _ends(shape: npt.NDArray[np.str_], mark: str) -> Flags:
    return np.char.endswith(shape, mark)

"""How much each stint trains: the local work of every version and class, as a table."""

import numpy as np

from gboard_sim.seam.protocols import Schedule
from gboard_sim.seam.records import Flags, Floats, Ints, LocalWork
from gboard_sim.seam.typing_record import Typed

_NO_CAP = np.iinfo(np.int64).max
_EPOCHS, _STEPS, _BATCH, _CAP = range(4)


class Work:
    """The local work of cycles by the version that they start from."""

    def __init__(self, schedule: Schedule, typing: Typed, phone_class: Ints) -> None:
        self.plans: dict[int, tuple[LocalWork, ...]] = {}
        self._schedule = schedule
        self._typing = typing
        self._class = phone_class
        self._table = np.zeros((0, 0, 4), dtype=np.int64)
        self.begin(0, None)

    def begin(self, version: int, local: tuple[LocalWork, ...] | None) -> None:
        """Fixes the work of cycles that start from `version`; None asks the schedule."""
        plan = self._schedule.local(version) if local is None else local
        self.plans[version] = plan
        if version >= len(self._table):
            table = np.zeros((max(2 * version, 64), len(plan), 4), dtype=np.int64)
            if version:
                table[: len(self._table)] = self._table
            self._table = table
        self._table[version] = [
            (w.epochs or 0, w.steps or 0, w.batch_size, _NO_CAP if w.cap is None else w.cap)
            for w in plan
        ]

    def forget(self, before: int) -> None:
        """Drops the plans of versions that no phone starts from any more."""
        for version in [v for v in self.plans if v < before]:
            del self.plans[version]

    def has_text(self, phone: Ints, at_s: Floats, least: int) -> Flags:
        """Whether each phone's cache holds at least that many messages. Shape [n]."""
        first, last = self._typing.cached(phone, at_s, _NO_CAP)
        enough: Flags = last - first >= least
        return enough

    def judged(self, phone: Ints) -> tuple[Ints, Ints, Ints]:
        """First row, last-plus-one row and tokens of each phone's held-out text. Shape [n] each.

        Those rows are not rows of `Typing`, which never sees them: both are 0.
        """
        none = np.zeros(len(phone), dtype=np.int64)
        return none, none, self._typing.held_out_tokens(phone)

    def places(self, phone: Ints, base: Ints) -> tuple[Ints, tuple[LocalWork, ...]]:
        """The local work of some phones' cycles, as places in a list of different ones."""
        kinds = self._table.shape[1]
        pairs, place = np.unique(base * kinds + self._class[phone], return_inverse=True)
        works = tuple(self.plans[int(pair) // kinds][int(pair) % kinds] for pair in pairs)
        different = tuple(dict.fromkeys(works))
        joined = np.array([different.index(work) for work in works], dtype=np.int64)
        return joined[place], different

    def stint(self, phone: Ints, base: Ints, at_s: Floats) -> tuple[Ints, Ints, Ints]:
        """The rows and tokens of stints that begin now.

        An epoch costs every token of the rows. `steps` cost steps x batch_size x the mean tokens of
        a row, rounded: the expectation over the shuffle, which the fleet does not know.

        Args:
            phone: Phones. Shape [n].
            base: The version each cycle started from. Shape [n].
            at_s: When each begins to train. Shape [n].

        Returns:
            First row, last-plus-one row, tokens. Shape [n] each.
        """
        plan = self._table[base, self._class[phone]]
        first, last = self._typing.cached(phone, at_s, plan[:, _CAP])
        tokens = self._typing.tokens_of(first, last)
        mean = tokens / np.maximum(last - first, 1)
        stepped = np.rint(plan[:, _STEPS] * plan[:, _BATCH] * mean).astype(np.int64)
        return first, last, np.where(plan[:, _STEPS] > 0, stepped, plan[:, _EPOCHS] * tokens)

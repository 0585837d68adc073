"""Whose check-in the server may accept: the bounds on participation, enforced at selection."""

from dataclasses import dataclass

import numpy as np

from gboard_sim.fleet.allowance import Allowance
from gboard_sim.seam.records import Flags, Floats, Ints, Task
from gboard_sim.units import HOUR_S

_LONG_AGO = np.iinfo(np.int64).min // 2


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """Bounds that hold for every phone in the whole run; None is no bound.

    Attributes:
        separation_versions: Fewest versions from one that used an upload of the phone to the next
            that does. 1 lets a phone into consecutive versions, and never twice into one.
        separation_h: Fewest hours from one session to the check-in of the next.
        max_participations: Most versions that use an upload of the phone.
        max_uploads: Most payloads of which any byte leaves the phone, used or not.
        min_examples: Fewest messages that a phone must hold to take part.
    """

    separation_versions: int = 1
    separation_h: float = 0.0
    max_participations: int | None = None
    max_uploads: int | None = None
    min_examples: int = 1


class Admission:
    """What each phone has had of the run so far, against its bounds.

    Args:
        rules: The bounds.
        phones: How many phones.
        allowance: What each may still spend today and this month.
        judges: Whether phones also judge versions, which no bound on participation keeps them from.

    Attributes:
        used: Uploads of each phone that a version uses. Shape [phones].
        payloads: Payloads of which any byte left each phone. Shape [phones].
        turned_away: Check-ins that were turned away although a phone was wanted.
    """

    def __init__(
        self, rules: AdmissionRules, phones: int, allowance: Allowance, *, judges: bool = False
    ) -> None:
        self.rules = rules
        self.used = np.zeros(phones, dtype=np.int32)
        self.payloads = np.zeros(phones, dtype=np.int32)
        self.turned_away = 0
        self._allowance = allowance
        self._judges = judges
        self._last_version = np.full(phones, _LONG_AGO, dtype=np.int64)
        self._last_s = np.full(phones, -np.inf)

    def allowed(self, phone: Ints, at_s: Floats, version: int, task: Task) -> Flags:
        """Whether each phone may take part in what makes the version after `version`. Shape [n].

        The bounds in versions are those of training: an evaluation releases no update.
        """
        rules = self.rules
        fine = np.ones(len(phone), dtype=bool)
        if task == "train":
            fine &= version + 1 - self._last_version[phone] >= rules.separation_versions
            fine &= ~self._spent(phone)
        if rules.separation_h > 0.0:
            fine &= at_s >= self._last_s[phone] + rules.separation_h * HOUR_S
        return fine & self._allowance.suffices(phone, at_s)

    def not_before_s(self, phone: Ints, at_s: Floats) -> Floats:
        """The earliest time at which a phone that was turned away need ask again. Shape [n]."""
        earliest_s = np.maximum(at_s, self._last_s[phone] + self.rules.separation_h * HOUR_S)
        return np.maximum(earliest_s, self._allowance.renewed_s(phone, at_s))

    def done(self, phone: Ints) -> Flags:
        """Which phones need never call again. Shape [n]."""
        return np.zeros(len(phone), dtype=bool) if self._judges else self._spent(phone)

    def _spent(self, phone: Ints) -> Flags:
        """Which phones may never train again. Shape [n]."""
        rules = self.rules
        none_left = np.zeros(len(phone), dtype=bool)
        if rules.max_participations is not None:
            none_left |= self.used[phone] >= rules.max_participations
        if rules.max_uploads is not None:
            none_left |= self.payloads[phone] >= rules.max_uploads
        return none_left

    def sessions(self, phone: Ints, ended_s: Floats, sent: Flags) -> None:
        """Takes note of sessions that are over. Shape [n] each."""
        self._last_s[phone] = ended_s
        self.payloads[phone] += sent

    def participations(self, phone: Ints, version: int) -> None:
        """Takes note of distinct phones whose uploads make `version`. Shape [n]."""
        self.used[phone] += 1
        self._last_version[phone] = version

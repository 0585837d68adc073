"""Which version each phone serves its user: installs of phones that nobody selected, hour by hour.

All phones begin with version 0, which the keyboard ships with. In every simulated hour, phones that
are eligible, have no session in it, and lag behind the version that was newest at its beginning
install that one, in their first window of the hour; a phone that downloads a version to train from
or to judge serves it from then on. Work is a few array operations an hour, not a session each.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gboard_sim.fleet.allowance import Allowance
from gboard_sim.fleet.conditions import DOWNLOAD, Conditions
from gboard_sim.fleet.phones import Phones
from gboard_sim.fleet.windows import Calendar
from gboard_sim.seam.protocols import Learner
from gboard_sim.seam.records import Floats, Ints
from gboard_sim.units import HOUR_S

Histogram = Callable[[float, Ints, Ints], None]
"""Told a time, versions, and how many phones serve each."""


@dataclass(frozen=True, slots=True)
class SyncRules:
    """When phones install.

    Attributes:
        every_h: Fewest hours between two installs of a phone.
        min_lag: Fewest versions behind the newest at which a phone installs it.
    """

    every_h: float = 24.0
    min_lag: int = 1


class ContinuousSync:
    """The installed versions of a fleet.

    Attributes:
        installs: Completed installs.
        download_bytes: Bytes of each phone's installs, broken-off ones too. Shape [phones].
        energy_j: Low, central, high, of each phone's installs. Shape [3, phones].
        next_s: When the next hour is over.
    """

    def __init__(
        self,
        rules: SyncRules,
        *,
        phones: Phones,
        conditions: Conditions,
        calendar: Calendar,
        learner: Learner,
        allowance: Allowance,
        log: Histogram,
    ) -> None:
        n = conditions.population.phones
        self.installs = 0
        self.download_bytes: Ints = np.zeros(n, dtype=np.int64)
        self.energy_j: Floats = np.zeros((3, n))
        self.next_s = HOUR_S
        self._rules = rules
        self._phones = phones
        phones.holds[:] = 0
        self._conditions = conditions
        self._calendar = calendar
        self._learner = learner
        self._allowance = allowance
        self._log = log
        self._last_s = np.full(n, -np.inf)
        self._met = np.zeros(n, dtype=bool)
        self._newest = 0

    def landed(self, phone: Ints) -> None:
        """Takes note of phones whose sessions are over. Shape [n]."""
        self._met[phone] = True

    def hour(self, newest: int) -> None:
        """Works through the hour that is over.

        Args:
            newest: The newest version at its end.
        """
        began_s, self.next_s = self.next_s - HOUR_S, self.next_s + HOUR_S
        newest, self._newest = self._newest, newest
        behind = newest - self._phones.holds >= self._rules.min_lag
        free_s = self._last_s + self._rules.every_h * HOUR_S
        rested = free_s < began_s + HOUR_S
        phone = np.flatnonzero(behind & rested & ~self._phones.busy & ~self._met)
        self._met[:] = False
        start_s, end_s = self._calendar.next_available(phone, np.full(len(phone), began_s))
        here = (start_s < began_s + HOUR_S) & (start_s >= free_s[phone])
        here[here] = self._allowance.suffices(phone[here], start_s[here])
        if here.any():
            self._install(phone[here], start_s[here], end_s[here], newest)
        version, phones = np.unique(self._phones.holds, return_counts=True)
        self._log(began_s + HOUR_S, version.astype(np.int64), phones)

    def _install(self, phone: Ints, start_s: Floats, window_end_s: Floats, newest: int) -> None:
        """Downloads the newest version, as far as each window lets it. Shape [n] each."""
        population = self._conditions.population
        held = self._phones.holds[phone].astype(np.int64)
        size = self._learner.download_bytes(held, newest) / (1.0 - population.loss_share[phone])
        rate, _ = self._conditions.rate(DOWNLOAD, phone, start_s)
        round_trip_s = population.round_trip_s[phone]
        spent_s = np.minimum(round_trip_s + size / rate, window_end_s - start_s)
        moved = np.minimum(size, np.maximum(spent_s - round_trip_s, 0.0) * rate)
        whole = start_s + round_trip_s + size / rate <= window_end_s
        got = np.where(whole, size, moved).astype(np.int64)
        joules = population.power_w[DOWNLOAD][:, phone] * spent_s
        self.download_bytes[phone] += got
        self.energy_j[:, phone] += joules
        self._allowance.spend(phone, start_s, got, joules[1])
        self._phones.holds[phone[whole]] = newest
        self._last_s[phone[whole]] = start_s[whole]
        self.installs += int(whole.sum())

"""When phones that were turned away are told to come back.

Pace steering (Bonawitz et al., MLSys 2019, section 2.3): a small fleet is told to come together, so
that a round finds enough phones at once; a large one is spread, so that no more phones call than
are wanted. The paper prints no equation. Here a phone of a large fleet draws its wait from
U[0, 2 x phones / wanted per second]: so as many call as are wanted, but for the time that they wait
to be eligible. A phone keeps to its time beyond its window: it calls in the first window that
reaches it, which leaves more calls to the hours in which more phones are eligible. Where few are
eligible they meet at the multiples of a period that both sides can work out, without any state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gboard_sim import seeds
from gboard_sim.records import Floats, Ints

_SMALL = 2.0  # eligible phones per phone wanted below which a fleet is small (assumed)


@dataclass(frozen=True, slots=True)
class PaceRules:
    """How phones that were turned away are paced.

    Attributes:
        kind: `window` draws the wait between two times; `steered` as this module says.
        retry_s: Shortest and longest wait; with `steered` no wait is shorter than the first.
        round_s: How often `steered` wants a full selection: rounds took 2 to 3 minutes, and 3000
            of them 5 days (Hard et al., 2018; Bonawitz et al., MLSys 2019).
        meeting_s: Period of the meetings of a small fleet.
    """

    kind: Literal["window", "steered"] = "window"
    retry_s: tuple[float, float] = (900.0, 3600.0)
    round_s: float = 144.0
    meeting_s: float = 900.0


class Pacing:
    """Draws the waits.

    Args:
        rules: How.
        wanted: Phones that a selection holds.
        phones: How many phones there are.
        eligible: Gives the number of phones that are eligible in the hour of each time, which the
            server knows from the days before. Shape [n] to shape [n].
        seed: Keys the draws, by phone and its own count of check-ins.
    """

    def __init__(
        self,
        rules: PaceRules,
        *,
        wanted: int,
        phones: int,
        eligible: Callable[[Floats], Floats],
        seed: int,
    ) -> None:
        self._rules = rules
        self._wanted = wanted
        self._eligible = eligible
        self._spread_s = 2.0 * phones / (wanted / rules.round_s)
        self._seed = seed

    @property
    def outlasts_windows(self) -> bool:
        """Whether a phone keeps to its time in its later windows too."""
        return self._rules.kind == "steered"

    @property
    def shortest_s(self) -> float:
        """No phone comes back sooner after a check-in."""
        return self._rules.retry_s[0]

    def first_s(self, phone: Ints) -> Floats:
        """When phones call first in a run, as if it had gone on for long before. Shape [n].

        Someone who looks in on waits of U[0, s] at any time finds what is left of one, of density
        2 / s (1 - t / s): so as many call from the first second on as later.
        """
        draw = seeds.uniforms(self._seed, "first call", phone)
        return self._spread_s * (1.0 - np.sqrt(1.0 - draw))

    def back_s(self, phone: Ints, checkins: npt.NDArray[np.int32], at_s: Floats) -> Floats:
        """When phones that are turned away come back, if they are eligible then. Shape [n].

        Args:
            phone: The phones. Shape [n].
            checkins: Each one's own count of check-ins. Shape [n].
            at_s: When each is turned away. Shape [n].
        """
        draw = seeds.uniforms(self._seed, "retry", phone, checkins)
        shortest_s, longest_s = self._rules.retry_s
        if self._rules.kind == "window" or not len(phone):
            return at_s + shortest_s + (longest_s - shortest_s) * draw
        eligible = self._eligible(at_s)
        meeting_s = self._rules.meeting_s
        # Spread over a second, so that not all messages of a meeting fall on one instant.
        met_s = np.ceil((at_s + shortest_s) / meeting_s) * meeting_s + draw
        spread_out_s = at_s + np.maximum(shortest_s, self._spread_s * draw)
        return np.where(eligible < _SMALL * self._wanted, met_s, spread_out_s)

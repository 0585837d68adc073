"""When phones that were turned away are told to come back.

Pace steering (Bonawitz et al., MLSys 2019, section 2.3): a small fleet is told to come together, so
that a round finds enough phones at once; a large one is spread, so that no more phones call than
are wanted. The paper prints no equation. Here a phone of a large fleet draws its wait from
U[0, 2 x eligible / wanted per second], with the mean number that is eligible over a day, and draws
again where its time finds it not eligible: so as many call as are wanted, more of them in the hours
in which more phones are eligible. Where few are eligible they meet at the multiples of a period
that both sides can work out, without any state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gboard_sim import seeds
from gboard_sim.seam.records import Floats, Ints
from gboard_sim.units import HOUR_S

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
        eligible: Gives the number of phones that are eligible in the hour of each time, which the
            server knows from the days before. Shape [n] to shape [n].
        seed: Keys the draws, by phone and its own counts.
    """

    def __init__(
        self,
        rules: PaceRules,
        *,
        wanted: int,
        eligible: Callable[[Floats], Floats],
        seed: int,
    ) -> None:
        self._rules = rules
        self._wanted = wanted
        self._eligible = eligible
        self._spread_s = 0.0
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

        Asked once, when the windows of the first day are known.

        Someone who looks in on waits of U[0, s] at any time finds what is left of one, of density
        2 / s (1 - t / s): so as many call from the first second on as later.
        """
        mean = float(self._eligible(HOUR_S * np.arange(24, dtype=np.float64)).mean())
        self._spread_s = 2.0 * mean / (self._wanted / self._rules.round_s)
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
        return self._steered_s(draw, at_s, at_s + shortest_s)

    def again_s(self, phone: Ints, nth: Ints, call_s: Floats, opens_s: Floats) -> Floats:
        """When phones call instead whose time found them not eligible. Shape [n].

        Args:
            phone: The phones. Shape [n].
            nth: How often each has drawn again before. Shape [n].
            call_s: The time that was missed. Shape [n].
            opens_s: When each is eligible next. Shape [n].
        """
        draw = seeds.uniforms(self._seed, "another call", phone, nth)
        return self._steered_s(draw, call_s, opens_s)

    def _steered_s(self, draw: Floats, from_s: Floats, earliest_s: Floats) -> Floats:
        """A wait from a time on, or the first meeting not before another. Shape [n]."""
        meeting_s = self._rules.meeting_s
        # Spread over a second, so that not all messages of a meeting fall on one instant.
        met_s = np.ceil(earliest_s / meeting_s) * meeting_s + draw
        spread_out_s = from_s + np.maximum(self.shortest_s, self._spread_s * draw)
        return np.where(self._eligible(earliest_s) < _SMALL * self._wanted, met_s, spread_out_s)

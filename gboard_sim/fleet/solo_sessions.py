"""Sessions whose links are their own, taken through their phases as arrays."""

from collections.abc import Callable

import numpy as np

from gboard_sim.fleet.asked import Asked
from gboard_sim.fleet.conditions import DOWNLOAD, TRAIN, UPLOAD, Conditions
from gboard_sim.fleet.course import Course
from gboard_sim.seam.records import Flags, Floats, Ints

NextWindow = Callable[[Ints, Floats], tuple[Floats, Floats]]
"""Phones and times to start and end of each one's next window, infinite where none is known."""


class SoloSessions:
    """Sessions that share no link with each other."""

    def __init__(
        self, asked: Asked, conditions: Conditions, next_window: NextWindow | None
    ) -> None:
        self._asked = asked
        self._conditions = conditions
        self._next_window = next_window
        self._course = Course(asked)

    def run(self) -> Course:
        """Takes every session to its end."""
        for phase in (DOWNLOAD, TRAIN, UPLOAD):
            self._course.began_s[phase] = self._course.now_s
            rows = np.flatnonzero(
                self._asked.phases[phase] & ~self._course.failed & ~self._course.cut
            )
            self._course.reached[phase, rows] = True
            done = self._train(rows) if phase == TRAIN else self._transfer(phase, rows)
            self._course.complete[phase, done] = True
        return self._course

    def _train(self, rows: Ints) -> Ints:
        """Trains one stint of each row; gives back the rows that completed it."""
        if not len(rows):
            return rows
        phone, population = self._asked.phone[rows], self._conditions.population
        tokens = self._asked.stint(rows, self._course.now_s[rows])
        train_s = tokens * self._asked.flop_per_token / population.flop_per_s[phone]
        self._course.tokens[rows], self._course.train_s[rows] = tokens, train_s
        broken, part = self._conditions.breaks(TRAIN, phone, self._asked.count[rows], 0)
        broken |= tokens == 0
        through = self._spend(TRAIN, rows, np.where(broken, part * train_s, train_s))
        self._course.failed[rows[through & broken]] = True
        return rows[through & ~broken]

    def _transfer(self, phase: int, rows: Ints) -> Ints:
        """Moves the bytes of a phase; gives back the rows that moved them all."""
        population = self._conditions.population
        asked = self._asked
        whole = asked.download_bytes if phase == DOWNLOAD else asked.upload_bytes
        size = whole[rows] / (1.0 - population.loss_share[asked.phone[rows]])
        left = size
        done = [rows[:0]]
        attempt = 0
        while len(rows):
            phone = asked.phone[rows]
            broken, part = self._conditions.breaks(phase, phone, asked.count[rows], attempt)
            target = np.where(broken, part * left, left)
            through = self._move(phase, rows, target)
            done.append(rows[through & ~broken])
            broken &= through
            again = broken & (attempt < population.retries[phone])
            self._course.failed[rows[broken & ~again]] = True
            left = np.where(population.resumes[phone], left - target, size)
            rows, size, left, phone = rows[again], size[again], left[again], phone[again]
            waited = self._spend(phase, rows, population.retry_wait_s[phone], waits=True)
            rows, size, left = rows[waited], size[waited], left[waited]
            attempt += 1
        return np.concatenate(done)

    def _spend(self, phase: int, rows: Ints, length_s: Floats, *, waits: bool = False) -> Flags:
        """Lets eligible time go by; gives back whether each row got through it."""
        through = np.zeros(len(rows), dtype=bool)
        left_s = length_s.copy()
        open_ = np.arange(len(rows))
        while len(open_):
            who = rows[open_]
            began_s, cut_s = self._course.now_s[who], self._cut_s(who)
            end_s = began_s + left_s[open_]
            done = end_s <= cut_s
            stop_s = np.where(done, end_s, cut_s)
            spent_s = np.where(done, left_s[open_], cut_s - began_s)
            self._pass(phase, who, stop_s, spent_s)
            if waits:
                self._course.waited_s[phase, who] += spent_s
            through[open_[done]] = True
            left_s[open_] -= spent_s
            open_ = open_[~done]
            open_ = open_[self._goes_on(phase, rows[open_])]
        return through

    def _move(self, phase: int, rows: Ints, target: Floats) -> Flags:
        """One attempt at moving bytes, over as many windows as it takes; whether each succeeded.

        A pause breaks the connection: the transfer goes on as after an error, but no attempt is
        used up.
        """
        population = self._conditions.population
        through = np.zeros(len(rows), dtype=bool)
        left = target.copy()
        open_ = np.arange(len(rows))
        while len(open_):
            who = rows[open_]
            phone = self._asked.phone[who]
            done, stop_s, spent_s, still = self._carry(phase, who, left[open_])
            self._pass(phase, who, stop_s, spent_s)
            self._course.moved[phase, who] += left[open_] - still
            through[open_[done]] = True
            left[open_] = np.where(population.resumes[phone], still, target[open_])
            open_ = open_[~done]
            open_ = open_[self._goes_on(phase, rows[open_])]
        return through

    def _carry(self, phase: int, who: Ints, size: Floats) -> tuple[Flags, Floats, Floats, Floats]:
        """Asks for bytes and moves them at the rate of every hour, until all moved or all is cut.

        Returns:
            Whether all moved, until when, the seconds that it took, and the bytes left.
        """
        phone = self._asked.phone[who]
        asked_s = self._conditions.population.round_trip_s[phone]
        cut_s = self._cut_s(who)
        at_s = self._course.now_s[who] + asked_s
        done = np.zeros(len(who), dtype=bool)
        stop_s, left = cut_s.copy(), size.copy()
        spent_s = np.where(at_s <= cut_s, asked_s, cut_s - self._course.now_s[who])
        open_ = np.flatnonzero(at_s <= cut_s)
        while len(open_):
            rate, until_s = self._conditions.rate(phase, phone[open_], at_s[open_])
            needs_s = left[open_] / rate
            edge_s = np.minimum(until_s, cut_s[open_])
            over = at_s[open_] + needs_s <= edge_s
            last, still = open_[over], open_[~over]
            done[last], left[last] = True, 0.0
            stop_s[last] = at_s[last] + needs_s[over]
            spent_s[last] += needs_s[over]
            lasts_s = edge_s[~over] - at_s[still]
            left[still] = np.maximum(left[still] - rate[~over] * lasts_s, 0.0)
            spent_s[still] += lasts_s
            at_s[still] = edge_s[~over]
            open_ = still[at_s[still] < cut_s[still]]
        return done, stop_s, spent_s, left

    def _pass(self, phase: int, who: Ints, until_s: Floats, spent_s: Floats) -> None:
        """Moves sessions on to a time, in a phase."""
        self._course.spent_s[phase, who] += spent_s
        self._course.now_s[who] = until_s

    def _cut_s(self, who: Ints) -> Floats:
        """When the window of each ends, or the server gives up on it."""
        end_s = np.minimum(self._course.window_end_s[who], self._asked.gives_up_s[who])
        return np.maximum(end_s, self._course.now_s[who])

    def _goes_on(self, phase: int, who: Ints) -> Flags:
        """Whether each of the sessions that were cut just now goes on, in a later window."""
        if not len(who):
            return np.zeros(0, dtype=bool)
        if self._next_window is None:
            self._course.cut[who] = True
            return np.zeros(len(who), dtype=bool)
        now_s, gives_up_s = self._course.now_s[who], self._asked.gives_up_s[who]
        start_s, end_s = self._next_window(self._asked.phone[who], self._course.window_end_s[who])
        waits = (now_s < gives_up_s) & np.isfinite(start_s)
        on = waits & (start_s < gives_up_s)
        until_s = np.where(waits, np.minimum(start_s, gives_up_s), now_s)
        self._course.paused_s[who] += until_s - now_s
        self._course.now_s[who] = until_s
        self._course.window_end_s[who[on]] = end_s[on]
        self._course.pauses[phase, who[on]] += 1
        self._course.cut[who[~on]] = True
        return on

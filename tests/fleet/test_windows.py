"""When a phone is next available: by search, whatever was asked before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.fleet.intervals import Intervals, union
from gboard_sim.fleet.windows import Calendar, FixedWindows

WINDOWS = [(0, 10.0, 20.0), (0, 30.0, 40.0), (2, 5.0, 50.0)]


def calendar():
    phone, start_s, end_s = (np.array(column) for column in zip(*WINDOWS, strict=True))
    made = Calendar(FixedWindows(union(phone, start_s, end_s)), 3)
    made.extend()
    return made


def ask(phone, at_s):
    start_s, end_s = calendar().next_available(np.array([phone]), np.array([at_s]))
    return start_s[0], end_s[0]


def test_before_inside_at_the_end_and_after():
    assert ask(0, 0.0) == (10.0, 20.0)
    assert ask(0, 12.0) == (12.0, 20.0)
    assert ask(0, 20.0) == (30.0, 40.0)
    assert ask(0, 40.0) == (np.inf, np.inf)
    assert ask(1, 0.0) == (np.inf, np.inf)


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0.0, 60.0)), min_size=1, max_size=20))
def test_answers_do_not_depend_on_the_order_of_questions(questions):
    """The trap of a moving cursor: each answer must be that of a linear search."""
    phone, at_s = (np.array(column) for column in zip(*questions, strict=True))
    start_s, end_s = calendar().next_available(phone, at_s)
    for row, (who, when) in enumerate(questions):
        later = [(max(s, when), e) for p, s, e in WINDOWS if p == who and e > when]
        assert (start_s[row], end_s[row]) == min(later, default=(np.inf, np.inf))


class Days:
    """One window a day at noon, in days of their own."""

    first_day = -1

    def begins_s(self, day):
        return day * 86400.0

    def day(self, day):
        return Intervals(np.zeros(1, dtype=np.int64), np.array([43200.0]), np.array([43260.0]))


def test_days_are_generated_as_needed_and_forgotten_when_over():
    made = Calendar(Days(), 1)
    assert made.known_until_s == -86400.0
    made.extend()
    made.extend()
    assert made.known_until_s == 86400.0
    none = np.zeros(1, dtype=np.int64)
    assert made.next_available(none, np.zeros(1))[0][0] == 43200.0
    assert made.next_available(none, np.full(1, 50000.0))[0][0] == np.inf
    made.extend()
    made.forget(43260.0)
    assert made.next_available(none, np.zeros(1))[0][0] == 86400.0 + 43200.0

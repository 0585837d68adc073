"""Traces against a scan of their own rows, whatever is asked and in whatever order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.errors import TraceError
from gboard_sim.fleet.trace import SIGNALS, TraceWindows, check_trace
from gboard_sim.fleet.windows import Calendar
from gboard_sim.trace_file import TraceRows

HOUR = 3600.0
DAY = 24 * HOUR


def rows_of(*rows, source="the trace"):
    """Rows from (phone, start, end, signals)."""
    phones = list(dict.fromkeys(phone for phone, *_ in rows))
    sets = list(dict.fromkeys(signals for *_, signals in rows))
    return TraceRows(
        source,
        tuple(phones),
        np.array([phones.index(phone) for phone, *_ in rows], dtype=np.int64),
        np.array([start for _, start, _, _ in rows], dtype=float),
        np.array([end for _, _, end, _ in rows], dtype=float),
        tuple(sets),
        np.array([sets.index(signals) for *_, signals in rows], dtype=np.int64),
    )


def trace_of(*rows):
    return check_trace(rows_of(*rows))


def holds(rows, phone, name, hour):
    """Whether a signal of a trace phone holds in the whole hour that begins then."""
    return any(
        who == phone and start <= hour < end and ("eligible" in signals or name in signals)
        for who, start, end, signals in rows
    )


def scan(rows, phones, fleet_phone, at_h, *, needs, wrap, days):
    """The first eligible stretch after a time, by looking at hour after hour."""
    copy, phone = divmod(fleet_phone, len(phones))
    length = 24 * days

    def eligible(hour):
        if not wrap and not 0 <= hour < length:
            return False
        hour = (hour + 24 * copy) % length if wrap else hour
        return all(holds(rows, phones[phone], name, hour) for name in needs)

    always = wrap and all(eligible(hour) for hour in range(length))
    hour = int(at_h // 1)
    for start in range(hour, hour + 2 * length + 1):
        if eligible(start):
            end = start + 1
            # An endless window is one window for each repetition of the trace.
            while eligible(end) and not (always and (end + 24 * copy) % length == 0):
                end += 1
            return max(float(start), at_h) * HOUR, end * HOUR
    return np.inf, np.inf


intervals = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), max_size=5)
signal_sets = ("idle", "charging", "idle|unmetered", "charging|unmetered", "eligible")


@st.composite
def traces(draw):
    """Rows of up to three phones, in order and apart for each set of signals."""
    rows = []
    for phone in "abc"[: draw(st.integers(1, 3))]:
        for signals in draw(st.permutations(signal_sets))[: draw(st.integers(1, 4))]:
            at = 0
            for gap, length in draw(intervals):
                rows.append((phone, at + gap, at + gap + length, signals))
                at += gap + length
    return rows


@settings(max_examples=150, deadline=None)
@given(
    traces(),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 600)), min_size=1, max_size=12),
    st.sampled_from([SIGNALS, ("charging",), ("unmetered", "idle")]),
    st.booleans(),
    st.integers(0, 2),
)
def test_the_next_window_is_that_of_a_scan_in_any_order_of_questions(
    rows, questions, needs, wrap, more_days
):
    if not rows:
        return
    trace = trace_of(*((p, a * HOUR, b * HOUR, s) for p, a, b, s in rows))
    days = trace.days + more_days
    try:
        source = TraceWindows(trace, 8, needs=needs, wrap=wrap, days=days)
    except TraceError:
        everywhere = range(24 * days)
        assert not any(
            all(holds(rows, phone, name, hour) for name in needs)
            for phone in trace.phones
            for hour in everywhere
        )
        return
    calendar = Calendar(source, 8)
    while calendar.known_until_s < (600 / 4 + 48 * days + 48) * HOUR:
        calendar.extend()
    for many in (1, 100):  # both ways to search
        phone = np.array([who for who, _ in questions] * many)
        at_s = np.array([quarter * HOUR / 4 for _, quarter in questions] * many)
        start_s, end_s = calendar.next_available(phone, at_s)
        for row, (who, quarter) in enumerate(questions):
            expected = scan(rows, trace.phones, who, quarter / 4, needs=needs, wrap=wrap, days=days)
            assert (start_s[row], end_s[row]) == expected


@pytest.mark.parametrize("apart_h", [1 / 12, 1, 4, 12])
def test_rare_questions_are_answered_as_well_as_frequent_ones(apart_h):
    """A cursor that moves one window for each question lags behind when they are rare."""
    trace = trace_of(*(("a", (8 * n + 6) * HOUR, (8 * n + 8) * HOUR, "eligible") for n in range(3)))
    calendar = Calendar(TraceWindows(trace, 1), 1)
    while calendar.known_until_s < 11 * DAY:
        calendar.extend()
    for at_h in np.arange(0.0, 240.0, apart_h):
        start_s, end_s = calendar.next_available(np.zeros(1, dtype=int), np.array([at_h * HOUR]))
        cycle = at_h // 8
        assert start_s[0] == max(at_h, 8 * cycle + 6) * HOUR
        assert end_s[0] == (8 * cycle + 8) * HOUR


def all_windows(source, days):
    found = []
    for day in range(source.first_day, days):
        part = source.day(day)
        found += [
            (int(p), (source.begins_s(day) + s) / HOUR, (source.begins_s(day) + e) / HOUR)
            for p, s, e in zip(part.phone, part.start_s, part.end_s, strict=True)
        ]
    return sorted(found)


def test_a_window_across_midnight_stays_whole_and_one_across_the_end_joins_up():
    trace = trace_of(
        ("a", 0, 2 * HOUR, "eligible"), ("a", 20 * HOUR, 30 * HOUR, "eligible"),
        ("a", 47 * HOUR, 48 * HOUR, "eligible"), ("b", 5 * HOUR, 6 * HOUR, "eligible"),
    )  # fmt: skip
    assert all_windows(TraceWindows(trace, 2), 3) == [
        (0, -1.0, 2.0), (0, 20.0, 30.0), (0, 47.0, 50.0), (0, 68.0, 78.0), (1, 5.0, 6.0),
        (1, 53.0, 54.0),
    ]  # fmt: skip
    stops = TraceWindows(trace, 2, wrap=False)
    assert (stops.first_day, stops.begins_s(1), stops.begins_s(2)) == (0, DAY, np.inf)
    assert all_windows(stops, 2) == [
        (0, 0.0, 2.0), (0, 20.0, 30.0), (0, 47.0, 48.0), (1, 5.0, 6.0),
    ]  # fmt: skip


def test_copies_live_days_ahead_and_keep_their_hours():
    trace = trace_of(("a", 5 * HOUR, 6 * HOUR, "eligible"), ("b", 30 * HOUR, 31 * HOUR, "eligible"))
    found = all_windows(TraceWindows(trace, 7, days=3), 3)
    assert [window for window in found if window[1] >= 0] == [
        (0, 5.0, 6.0), (1, 30.0, 31.0),
        (2, 53.0, 54.0), (3, 6.0, 7.0),
        (4, 29.0, 30.0), (5, 54.0, 55.0),
        (6, 5.0, 6.0),
    ]  # fmt: skip
    assert {row[1:] for row in all_windows(TraceWindows(trace, 6, wrap=False), 2)} == {
        (5.0, 6.0),
        (30.0, 31.0),
    }


def test_a_phone_that_is_always_eligible_has_a_window_for_each_repetition():
    trace = trace_of(("a", 0, DAY, "idle"), ("a", 0, DAY, "charging|unmetered"))
    assert all_windows(TraceWindows(trace, 1), 2) == [
        (0, -24.0, 0.0),
        (0, 0.0, 24.0),
        (0, 24.0, 48.0),
    ]


def test_signals_hold_wherever_a_row_says_so_and_the_predicate_is_their_and():
    trace = trace_of(
        ("a", 0, 10, "idle"), ("a", 4, 20, "idle|charging"), ("a", 15, 30, "unmetered"),
        ("a", 16, 17, "charging"),
    )  # fmt: skip
    found = trace.eligible()
    assert (found.start_s.tolist(), found.end_s.tolist()) == ([15.0], [20.0])
    assert trace.eligible(("idle",)).end_s.tolist() == [20.0]
    assert (trace.rows, trace.days, trace.end_s) == (4, 1, 30.0)


GOOD = ("a", 0.0, 10.0, "idle")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], r"no rows"),
        ([GOOD, ("b", 5.0, 4.0, "idle")], r"row 2, phone 'b': end_s is before start_s"),
        ([GOOD, ("b", 5.0, 5.0, "idle")], r"row 2, phone 'b': the interval is empty"),
        ([GOOD, ("b", -1.0, 4.0, "idle")], r"row 2, phone 'b': start_s is negative"),
        ([GOOD, ("b", np.nan, 4.0, "idle")], r"row 2, phone 'b': start_s is not finite"),
        ([GOOD, ("b", 1.0, np.inf, "idle")], r"row 2, phone 'b': end_s is not finite"),
        ([GOOD, ("b", 1.0, 1.6e9, "idle")], r"row 2, phone 'b': end_s is too late"),
        ([GOOD, ("b", 1.0, 2.0, "idle|wifi")], r"row 2, phone 'b': unknown signal 'wifi'"),
        ([GOOD, ("b", 1.0, 2.0, "")], r"row 2, phone 'b': unknown signal ''"),
        (
            [GOOD, ("a", 9.0, 12.0, "idle")],
            r"row 2, phone 'a': the interval overlaps that of row 1",
        ),
        (
            [("a", 20.0, 30.0, "idle|charging"), GOOD, ("a", 0.0, 5.0, "charging|idle")],
            r"row 3, phone 'a': the interval is out of order, before that of row 1, 20 to 30",
        ),
    ],
)
def test_rows_that_cannot_be_true_are_refused_with_phone_and_row(rows, says):
    with pytest.raises(TraceError, match=f"the trace.*{says}.*allowed"):
        check_trace(rows_of(*rows))


def test_rows_that_touch_or_have_other_signals_or_phones_are_fine():
    trace_of(GOOD, ("a", 10.0, 12.0, "idle"), ("a", 3.0, 5.0, "charging"), ("b", 0.0, 9.0, "idle"))


def test_a_trace_longer_than_its_days_or_never_eligible_is_refused():
    trace = trace_of(("a", 0, 30 * HOUR, "eligible"))
    with pytest.raises(
        TraceError, match=r"trace_days = 1 .* ends after 108000 s; allowed: at least 2"
    ):
        TraceWindows(trace, 1, days=1)
    with pytest.raises(
        TraceError, match=r"idle, charging, unmetered never hold together.*1 phones"
    ):
        TraceWindows(trace_of(GOOD, ("a", 20, 30, "charging|unmetered")), 1)

"""Interval sets against sets of whole ticks, counted one by one."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.fleet.intervals import intersect, ticks, union

END = 12
PHONES = 3
raw = st.lists(
    st.tuples(st.integers(0, PHONES - 1), st.integers(0, END), st.integers(0, END)), max_size=12
)


def build(rows):
    columns = np.array(rows, dtype=float).reshape(-1, 3).T
    return union(columns[0].astype(np.int64), columns[1], columns[2])


def covered(rows):
    return {(p, t) for p, start, end in rows for t in range(int(start), int(end))}


def rows_of(found):
    return list(
        zip(found.phone.tolist(), found.start_s.tolist(), found.end_s.tolist(), strict=True)
    )


def is_proper(found):
    """Sorted, of positive length, apart within a phone."""
    rows = rows_of(found)
    return all(start < end for _, start, end in rows) and all(
        p < q or (p == q and end <= start) for (p, _, end), (q, start, _) in pairwise(rows)
    )


@given(raw)
def test_a_union_covers_what_its_parts_cover_and_merges_what_touches(rows):
    found = build(rows)
    assert is_proper(found)
    assert covered(rows_of(found)) == covered(rows)
    ends = {(p, end) for p, _, end in rows_of(found)}
    assert not any((p, start) in ends for p, start, _ in rows_of(found))


@given(raw, raw)
def test_an_intersection_covers_what_both_cover(one, other):
    found = intersect(build(one), build(other))
    assert is_proper(found)
    assert covered(rows_of(found)) == covered(one) & covered(other)


def test_keys_stay_exact_for_a_million_phones_over_ten_years():
    phone = np.full(2, 1_000_000)
    start_s = ticks(np.array([86400.0001, 3650 * 86400.0 - 0.0005]))
    found = union(phone, start_s, start_s + 1 / 1024)
    assert found.start_s.tolist() == start_s.tolist()
    assert (found.end_s - found.start_s).tolist() == [1 / 1024] * 2
    both = intersect(found, found)
    assert both.start_s.tolist() == start_s.tolist()
    assert both.end_s.tolist() == found.end_s.tolist()

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim import ranges

LISTS = st.lists(st.tuples(st.integers(-9, 99), st.integers(0, 7)), max_size=20)


@given(LISTS)
def test_members_and_places_are_those_of_plain_loops(pairs):
    starts, counts = np.array(pairs, np.int64).reshape(-1, 2).T
    assert ranges.members(starts, counts).tolist() == [s + n for s, c in pairs for n in range(c)]
    assert ranges.places(counts).tolist() == [n for _, c in pairs for n in range(c)]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), st.data())
def test_owned_are_the_lists_of_the_owners_asked_for(lengths, data):
    first = np.concatenate([[0], np.cumsum(lengths)])
    owners = data.draw(st.lists(st.integers(0, len(lengths) - 1)))
    expected = [n for i in owners for n in range(first[i], first[i + 1])]
    assert ranges.owned(first, np.array(owners, np.int64)).tolist() == expected

"""The agenda against a plain dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.fleet.agenda import Agenda

PHONES = 6
times = st.one_of(st.floats(0.0, 2000.0), st.sampled_from([0.0, 299.0, 300.0, 301.0, np.inf]))
setting = st.tuples(
    st.just("set"), st.dictionaries(st.integers(0, PHONES - 1), times, min_size=1, max_size=PHONES)
)
asking = st.tuples(st.just("due"), times)


@given(st.lists(st.one_of(setting, asking), max_size=60))
def test_whoever_acts_before_a_time_is_due_whatever_was_set_or_asked_before(steps):
    agenda, expected = Agenda(PHONES), dict.fromkeys(range(PHONES), np.inf)
    for kind, value in steps:
        if kind == "set":
            phones = list(value)
            agenda.set(np.array(phones), np.array([value[phone] for phone in phones]))
            expected.update(value)
        else:
            found = agenda.due(value)
            assert found.tolist() == [p for p in range(PHONES) if expected[p] < value]
    assert agenda.at_s.tolist() == list(expected.values())


def test_one_time_may_be_set_for_many_phones():
    agenda = Agenda(4)
    agenda.set(np.array([3, 1]), 10.0)
    assert agenda.due(11.0).tolist() == [1, 3]
    agenda.set(np.array([1]), np.inf)
    assert agenda.due(11.0).tolist() == [3]
    assert agenda.due(10.0).tolist() == []

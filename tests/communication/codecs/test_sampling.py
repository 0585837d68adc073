import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.communication.codecs.sampling import chances, systematic


def in_proportion(norms, number):
    """The chances by trial: whoever would have more than 1 is certain, and the rest share again."""
    certain = np.zeros(len(norms), bool)
    while certain.sum() < number:
        total = norms[~certain].sum()
        found = np.where(certain, 1.0, norms * (number - certain.sum()) / total)
        if (found <= 1.0).all():
            return found
        certain |= found > 1.0
    return certain.astype(float)


NORMS = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30).map(np.array)


@given(NORMS, st.data())
def test_chances_are_those_found_by_trial(norms, data):
    number = data.draw(st.integers(1, len(norms)))
    assert chances(norms, number) == pytest.approx(in_proportion(norms, number), rel=1e-9)


@given(st.lists(st.sampled_from([0.0, 1e-300, 1.0, 7.0]), min_size=1, max_size=20), st.data())
def test_chances_make_up_the_number_and_none_is_above_one(norms, data):
    number = data.draw(st.integers(1, len(norms)))
    found = chances(np.array(norms), number)
    assert found.sum() == pytest.approx(number)
    assert (found <= 1.0).all()
    assert (found >= 0.0).all()


def test_no_other_chances_of_the_same_total_leave_less_error():
    """The error is the sum of square / chance: moving chance from one to another adds to it."""
    norms = np.array([9.0, 3.0, 2.0, 1.0, 0.5])
    best = chances(norms, 2)
    error = (norms**2 / best).sum()
    for taken in range(5):
        for given_to in range(5):
            other = best.copy()
            other[taken] -= 0.01
            other[given_to] += 0.01
            if other[given_to] <= 1.0 and taken != given_to:
                assert (norms**2 / other).sum() > error


@given(NORMS, st.data(), st.floats(0, 1, exclude_max=True))
def test_as_many_are_drawn_whatever_the_start(norms, data, start):
    number = data.draw(st.integers(1, len(norms)))
    places = systematic(chances(norms, number), number, start)
    assert len(places) == number
    assert (np.diff(places) > 0).all()
    assert places[0] >= 0
    assert places[-1] < len(norms)


@given(NORMS, st.data())
def test_over_all_starts_each_is_drawn_as_often_as_its_chance_says(norms, data):
    number = data.draw(st.integers(1, len(norms)))
    wanted = chances(norms, number)
    starts = (np.arange(2000) + 0.5) / 2000
    drawn = np.zeros(len(norms))
    for start in starts:
        drawn[systematic(wanted, number, start)] += 1
    assert drawn / 2000 == pytest.approx(wanted, abs=2 / 2000)


@pytest.mark.parametrize("start", [0.0, 0.5, np.nextafter(1, 0)])
def test_nothing_without_a_chance_is_drawn_whatever_rounding_does(start):
    """Chances of a tenth add up to less than a whole number, or to more."""
    for many in range(10, 400, 10):
        wanted = np.concatenate([np.full(many, 0.1), np.zeros(3)])
        places = systematic(wanted, many // 10, start)
        assert (wanted[places] > 0).all()
        assert (np.diff(places) > 0).all()


def test_what_is_certain_is_always_drawn():
    found = chances(np.array([1e9, 1.0, 1.0, 0.0]), 2)
    assert found == pytest.approx([1.0, 0.5, 0.5, 0.0])
    assert all(0 in systematic(found, 2, start) for start in (0.0, 0.3, 0.999))

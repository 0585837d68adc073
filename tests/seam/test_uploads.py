"""Attempts as columns against the same attempts as objects."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.seam.records import Dropout, LocalWork, Stint, Upload
from gboard_sim.seam.uploads import Dropouts, StintRows, Uploads

WORKS = (LocalWork(1, None, 8, 0.1), LocalWork(None, 4, 8, 0.1), LocalWork(2, None, 8, 0.5, 20))
seconds = st.floats(0.0, 1e6, allow_nan=False)


@st.composite
def stints(draw, phone):
    rows = draw(st.tuples(st.integers(0, 9), st.integers(9, 20)))
    return Stint(
        phone=phone,
        nth=draw(st.integers(0, 9)),
        version=draw(st.integers(0, 9)),
        local=draw(st.sampled_from(WORKS)),
        rows=rows,
        tokens=draw(st.integers(0, 500)),
        began_s=draw(seconds),
        ended_s=draw(seconds),
    )


@st.composite
def many_stints(draw, phone, fewest):
    return tuple(draw(st.lists(stints(phone), min_size=fewest, max_size=3)))


@st.composite
def uploads(draw, fewest=0):
    phones = sorted(draw(st.sets(st.integers(0, 99), min_size=fewest, max_size=6)))
    return [
        Upload(
            session=draw(st.integers(0, 999)),
            phone=phone,
            nth=draw(st.integers(0, 9)),
            stints=draw(many_stints(phone, 1)),
            payload_bytes=draw(st.integers(0, 10**7)),
            sent_s=draw(seconds),
            arrived_s=draw(seconds),
        )
        for phone in phones
    ]


def dropouts(made):
    """The same attempts as if none had been used, in order of their ends; and as columns."""
    lost = [Dropout(u.session, u.phone, u.stints[1:], "-v[]+#", u.arrived_s) for u in made]
    lost.sort(key=lambda each: (each.at_s, each.phone))
    columns = Dropouts(
        session=np.array([d.session for d in lost], dtype=np.int64),
        phone=np.array([d.phone for d in lost], dtype=np.int64),
        stints=StintRows.of(d.stints for d in lost),
        shape=np.array([d.shape for d in lost], dtype="<U8"),
        at_s=np.array([d.at_s for d in lost]),
    )
    return lost, columns


@given(made=uploads())
def test_columns_give_back_the_objects_they_were_made_of(made):
    columns = Uploads.of(made)
    assert list(columns) == made
    assert len(columns) == len(made)
    assert columns[1:] == tuple(made[1:])
    assert [columns[-1 - nth] for nth in range(len(made))] == made[::-1]
    assert Uploads.of(columns) is columns
    assert columns.base.tolist() == [u.base for u in made]
    totals = columns.stints.totals(columns.stints.tokens)
    assert totals.tolist() == [u.tokens for u in made]
    with pytest.raises(IndexError):
        columns[len(made)]


@given(made=uploads(fewest=1), order=st.randoms())
def test_some_of_them_in_any_order(made, order):
    places = [place for place in range(len(made)) if order.random() < 0.7]
    order.shuffle(places)
    rows = np.array(places, dtype=np.int64)
    assert list(Uploads.of(made).take(rows)) == [made[place] for place in places]
    lost, columns = dropouts(made)
    assert list(columns.take(rows)) == [lost[place] for place in places]


@given(made=uploads(fewest=1), cuts=st.lists(st.integers(0, 6), max_size=3), order=st.randoms())
def test_parts_join_in_phone_order_and_dropouts_in_order_of_their_ends(made, cuts, order):
    edges = [0, *sorted(min(cut, len(made)) for cut in cuts), len(made)]
    mixed = order.sample(made, len(made))
    parts = [mixed[a:b] for a, b in pairwise(edges)]
    assert list(Uploads.joined([Uploads.of(part) for part in parts])) == made
    lost, _ = dropouts(made)
    columns = [dropouts(part)[1] for part in parts]
    assert list(Dropouts.joined([Dropouts.none(), *columns])) == lost


def test_nothing_at_all():
    assert list(Dropouts.none()) == []
    assert list(Dropouts.joined([Dropouts.none(), Dropouts.none()])) == []
    assert len(Uploads.of([])) == 0
    assert Uploads.of([]).stints.totals(np.zeros(0, dtype=np.int64)).tolist() == []

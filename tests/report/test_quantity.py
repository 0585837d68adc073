import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.report import quantity


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1.00 kB"),
        (1000, "1.00 kB"),
        (3_710_000, "3.71 MB"),
        (37_100_000, "37.1 MB"),
        (999_999, "1.00 MB"),
        (5e9, "5.00 GB"),
        (5e15, "5,000 TB"),
        (0.25, "0.250 B"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_bytes_have_three_digits_and_a_decimal_prefix(value, said):
    assert quantity.data(value) == said


@given(st.floats(1e-6, 1e14))
def test_what_is_said_of_joules_is_within_half_a_percent(value):
    number, unit = quantity.energy(value).replace(",", "").split()
    factor = {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "GJ": 1e9, "TJ": 1e12}[unit]
    assert float(number) * factor == pytest.approx(value, rel=0.0051)
    assert unit == "TJ" or float(number) < 1000


def test_figures_of_other_kinds():
    assert quantity.recall(0.27149) == "0.271"
    assert quantity.share(0.93449) == "93.4%"
    assert quantity.count(12345.4) == "12,345"
    assert quantity.decimal(61.804) == "61.80"
    assert quantity.energy_range(20.0, 41.25, 80.0) == "41.2 J (20.0 J to 80.0 J)"


def test_what_is_unknown_is_a_hyphen():
    for say in (quantity.recall, quantity.share, quantity.count, quantity.decimal):
        assert say(None) == say(math.nan) == "-"
    assert quantity.energy_range(math.nan, math.nan, math.nan) == "-"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0, "0 s"), (144.0, "144 s"), (600.0, "10.0 min"), (7200.0, "120 min"), (36_000.0, "10.0 h"),
     (864_000.0, "10.0 days"), (float("nan"), "-")],
)  # fmt: skip
def test_a_stretch_of_time_has_the_unit_that_keeps_it_small(seconds, said):
    assert quantity.duration(seconds) == said


def test_a_volume_has_one_unit_for_a_whole_axis():
    assert quantity.data_unit(0.0) == ("B", 1.0)
    assert quantity.data_unit(2.5e6) == ("MB", 1e6)

import pytest
from matplotlib.figure import Figure as Canvas

from gboard_sim.report import scale


def row(phones, days, us):
    return {"phones": phones, "days": days, "wall_s": us * phones * days / 1e6}


ROWS = [row(1_000, 1.0, 200), row(10_000, 1.0, 50), row(100_000, 1.0, 40), row(10_000, 4.0, 45)]


def drawn(panel):
    canvas = Canvas()
    panel.draw(canvas)
    return canvas.axes[0]


def test_cost_is_drawn_by_phones_and_by_days_beside_linear_cost():
    by_phones, by_days = (drawn(panel) for panel in scale.figure(ROWS).panels)
    linear, marks = by_phones.lines
    assert marks.get_xdata().tolist() == [1_000, 10_000, 100_000]
    assert marks.get_ydata() == pytest.approx([200, 50, 40])
    assert linear.get_ydata() == pytest.approx([40, 40])
    assert by_days.lines[1].get_xdata().tolist() == [1.0, 4.0]
    assert by_days.lines[1].get_ydata() == pytest.approx([50, 45])
    for axes in (by_phones, by_days):
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_the_words_say_the_marks():
    by_phones, by_days = scale.figure(ROWS).panels
    assert "100,000 phones 40.0 microseconds" in by_phones.alt
    assert by_days.alt.startswith("Marks by days, 10,000 phones")
    assert "4 days 45.0 microseconds" in by_days.alt


def test_one_length_of_run_has_one_panel():
    assert len(scale.figure(ROWS[:3]).panels) == 1

"""What a systems team sees of a fleet: each figure of the four phones against sums by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure as Canvas

from gboard_sim.report import absence, participants, phases, rounds, traffic, waiting
from gboard_sim.report.contents import Contents

H = 3600.0


def drawn(panel):
    canvas = Canvas()
    panel.draw(canvas)
    return canvas.axes


def labels(axes):
    return [text.get_text() for text in axes.texts]


def rows_of(four):
    return four("rows").table("sessions").to_pylist()


def test_participants_are_at_work_from_configuration_to_end(four):
    figure = participants.figure(Contents.read(four()))
    # "v[]" did not check in and "-!" was never configured: four are left, all from second 0 on.
    assert "4 sessions got a plan from the server. At most 4 of them" in figure.caption
    assert "most begin from 1 to 2 h, fewest from 0 to 1 h, 3.0 times as many" in figure.caption
    clock, over_run = (drawn(panel)[0] for panel in figure.panels)
    assert [bar.get_height() for bar in clock.patches][:3] == [0.5, 1.5, 1.0]
    (steps,) = over_run.patches
    assert steps.get_data().values.tolist() == [4.0, *[2.0] * 23]


@given(st.lists(st.tuples(st.floats(0, 20 * H), st.floats(0, 9 * H)), max_size=12))
def test_occupancy_and_peak_are_those_of_a_fine_clock(intervals):
    start_s = np.array([start for start, _ in intervals])
    end_s = start_s + np.array([length for _, length in intervals])
    hours = 24
    found = participants.occupancy(start_s, end_s, hours)
    edges = np.arange(hours + 1) * H
    inside = [
        sum(max(min(b, hi) - max(a, lo), 0.0) for a, b in zip(start_s, end_s, strict=True)) / H
        for lo, hi in pairwise(edges)
    ]
    np.testing.assert_allclose(found, inside, atol=1e-6)
    open_at = [int(((start_s <= t) & (t < end_s)).sum()) for t in start_s[end_s > start_s]]
    real = end_s > start_s
    assert participants.peak(start_s[real], end_s[real]) == max(open_at, default=0)


def test_rounds_are_told_by_percentiles_of_the_log(four):
    figure = rounds.figure(Contents.read(four(summary={"rounds_abandoned": 3})))
    # Configured at second 0 and closed after 1 and 24 hours; 1 and 23 hours apart.
    p50, p90, p99 = (np.percentile([H, 24 * H], q) / H for q in (50, 90, 99))
    assert f"p50 {p50:.1f} h, p90 {p90:.1f} h, p99 {p99:.1f} h; " in figure.caption
    assert "3 more were abandoned" in figure.caption
    p50, p90, p99 = (np.percentile([H, 23 * H], q) / H for q in (50, 90, 99))
    assert figure.panels[1].alt.endswith(f"p50 {p50:.1f} h, p90 {p90:.1f} h, p99 {p99:.1f} h.")
    axes = drawn(figure.panels[0])[0]
    assert sum(axes.patches[0].get_data().values) == 2
    assert [line.get_xdata()[0] for line in axes.lines] == pytest.approx([12.5, 21.7, 23.77])
    assert axes.get_xlabel() == "hours"


def test_a_few_very_long_waits_are_said_and_not_drawn(four):
    row = rows_of(four)[0]
    waits = [*np.linspace(1.0, 100.0, 996), 5000.0, 6000.0, 7000.0, 8000.0]
    figure = waiting.figure(Contents.read(four(sessions=[row | {"wait_s": w} for w in waits])))
    percentiles = [f"p{q} {np.percentile(waits, q):.1f} s" for q in (50, 90, 99)]
    assert ", ".join(percentiles) in figure.caption
    assert "4 are longer than is drawn, up to 133 min" in figure.caption
    axes = drawn(figure.panels[0])[0]
    assert axes.get_xlim()[1] == pytest.approx(1.25 * np.percentile(waits, 99))
    assert sum(axes.patches[0].get_data().values) == 996


def test_waiting_for_the_first_part_is_a_curve_over_the_fleet(four):
    figure = waiting.figure(Contents.read(four()))
    said = "Of the 2 phones that ever took part, half did within 3 h of being eligible for the "
    assert f"{said}first time, and nine in ten within 31 h." in figure.caption
    (line,) = drawn(figure.panels[1])[0].lines
    assert line.get_ydata().tolist() == [0.0, 25.0, 50.0]
    assert line.get_xdata().tolist() == pytest.approx([0.0, 3 / 24, 31 / 24])


def test_what_was_not_kept_is_left_out(four):
    unkept = dict.fromkeys(
        ("participants_by_local_hour", "never_eligible_by_class", "first_use_wait_h")
    )
    contents = Contents.read(four(fleet=unkept))
    assert len(waiting.figure(contents).panels) == 1
    assert len(participants.figure(contents).panels) == 1
    assert next(iter(absence.by_class(contents))) == "never eligible, or never selected"


def test_phones_stand_where_they_stopped(four):
    """Low: one used, one never eligible. Mid: used; not used; left out. High: left before it."""
    more = {"phones_by_class": [2, 3, 1], "never_eligible_by_class": [1, 0, 0]}
    more |= {"participations": {"0": 4, "1": 1, "2": 1}}
    contents = Contents.read(four(fleet=more))
    found = {fate: phones.tolist() for fate, phones in absence.by_class(contents).items()}
    assert found == {
        "never eligible": [1, 0, 0],
        "eligible, never selected": [0, 1, 1],
        "selected, never used": [0, 1, 0],
        "took part": [1, 1, 0],
    }
    figure = absence.figure(contents)
    assert "never eligible 16.7%; eligible, never selected 33.3%;" in figure.caption
    assert figure.table.rows[0] == ("low", "2", "50.0%", "0.0%", "0.0%", "50.0%")
    assert figure.table.rows[-1] == ("all", "6", "16.7%", "33.3%", "16.7%", "33.3%")
    axes = drawn(figure.panels[0])[0]
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches[-4:]]
    assert ends == pytest.approx([100.0] * 4)


def test_the_lorenz_curve_is_that_of_four_phones(four):
    """0, 0, 1 and 2 uploads: Gini 7/12, and the busiest 1.2 phones sent 2.2 of 3."""
    figure = absence.figure(Contents.read(four()))
    assert "The busiest 30% of the phones sent 73.3% of the used uploads" in figure.caption
    assert f"Gini coefficient is {7 / 12:.3f}" in figure.caption
    axes = drawn(figure.panels[1])[0]
    assert axes.lines[1].get_ydata() == pytest.approx([0, 0, 100 / 3, 100])
    assert axes.lines[1].get_xdata() == pytest.approx([0, 50, 75, 100])


def test_phases_are_shares_of_the_whole_and_means_by_shape(four):
    rows = rows_of(four)
    rows[0] |= {"wait_s": 6.0, "paused_s": 4.0}
    rows[1] |= {"task": "evaluate"}
    figure = phases.figure(Contents.read(four(sessions=rows)))
    # 6 sessions of 1 + 2 + 3 seconds, and 10 more of one of them.
    assert "waiting 13.0%; download 13.0%; training 26.1%; paused 8.7%; upload 39.1%" in (
        figure.caption
    )
    assert "download 25.0%; training 50.0%; upload 25.0%" in figure.panels[1].alt
    table = figure.table
    assert table.groups == (("", 2), ("seconds", 5), ("bytes", 2), ("joules", 3))
    by_name = {row[0]: row[1:] for row in table.rows}
    mb = ("1.00 MB", "2.00 MB", "0.500 J", "1.00 J", "0.500 J")
    assert by_name["-v[]+^"] == ("1", "6.00", "1.00", "2.00", "4.00", "3.00", *mb)
    assert by_name["-v[]+^ evaluate"] == ("1", "-", "1.00", "2.00", "-", "3.00", *mb)


def test_phases_that_nobody_spent_anything_in_have_no_column(four):
    assert phases.figure(Contents.read(four())).table.groups[1] == ("seconds", 3)


def test_traffic_counts_bytes_in_the_hour_in_which_their_transfer_ended(four):
    rows = rows_of(four)
    rows[0] |= {"began_s": 2 * H - 1.0}  # downloaded at 2 h exactly
    rows[1] |= {"task": "evaluate"}
    figure = traffic.figure(Contents.read(four(sessions=rows)))
    assert "4.00 MB down and 8.00 MB up in the whole run" in figure.caption
    assert "Down: training 3.00 MB; evaluation 1.00 MB." in figure.caption
    up = "Up: uploads that were used 4.00 MB; uploads that were not used 2.00 MB; evaluation 2.00"
    assert up in figure.caption
    training, *_ = drawn(figure.panels[0])
    assert training.patches[0].get_data().values.tolist()[:4] == [2.0, 0.0, 1.0, 0.0]
    used, unused, _ = drawn(figure.panels[1])
    assert used.get_title() == "up: uploads that were used, MB an hour"
    assert used.patches[0].get_data().values.tolist() == [0.0, 2.0, *[0.0] * 21, 2.0]
    assert unused.patches[0].get_data().values.tolist() == [*[0.0] * 23, 2.0]


@pytest.mark.parametrize("module", [participants, phases, rounds, traffic, waiting])
def test_without_sessions_there_is_nothing_to_show(four, module):
    assert module.figure(Contents.read(four(sessions=[]))) is None

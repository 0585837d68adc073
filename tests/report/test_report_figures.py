"""What each figure says of the four phones of `conftest`, against sums done by hand."""

import pytest
from matplotlib.figure import Figure as Canvas

from gboard_sim.report import availability, costs, participation, recall, shapes, timeline
from gboard_sim.report.contents import Contents


def drawn(panel):
    canvas = Canvas()
    panel.draw(canvas)
    return canvas.axes


def labels(axes):
    return [text.get_text() for text in axes.texts]


def test_recall_is_drawn_by_day_and_by_uplink(four):
    figure = recall.figure(Contents.read(four()))
    by_day, by_mb = (drawn(panel)[0] for panel in figure.panels)
    assert by_day.lines[0].get_xdata().tolist() == [0.0, 3600 / 86400, 1.0]
    assert by_mb.lines[0].get_xdata().tolist() == [0.0, 1.0, 2.0]
    for axes in (by_day, by_mb):
        assert axes.lines[0].get_ydata().tolist() == [0.05, 0.15, 0.25]
        assert labels(axes) == ["ceiling 0.300", "n-gram 0.200", "unigram 0.100", "test 0.240"]
    (ring,) = [line for line in by_mb.lines if line.get_marker() == "o"][1:]
    assert (ring.get_xdata().tolist(), ring.get_ydata().tolist()) == ([2.0], [0.24])
    assert "from 0.050 at the first evaluation to 0.250 at the last" in figure.caption


def test_levels_that_are_not_known_are_not_drawn(four):
    summary = {"ceiling_recall_at_3": None, "ngram_recall_at_3": float("nan")}
    figure = recall.figure(Contents.read(four(summary=summary)))
    assert labels(drawn(figure.panels[0])[0]) == ["unigram 0.100", "test 0.240"]


def test_nothing_learned_is_not_drawn(four_alone):
    assert recall.figure(Contents.read(four_alone())) is None


def test_availability_names_the_busiest_and_the_quietest_hour(four):
    figure = availability.figure(Contents.read(four()))
    assert "most phones are eligible from 2 to 3 h, 75.0% of the fleet" in figure.caption
    assert "fewest from 12 to 13 h, 12.5%: a swing of 6.0 to 1" in figure.caption
    assert "5 sessions were configured in the run, at most 3 in one hour" in figure.caption
    (clock,) = drawn(figure.panels[0])
    assert [bar.get_height() for bar in clock.patches][1:4] == [25.0, 75.0, 25.0]


def test_availability_ends_where_the_run_ended(four):
    figure = availability.figure(Contents.read(four(summary={"simulated_days": 0.51})))
    top, bottom = drawn(figure.panels[1])
    assert top.get_xlim()[1] == bottom.get_xlim()[1] == 13 / 24
    assert "3 sessions were configured" in figure.caption


def test_the_timeline_states_medians_and_staleness(four):
    figure = timeline.figure(Contents.read(four()))
    # 60 minutes and 1,380 minutes; 2 and 1 uploads; (2 x 0 + 1 x 1) / 3 versions old.
    assert "2 versions: 720 minutes from one version to the next, 2 uploads" in figure.caption
    assert "0.33 versions old in the mean, the oldest 1" in figure.caption
    pace, uploads = drawn(figure.panels[0])
    assert pace.lines[0].get_ydata().tolist() == [60.0, 1380.0]
    assert uploads.lines[0].get_ydata().tolist() == [2.0, 1.0]
    assert len(drawn(figure.panels[1])) == 2


def test_a_timeline_without_losses_has_no_row_for_them(four_alone):
    figure = timeline.figure(Contents.read(four_alone()))
    assert len(drawn(figure.panels[1])) == 1
    assert timeline.figure(Contents.read(four_alone(name="none", versions=[]))) is None


def test_shapes_are_counted_and_their_joules_summed(four):
    figure = shapes.figure(Contents.read(four()))
    assert "6 sessions, of which 3 ended in an upload" in figure.caption
    by_shape, joules = (drawn(panel)[0] for panel in figure.panels)
    rows = [tick.get_text() for tick in by_shape.get_yticklabels()]
    assert rows == ["-v[]+^", "-!", "-[]+^", "-v[]+#", "v[]"]
    assert labels(by_shape) == ["2 · 33.3%", *["1 · 16.7%"] * 4]
    assert [tick.get_text() for tick in joules.get_yticklabels()] == [
        "upload used",
        "trained, not sent",
        "upload not used",
    ]
    assert labels(joules) == ["50.0%", "33.3%", "16.7%"]
    assert "".join(sign for sign, _ in figure.key) == "-v[]+^#!*"


def test_rare_shapes_are_counted_together(four):
    row = four("rows").table("sessions").to_pylist()[0]
    many = [row | {"shape": "v" * n} for n in range(1, 13) for _ in range(20 - n)]
    (by_shape, *_) = shapes.figure(Contents.read(four(sessions=many))).panels
    (axes,) = drawn(by_shape)
    assert len(labels(axes)) == shapes.MOST + 1
    assert axes.get_yticklabels()[-1].get_text() == "2 more"
    assert labels(axes)[-1].startswith("17 · ")  # 20 - 11 and 20 - 12 of them


def test_participation_compares_classes_with_the_fleet(four):
    figure = participation.figure(Contents.read(four()))
    assert "2 of 4 phones had an upload used" in figure.caption
    assert "2 phones had no upload used; the busiest had 2" in figure.caption
    classes, histogram = figure.panels
    assert "low: 25.0% of the phones, 33.3% of the used uploads" in classes.alt
    assert "mid: 50.0% of the phones, 66.7% of the used uploads" in classes.alt
    said = labels(drawn(classes)[0])
    assert said == ["1 of 1\ntook part", "1 of 2\ntook part", "0 of 1\ntook part"]
    assert [bar.get_height() for bar in drawn(histogram)[0].patches] == [2.0, 1.0, 1.0]


def test_many_participations_are_counted_in_wider_bars(four):
    many = {str(n): 1 for n in range(100)}
    _, histogram = participation.figure(Contents.read(four(fleet={"participations": many}))).panels
    heights = [bar.get_height() for bar in drawn(histogram)[0].patches]
    assert heights == [4.0] * 25  # 100 // 30 + 1 numbers of uploads to a bar


def test_costs_are_means_over_all_phones_of_a_class(four):
    volumes, joules = costs.figure(Contents.read(four())).panels
    assert "low 1.00 MB down, 2.00 MB up; mid 1.50 MB down, 3.00 MB up" in volumes.alt
    assert "high 0 B down, 0 B up; all 1.00 MB down, 2.00 MB up" in volumes.alt
    assert "mid 5.00 J (3.00 J to 8.50 J)" in joules.alt
    assert "all 3.00 J (1.75 J to 5.25 J)" in joules.alt
    assert labels(drawn(joules)[0])[0] == "2.00 J (1.00 J to 4.00 J)"


def test_a_class_without_phones_has_no_row(four):
    fleet = {"classes": ["low", "mid", "high", "none"], "phones_by_class": [1, 2, 1, 0]}
    fleet |= {"never_eligible_by_class": [0, 0, 0, 0]}
    volumes, _ = costs.figure(Contents.read(four(fleet=fleet))).panels
    rows = [tick.get_text() for tick in drawn(volumes)[0].get_yticklabels()]
    assert rows == ["low", "mid", "high", "all"]


@pytest.mark.parametrize("module", [availability, participation, costs])
def test_no_sessions_at_all_can_be_drawn(four, module):
    bare = {"participations": {"0": 4}, "participants_by_hour": [], "eligible_by_hour": []}
    figure = module.figure(Contents.read(four(sessions=[], versions=[], fleet=bare)))
    assert all(panel.alt for panel in figure.panels)
    for panel in figure.panels:
        drawn(panel)


def test_no_sessions_have_no_shapes(four):
    assert shapes.figure(Contents.read(four(sessions=[]))) is None

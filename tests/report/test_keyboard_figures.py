"""What people who type on a run's keyboard got, on its page."""

import pytest

from gboard_sim.errors import RunDirectoryError
from gboard_sim.report import keystrokes, smart_compose, trigger
from gboard_sim.report.contents import Contents
from gboard_sim.report.page import write_page
from tests.report.typed_run import CURVE, FOUND, SOURCES


def test_a_run_nobody_typed_on_has_no_such_figures(four):
    contents = Contents.read(four())
    assert all(m.figure(contents) is None for m in (keystrokes, smart_compose, trigger))


def test_savings_stand_beside_their_limits_by_person_and_by_class(typed):
    made = keystrokes.figure(Contents.read(typed()))
    for said in (
        "45.0%",
        "15.0%",
        "3.4% of the strips",
        "70.0%",
        "80.0%",
        "3 people with 50 words",
    ):
        assert said in made.caption
    assert [row[0] for row in made.table.rows] == ["test users", "low phones", "high phones"]
    assert made.table.rows[1][1] == "321"
    assert made.table.rows[1][5] == "33.0%"
    assert made.table.rows[2][5] == "-"
    assert "recall@3" in made.draw().document()


def test_few_words_of_each_person_leave_the_limits(typed):
    nobody = {"people": 0, "least_words": 50} | {
        name: {"p10": None, "p50": None, "p90": None, "values": []}
        for name in ("savings", "recall_at_3")
    }
    made = keystrokes.figure(Contents.read(typed(people=nobody)))
    assert len(made.panels) == 1
    assert "people with" not in made.caption


def test_offers_say_what_was_chosen_or_that_nothing_was(typed):
    made = smart_compose.figure(Contents.read(typed()))
    assert "By the model alone: there is none, and nothing is offered." in made.caption
    for said in (
        "60.0% right",
        "at least 50.0%",
        "at 2.00% of the word",
        "46.1% of",
        "45.5% of",
        "45.0%.",
    ):
        assert said in made.caption
    drawn = made.draw().document()
    assert "model alone" in drawn
    assert "with own phrases" in drawn
    law = FOUND["compose"] | {"law_coverage": 0.0003}
    made = smart_compose.figure(Contents.read(typed("law", compose=law)))
    assert "The law itself allows 0.0300% at 50.0%." in made.caption
    bare = {"curve_test": [row | {"offered": 0} for row in CURVE]}
    for sources, there in ((("model",), True), (tuple(SOURCES), False)):
        none = {source: FOUND["compose"][source] | bare for source in sources}
        contents = Contents.read(typed(sources[-1], compose=FOUND["compose"] | none))
        figure = smart_compose.figure(contents)
        assert (figure is not None) == there
        assert figure is None or "model alone<" not in figure.draw().document()


def test_the_trigger_says_precision_with_and_without(typed):
    made = trigger.figure(Contents.read(typed()))
    for said in ("20.0% clicked", "shows 25.0%", "40.0% are clicked", "alone: 35.0%", "30 phones"):
        assert said in made.caption
    assert "score" in made.draw().document()
    assert trigger.figure(Contents.read(typed("without", trigger=None))) is None


def test_the_page_has_them_after_recall(typed):
    page = write_page(typed()).read_text(encoding="utf-8")
    at = [
        page.index(f'id="{name}"') for name in ("recall", "keystrokes", "smart-compose", "trigger")
    ]
    assert at == sorted(at)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"strip": 3}'])
def test_a_damaged_file_is_refused_by_name(four, text):
    directory = four()
    (directory / "keyboard.json").write_text(text)
    with pytest.raises(RunDirectoryError, match=r"keyboard\.json"):
        write_page(directory)

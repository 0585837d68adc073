"""What people who type on a run's keyboard got, on its page."""

import json

import pytest

from gboard_sim.errors import RunDirectoryError
from gboard_sim.report import keystrokes, smart_compose, trigger
from gboard_sim.report.contents import Contents
from gboard_sim.report.page import write_page

STRIP = {
    "messages": 60, "words": 1500, "recall_at_3": 0.25, "impression_recall_at_3": 0.2,
    "click_through": 0.034, "savings": 0.45, "savings_expected": 0.15,
    "savings_vocabulary": 0.7, "savings_perfect": 0.8,
}  # fmt: skip
CURVE = [
    {"confidence": c, "offered": o, "coverage": o / 1000, "precision": p, "precision_low": low}
    for c, o, p, low in ((0.1, 80, 0.3, 0.2), (0.5, 20, 0.6, 0.5), (0.9, 0, None, 0.0))
]  # fmt: skip
FOUND = {
    "weights": "int8",
    "strip": STRIP,
    "people": {
        "people": 3, "least_words": 50,
        "savings": {"p10": 0.1, "p50": 0.4, "p90": 0.6, "values": [0.1, 0.4, 0.6]},
        "recall_at_3": {"p10": 0.2, "p50": 0.25, "p90": 0.3, "values": [0.2, 0.25, 0.3]},
    },
    "phone_classes": {
        "low": STRIP | {"words": 321, "savings": 0.33},
        "high": STRIP | {"words": 0, "savings": None, "recall_at_3": None},
    },
    "compose": {
        "wanted_precision": 0.5, "confidence": 0.5, "test": CURVE[1], "validation": CURVE[1],
        "savings_strip": 0.45, "savings_with_compose": 0.461, "law_coverage": None,
        "curve_test": CURVE, "curve_validation": CURVE,
    },
    "trigger": {
        "least_probability": 0.1, "phones": 30, "rounds": 100,
        "weights": {"bias": -1.0, "score": 2.0}, "proposed": 400, "shown": 100,
        "precision_without": 0.2, "precision_with": 0.4, "clicks_kept": 0.8,
        "precision_score_alone": 0.35,
        "curve": [{"retained": r, "precision": 0.5 - r / 4, "precision_score_alone": 0.2}
                  for r in (0.25, 0.5, 1.0)],
    },
}  # fmt: skip


@pytest.fixture
def typed(four):
    """A run that has been typed on; `typed("without", trigger=None)` changes what was found."""

    def write(name="run", **changed):
        directory = four(name)
        (directory / "keyboard.json").write_text(json.dumps(FOUND | changed))
        return directory

    return write


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
    for said in ("0.5, 60.0% of the offers", "at least 50.0%", "at 2.00% of the word", "46.1%"):
        assert said in made.caption
    assert "chosen" in made.draw().document()
    none = FOUND["compose"] | {"confidence": None, "test": None, "law_coverage": 0.0003}
    made = smart_compose.figure(Contents.read(typed("none", compose=none)))
    assert "nothing is offered. The law itself allows 0.0300%" in made.caption
    assert "chosen" not in made.draw().document()
    bare = FOUND["compose"] | {"curve_test": [row | {"offered": 0} for row in CURVE]}
    assert smart_compose.figure(Contents.read(typed("bare", compose=bare))) is None


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

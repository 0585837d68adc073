import pytest

from gboard_sim.report.text_table import fitted, lines


def test_words_begin_and_figures_end_where_their_column_does():
    rows = [
        {"name": "torch", "phones": 1000, "seconds": 0.012345},
        {"name": "onnxruntime", "phones": 5, "seconds": 12.3456},
        {"name": "numpy", "phones": 0, "seconds": float("nan")},
    ]
    assert list(lines(rows)) == [
        "name         phones  seconds",
        "torch         1,000   0.0123",
        "onnxruntime       5     12.3",
        "numpy             0        -",
    ]


ROWS = [
    {"number": 1, "setting": "schedule.name=every_kth", "low": 0.25, "high": 0.5},
    {"number": 2, "setting": "schedule.name=fixed", "low": 0.125, "high": 0.75},
]


def test_columns_are_left_out_in_the_order_given_and_no_more_than_need_be():
    assert fitted(ROWS, 80, ["high", "low"]) == (ROWS, [])
    rows, left_out = fitted(ROWS, 38, ["none", "high", "low"])
    assert left_out == ["high"]
    assert list(lines(rows)) == [
        "number  setting                    low",
        "     1  schedule.name=every_kth  0.250",
        "     2  schedule.name=fixed      0.125",
    ]
    assert [set(row) for row in rows] == [{"number", "setting", "low"}] * 2


@pytest.mark.parametrize("width", [22, 26, 30])
def test_words_are_cut_where_nothing_more_may_be_left_out(width):
    rows, left_out = fitted(ROWS, width, ["high", "low"])
    assert left_out == ["high", "low"]
    assert max(map(len, lines(rows))) == width
    assert rows[0]["setting"] == f"{ROWS[0]['setting'][: width - 9]}…"


def test_what_cannot_fit_is_still_shown():
    rows, _ = fitted(ROWS, 5, ["high", "low"])
    assert rows[0]["setting"] == "schedule.na…"

from gboard_sim.report import recall_table
from gboard_sim.report.contents import Contents


def test_sets_show_their_last_version_with_all_first_and_without_validation(four):
    test, later = recall_table.tables(Contents.read(four()))
    assert test.title.startswith("Test users")
    assert test.version == 2
    assert [row.group for row in test.rows] == ["all", "later text", "phones of class low"]
    assert test.rows[0].cells == ("1,234", "0.240", "0.120", "61.80", "3.2%")
    assert [row.cells[1] for row in later.rows] == ["0.260"]


def test_nothing_judged_makes_no_table(four_alone):
    assert recall_table.tables(Contents.read(four_alone())) == []


def test_groups_without_words_have_hyphens(four):
    row = Contents.read(four("rows")).evaluations.to_pylist()[4]
    empty = row | {"positions": 0, "recall_at_3": float("nan"), "perplexity": None}
    (test,) = recall_table.tables(Contents.read(four(evaluations=[empty])))
    assert test.rows[0].cells == ("0", "-", "0.120", "-", "3.2%")

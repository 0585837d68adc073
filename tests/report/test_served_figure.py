"""The figure of served recall: there only where versions were installed, and true to its table."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gboard_sim.errors import RunDirectoryError
from gboard_sim.report import served as served_figure
from gboard_sim.report.contents import Contents
from gboard_sim.runlog import served

ROWS = [
    {"at_s": 3600.0, "phones_served": 0.0, "recall_at_3": 0.0, "recall_at_3_injected": 0.0},
    {"at_s": 86400.0, "phones_served": 0.75, "recall_at_3": 0.153, "recall_at_3_injected": 0.42,
     "lag_mean": 1.5, "lag_p90": 4.0},
]  # fmt: skip


def contents(four, rows):
    directory = four()
    pq.write_table(pa.Table.from_pylist(rows, served.SCHEMA), directory / "served.parquet")
    return Contents.read(directory)


def test_a_run_without_installed_versions_has_no_such_figure(four):
    assert served_figure.figure(Contents.read(four())) is None


def test_the_caption_has_the_tables_last_figures(four):
    made = served_figure.figure(contents(four, ROWS))
    assert "0.153, 0.420 on the word that came into use" in made.caption
    assert "75.0% of the phones have a version at the end, 1.50 versions behind" in made.caption
    assert len(made.panels) == 2
    drawn = made.draw().document()
    assert "served recall@3" in drawn
    assert "of the word that came into use" in drawn


def test_a_fleet_that_learned_nothing_has_its_lag_alone(four):
    rows = [row | {"recall_at_3": None, "recall_at_3_injected": None} for row in ROWS]
    made = served_figure.figure(contents(four, rows))
    assert len(made.panels) == 1
    assert "served recall@3" not in made.draw().document()


def test_a_table_of_other_columns_is_refused(four):
    directory = four()
    pq.write_table(pa.table({"at_s": [1.0]}), directory / "served.parquet")
    with pytest.raises(RunDirectoryError, match=r"served\.parquet: its columns"):
        Contents.read(directory)

"""Published figures that a small fleet makes again in seconds; the notebook has all, at length."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from gboard_sim import experiment_file

FOLDER = Path(__file__).parents[1] / "notebooks/published_figures"
KEPT = {row["number"]: row for row in json.loads((FOLDER / "rows.json").read_text())["rows"]}
CLASSES = {"identity", "input", "fitted", "check", "learning"}


@pytest.fixture(scope="module")
def rows():
    """The module beside the notebook."""
    spec = importlib.util.spec_from_file_location("published_rows", FOLDER / "rows.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def made(rows):
    """Production rounds of a fleet small enough for a test, with the devices beside the notebook."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GBOARD_SIM_PATH", str(FOLDER))
        run = rows.run_fleet(rows.experiment(fleet__phones=20_000, protocol__goal=10))
        shapes = rows.run_fleet(
            rows.experiment(fleet__phones=20_000, protocol__goal=10, run__days=2),
            crash_share=rows.ERRORS["crash_share"],
            failure_share=rows.ERRORS["failure_share"],
        )
        found = [
            *rows.production([run]),
            *rows.session_shapes([shapes]),
            *rows.simultaneous([run]),
            *rows.batch_times(),
        ]
    return run, {row.number: row for row in found}


# Rounds of 13 phones in place of 65 scatter more, and so do hours with few rounds: the tolerances
# are those of the rows, but for what an hour of 20 rounds adds.
@pytest.mark.parametrize(
    "number", ["B1a", "B1d", "B2a", "B2b", "B2c", "B2d", "B3", "B4", "B5a", "B6a", "B6b", "B7"]
)
def test_a_small_fleet_meets_the_row(made, number):
    row = made[1][number]
    assert row.met, row.line()
    assert KEPT[number]["met"]


@pytest.mark.parametrize("number", ["B1e", "B5b", "B8a", "B8b", "B13a", "B13b", "B13c"])
def test_a_small_fleet_misses_what_the_notebook_says_is_missed(made, number):
    row = made[1][number]
    assert not row.met, row.line()
    assert not KEPT[number]["met"]


def test_client_run_times_span_two_orders_of_magnitude(made):
    # Held to half the row's bound: the ends of 10,000 sessions scatter.
    assert made[1]["B9"].ours[0] > 50


def test_a_share_of_one_in_over_selection_is_used_where_rounds_close_at_their_goal(made):
    run = made[0]
    whole = run.end.abandoned == 0
    assert whole
    assert run.share("^") == pytest.approx(1 / 1.3, abs=1e-3)


def test_the_batch_times_are_operations_over_rates_by_hand(made):
    # An LSTM of 100 inputs and 650 units has 4 x 650 x (100 + 650 + 1) parameters.
    flop = 6 * 1_952_600 * 100
    for number, rate in (("B13a", 1.36e9), ("B13b", 2.11e9), ("B13c", 3.67e9)):
        assert made[1][number].ours[0] == pytest.approx(flop / rate, rel=1e-12)


def test_little_s_law_holds_for_phones_at_work(made, rows):
    # Counted second by second, with nothing of the formula that the row uses.
    run = made[0]
    told = run.configured & (run.sessions["began_s"] < 71 * 3600)
    began_s = (run.sessions["began_s"] + run.sessions["wait_s"])[told]
    ended_s = run.sessions["ended_s"][told]
    hour = np.arange(48 * 3600.0, 49 * 3600.0)
    begun = np.searchsorted(np.sort(began_s), hour, side="right")
    over = np.searchsorted(np.sort(ended_s), hour, side="right")
    inside = (began_s >= hour[0]) & (began_s < hour[-1])
    expected = inside.sum() / 3600 * (ended_s - began_s)[inside].mean()
    assert (begun - over).mean() == pytest.approx(expected, rel=0.1)


def test_what_is_kept_has_every_row_with_one_class_and_five_seeds():
    numbers = {number.rstrip("abcde") for number in KEPT}
    assert numbers == {f"B{n}" for n in range(1, 14)}
    for row in KEPT.values():
        assert row["kind"] in CLASSES
        assert len(row["ours"]) in (1, 5), row["number"]
        assert row["met"] == (row["lowest"] <= np.mean(row["ours"]) <= row["highest"])


def test_every_variant_names_what_it_is():
    found = experiment_file.variants(FOLDER / "experiment.toml")
    assert found
    assert all(found.values())

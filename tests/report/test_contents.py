import json

import numpy as np
import pyarrow as pa
import pytest

from gboard_sim.errors import RunDirectoryError
from gboard_sim.report.contents import Contents


def test_days_and_uplink_at_versions_are_those_of_the_log(four):
    contents = Contents.read(four())
    days = contents.days_at(np.array([0.0, 1.0, 2.0, 9.0]))
    assert days[:3].tolist() == [0.0, 3600 / 86400, 1.0]
    assert np.isnan(days[3])
    # 2 uploads of 2 MB had ended at version 1 and 4 at version 2, over 4 phones.
    mb = contents.uplink_mb_per_phone_at(days)
    assert mb[:3].tolist() == [0.0, 1.0, 2.0]
    assert np.isnan(mb[3])


def test_sums_by_class_are_those_of_the_log(four):
    contents = Contents.read(four())
    assert contents.sums_by_class("download_bytes").tolist() == [1e6, 3e6, 0.0]
    assert contents.sums_by_class("energy_j").tolist() == [2.0, 10.0, 0.0]


def test_phones_and_uses_are_counted_over_training_alone(four):
    rows = four("rows").table("sessions").to_pylist()
    judged = rows[0] | {"task": "evaluate", "phone": 3, "phone_class": 2}
    contents = Contents.read(four(sessions=[*rows, judged]))
    assert contents.used().tolist() == [True, True, False, False, True, False, False]
    assert contents.phones_by_class_with(contents.used()).tolist() == [1, 1, 0]
    everyone = np.ones(7, dtype=bool)
    assert contents.phones_by_class_with(everyone).tolist() == [1, 2, 1]


def test_facts_that_an_older_fleet_did_not_keep_are_none(four):
    directory = four()
    found = json.loads((directory / "fleet.json").read_text())
    optional = {"participants_by_local_hour", "never_eligible_by_class", "first_use_wait_h"}
    kept = {key: value for key, value in found.items() if key not in optional}
    (directory / "fleet.json").write_text(json.dumps(kept))
    fleet = Contents.read(directory).fleet
    assert fleet.participants_by_local_hour is None
    assert fleet.never_eligible_by_class is None
    assert (fleet.first_use_wait_h, fleet.phones_by_first_use_wait) == (None, None)


def test_a_figure_that_is_no_number_is_unknown(four):
    summary = {"recall_at_3": float("nan"), "seed": True, "perplexity": None}
    contents = Contents.read(four(summary=summary))
    for key in ("recall_at_3", "seed", "perplexity", "never heard of", "stop_reason"):
        assert contents.figure(key) is None
    assert contents.figure("versions") == 2.0


@pytest.mark.parametrize("name", ["experiment.toml", "summary.json", "fleet.json"])
def test_a_missing_file_is_said(four, name):
    directory = four()
    (directory / name).unlink()
    with pytest.raises(RunDirectoryError, match=name):
        Contents.read(directory)


@pytest.mark.parametrize("name", ["sessions", "versions", "evaluations"])
def test_a_cut_table_is_said(four, name):
    directory = four()
    path = directory / f"{name}.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunDirectoryError, match=name):
        Contents.read(directory)


def test_a_table_with_other_columns_is_said(four):
    directory = four(versions=pa.table({"version": [1, 2]}))
    with pytest.raises(RunDirectoryError, match="columns"):
        Contents.read(directory)


def test_an_unknown_phone_class_is_said(four):
    directory = four(fleet={"classes": ["low", "mid"], "phones_by_class": [1, 3]})
    with pytest.raises(RunDirectoryError, match="phone_class"):
        Contents.read(directory)


@pytest.mark.parametrize(
    "broken",
    [
        {"classes": ["low"]},
        {"phones_by_class": [0, 0, 0]},
        {"eligible_by_local_hour": [1.0]},
        {"participants_by_hour": []},
        {"participations": [1]},
        {"eligible_by_hour": "many"},
        {"participants_by_local_hour": [1.0]},
        {"never_eligible_by_class": [0, 3, 0]},
        {"first_use_wait_h": {"soon": 1}},
    ],
)
def test_a_damaged_fleet_file_is_said(four, broken):
    with pytest.raises(RunDirectoryError, match=r"fleet\.json"):
        Contents.read(four(fleet=broken))


def test_a_summary_that_is_no_object_is_said(four):
    directory = four()
    (directory / "summary.json").write_text(json.dumps([1]))
    with pytest.raises(RunDirectoryError, match="object"):
        Contents.read(directory)

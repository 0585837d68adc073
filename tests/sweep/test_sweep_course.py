"""The course of a run, against sums over its sessions one by one."""

import pytest

from gboard_sim import simulate
from gboard_sim.experiment import file as experiment_file
from gboard_sim.sweep import course as sweep_course
from gboard_sim.units import DAY_S

SHORT = {
    "run.workers": 1,
    "run.versions": 5,
    "evaluation.every": 2,
    "evaluation.baselines": False,
    "evaluation.test_messages": 50,
    "protocol.over_selection": 2.0,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    experiment = experiment_file.load("smoke", overrides=SHORT)
    return simulate.run(experiment, out=tmp_path_factory.mktemp("run") / "out")


def test_what_a_version_cost_is_the_sum_of_the_sessions_configured_by_then(finished):
    sessions = finished.table("sessions").to_pylist()
    closed = {row["version"]: row["closed_s"] for row in finished.table("versions").to_pylist()}
    phones = finished.summary["phones"]
    course = sweep_course.course(finished.directory, phones)
    assert [row["version"] for row in course] == [0, 2, 4, 5]
    assert course[0]["uplink_bytes_per_phone_mean"] == course[0]["simulated_days"] == 0
    columns = {
        "uplink_bytes_per_phone_mean": "upload_bytes",
        "downlink_bytes_per_phone_mean": "download_bytes",
        "energy_j_per_phone_mean": "energy_j",
        "energy_j_per_phone_mean_low": "energy_low_j",
        "energy_j_per_phone_mean_high": "energy_high_j",
    }
    for row in course[1:]:
        at_s = closed[row["version"]]
        assert row["simulated_days"] == pytest.approx(at_s / DAY_S)
        spent = [one for one in sessions if one["began_s"] + one["wait_s"] <= at_s]
        assert 0 < len(spent) < len(sessions) or row is course[-1]
        for name, column in columns.items():
            total = sum(one[column] for one in spent)
            assert row[name] == pytest.approx(total / phones, rel=1e-12)
            assert row[name] <= finished.summary[name] * (1 + 1e-12)


def test_its_recall_is_that_of_validation_users(finished):
    judged = {
        row["version"]: row["recall_at_3"]
        for row in finished.table("evaluations").to_pylist()
        if (row["set"], row["group"]) == ("validation", "all")
    }
    course = sweep_course.course(finished.directory, 60)
    assert {row["version"]: row["validation_recall_at_3"] for row in course} == judged

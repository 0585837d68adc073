"""What a summary says of the fleet, by hand for six sessions."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gboard_sim.course.fleet_figures import fleet_figures
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.plain import plain
from gboard_sim.runlog.tables import SCHEMAS

SESSIONS = [
    # task, shape, began_s, wait_s, down, up, used_in
    ("train", "-v[]+^", 0.0, 5.0, 10, 7, 1),
    ("train", "-v[]+#", 0.0, 5.0, 10, 7, -1),
    ("train", "-v[]+!", 1.0, 4.0, 10, 3, -1),
    ("evaluate", "-v[]+^", 20.0, 1.0, 10, 2, 1),
    ("train", "v", 30.0, 0.0, 4, 0, -1),
    ("train", "-v[]+^", 100.0, 20.0, 10, 7, 2),
]
END = SimpleNamespace(
    stop_reason="days", versions=2, rounds=2, abandoned=1, evaluations=3, ended_s=43_200.0,
    installs=1, install_bytes=5,
    checkins=9, rejected=2, turned_away=1, sessions=6, cycles_abandoned=0,
    participations=np.array([0, 2, 0, 0]),
    upload_bytes=np.array([0, 20, 6, 0]), download_bytes=np.array([9, 30, 10, 10]),
    energy_j=np.array([[1.0, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]),
)  # fmt: skip


def found(path, sessions=SESSIONS, end=END, closed_s=(65.0, 160.0)):
    keys = ("task", "shape", "began_s", "wait_s", "download_bytes", "upload_bytes", "used_in")
    rows = [dict(zip(keys, row, strict=True)) for row in sessions]
    versions = [{"version": n, "closed_s": at} for n, at in enumerate(closed_s, start=1)]
    for name, made in (("sessions", rows), ("versions", versions)):
        pq.write_table(pa.Table.from_pylist(made, SCHEMAS[name]), path / f"{name}.parquet")
    return plain(fleet_figures(RunDirectory(path), end))


def test_bytes_are_counted_by_purpose_and_add_up(tmp_path):
    facts = found(tmp_path)
    up = {"used": 14, "unused": 7, "broken_off": 3, "evaluation": 2}
    down = {"training": 44, "evaluation": 10, "install": 5}
    assert (facts["uplink_bytes_by_purpose"], facts["downlink_bytes_by_purpose"]) == (up, down)
    assert (sum(up.values()), sum(down.values())) == (
        facts["uplink_bytes"],
        facts["downlink_bytes"],
    )


def test_shapes_are_counted_over_all_tasks(tmp_path):
    shapes = {"-v[]+!": 1, "-v[]+#": 1, "-v[]+^": 3, "v": 1}
    assert list(found(tmp_path)["session_shapes"].items()) == list(shapes.items())


def test_rounds_last_from_configuration_and_no_evaluation_is_one(tmp_path):
    facts = found(tmp_path)  # 5 to 65 s, and 120 to 160 s
    expected = [np.percentile([60.0, 40.0], q) for q in (50, 90, 99)]
    assert [facts[f"round_s_p{q}"] for q in (50, 90, 99)] == pytest.approx(expected)


def test_updates_held_back_are_those_of_silent_phones_of_all_that_were_ready(tmp_path):
    silent = [("train", "-v[]", 50.0, 1.0, 10, 0, -1), ("train", "-v![]", 51.0, 1.0, 10, 0, -1)]
    others = [("train", "v[]", 52.0, 0.0, 4, 0, -1), ("train", "-v[!", 53.0, 1.0, 9, 0, -1)]
    assert found(tmp_path, [*SESSIONS, *silent, *others])["updates_held_back_share"] == 2 / 6
    assert found(tmp_path)["updates_held_back_share"] == 0.0
    assert found(tmp_path, others)["updates_held_back_share"] is None


def test_one_phone_of_four_that_did_it_all(tmp_path):
    facts = found(tmp_path)
    assert facts["participation_gini"] == pytest.approx(3 / 4)
    assert facts["participation_top_30_share"] == pytest.approx(1.0)
    assert facts["simulated_days"] == 0.5


def test_counts_are_those_of_the_fleet(tmp_path):
    facts = found(tmp_path)
    assert (facts["rounds"], facts["rounds_abandoned"], facts["evaluation_rounds"]) == (2, 1, 3)
    assert (facts["checkins_rejected"], facts["checkins_rejected_by_bounds"]) == (2, 1)


def test_nothing_happened_is_null(tmp_path):
    end = SimpleNamespace(**vars(END) | {"participations": np.zeros(4, dtype=int)})
    facts = found(tmp_path, sessions=[], end=end, closed_s=())
    keys = ("round_s_p50", "round_s_p99", "participation_gini", "participation_top_30_share")
    assert [facts[key] for key in keys] == [None] * 4
    assert facts["session_shapes"] == {}
    assert set(facts["uplink_bytes_by_purpose"].values()) == {0}

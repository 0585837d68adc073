"""A world built from an experiment: by what its phones are eligible."""

import numpy as np
import pytest

from gboard_sim.errors import ExperimentError, TraceError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.fleet.trace import TraceWindows
from gboard_sim.world import world

TRACE = "phone,start_s,end_s,signals\na,3600,7200,idle\na,5000,9000,charging\nb,10,20,idle\n"


def built(**fleet):
    fleet = {f"fleet.{key}": value for key, value in fleet.items()}
    fleet = {"fleet.phones": 30, "protocol.goal": 5} | fleet
    return world.build(experiment_file.load("smoke", overrides=fleet))


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text(TRACE)
    return str(path)


def test_a_trace_takes_the_place_of_habits(trace):
    needs = ["idle", "charging"]
    windows = built(trace=trace, trace_needs=needs, trace_days=2).windows
    assert isinstance(windows, TraceWindows)
    found = windows.day(0)
    # Phone b is never on the charger, and every other copy of phone a lives the day after.
    assert found.phone.tolist() == list(range(0, 30, 4))
    assert set(zip(found.start_s.tolist(), found.end_s.tolist(), strict=True)) == {(5000.0, 7200.0)}
    stops = built(trace=trace, trace_needs=needs, trace_end="stop").windows
    assert stops.begins_s(1) == np.inf


def test_the_first_weekday_moves_the_weekend_of_the_habits():
    starts = {
        day: built(phones=800, first_weekday=day).windows.day(1).start_s.tolist()
        for day in ("monday", "tuesday", "friday")
    }
    assert starts["monday"] == starts["tuesday"] != starts["friday"]
    assert built(phones=800).windows.day(1).start_s.tolist() == starts["monday"]


@pytest.mark.parametrize(
    ("fleet", "says"),
    [
        ({"trace_end": "stop"}, r"trace_end.*does nothing without trace"),
        ({"trace_days": 3}, r"trace_days.*does nothing without trace"),
        ({"trace_needs": ["idle"]}, r"trace_needs.*does nothing without trace"),
        ({"trace": "x.csv", "first_weekday": "friday"}, r"first_weekday.*does nothing with trace"),
        ({"trace": "x.csv", "trace_needs": ["wifi"]}, r"trace_needs.*wifi.*'idle', 'charging'"),
        ({"trace": "x.csv", "trace_needs": []}, r"trace_needs"),
        ({"trace": "x.csv", "trace_end": "loop"}, r"trace_end.*loop.*'wrap' or 'stop'"),
        ({"trace": "x.csv", "trace_days": 0}, r"trace_days"),
        ({"trace": ""}, r"fleet\.trace"),
        ({"first_weekday": "someday"}, r"first_weekday.*someday.*'monday'"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(fleet, says):
    with pytest.raises(ExperimentError, match=says):
        built(**fleet)


def test_a_trace_that_cannot_be_replayed_is_refused(trace):
    with pytest.raises(TraceError, match="never hold together"):
        built(trace=trace)
    with pytest.raises(TraceError, match=r"none\.csv: not a readable trace"):
        built(trace="none.csv")

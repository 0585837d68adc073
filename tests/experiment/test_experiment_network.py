"""The table `[network]`: what it becomes, and what it refuses."""

import pytest

from gboard_sim.errors import ExperimentError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.fleet.conditions import DOWNLOAD, UPLOAD
from gboard_sim.world import world


def test_the_table_becomes_the_capacity_of_the_world():
    experiment = experiment_file.load(
        "smoke",
        overrides=[
            "network.server_up_mbit_per_s=8.0",
            "network.access_point_phones=3",
            "network.access_point_mbit_per_s=80.0",
        ],
    )
    capacity = world.build(experiment).terms.capacity
    assert [capacity.bytes_per_s(link) for link in capacity.route(UPLOAD, 4)] == [1e6, 1e7]
    assert [capacity.bytes_per_s(link) for link in capacity.route(DOWNLOAD, 4)] == [1e7]
    assert not world.build(experiment_file.load("smoke")).terms.capacity.shared


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["network.server_up_mbit_per_s=0.0"], ["network.server_up_mbit_per_s = 0.0", "greater"]),
        (["network.server_down_mbit_per_s=-1.0"], ["server_down_mbit_per_s = -1.0"]),
        (["network.server_down_mbit_per_s=nan"], ["server_down_mbit_per_s = nan"]),
        (["network.server_down_mbit_per_s=inf"], ["server_down_mbit_per_s = inf", "finite"]),
        (["network.access_point_phones=2.5"], ["access_point_phones = 2.5", "whole number"]),
        (["network.access_point_phones=2"], ["access_point_mbit_per_s(=None)", "together"]),
        (["network.access_point_mbit_per_s=9.0"], ["access_point_phones(=None)", "together"]),
        (["network.server_mbit=9.0"], ["unknown key 'network.server_mbit'", "did you mean"]),
        (
            ["protocol.interruption=pause", "network.server_up_mbit_per_s=9.0"],
            ["interruption(='pause')", "network.server_up_mbit_per_s(=9.0)", "hint: abort"],
        ),
    ],
)
def test_what_cannot_be_shared_is_refused_by_key_and_value(overrides, said):
    with pytest.raises(ExperimentError) as refused:
        experiment_file.load("smoke", overrides=overrides)
    for part in said:
        assert part in str(refused.value)

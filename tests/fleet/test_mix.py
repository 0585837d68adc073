"""The files of devices/: all of them load, and what is wrong with one is said."""

from copy import deepcopy

import numpy as np
import pytest

from gboard_sim import catalogue
from gboard_sim.errors import CatalogueError
from gboard_sim.fleet import availability, network, phone_class
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.population import populate

UNITS = ("_s", "_h", "_w", "_share", "_sigma", "_sd", "_factor", "_per_day", "_median", "_cv")
BARE = {"title", "sigma", "correlation", "value", "phones", "networks", "availability"}
BARE |= {"retries", "transfer"}


@pytest.mark.parametrize("name", catalogue.names("devices/fleets"))
def test_every_shipped_fleet_loads_with_all_that_it_names(name):
    mix = load_fleet(name, catalogue.read)
    assert len(mix.classes) == len(mix.class_shares) >= 1


@pytest.mark.parametrize(
    ("module", "kind"),
    [(phone_class, "phones"), (network, "networks"), (availability, "availability")],
)
def test_every_shipped_entry_loads_and_names_its_units(module, kind):
    for name in catalogue.names(f"devices/{kind}"):
        module.load(name, catalogue.read)
        for key in catalogue.read(f"devices/{kind}", name):
            known = key.removesuffix("_median").removesuffix("_share")
            assert key in BARE or key.endswith(UNITS) or known.endswith(("_per_s", "_h")), key


def broken(kind, name, change):
    def read(asked_kind, asked_name):
        data = deepcopy(catalogue.read(asked_kind, asked_name))
        if (asked_kind, asked_name) == (f"devices/{kind}", name):
            change(data)
        return data

    return read


@pytest.mark.parametrize(
    ("kind", "name", "change", "said"),
    [
        ("phones", "low", lambda d: d.update(speed=1), r"low\.toml: unknown key 'speed'"),
        ("phones", "low", lambda d: d.pop("crash_share"), "crash_share is missing"),
        ("phones", "mid", lambda d: d["crash_share"].update(value=-0.1), r"-0\.1 is not allowed"),
        ("phones", "mid", lambda d: d["crash_share"].update(value=1.5), "at most 1"),
        ("phones", "mid", lambda d: d["crash_share"].update(value=True), "True is not allowed"),
        ("phones", "mid", lambda d: d["crash_share"].update(value=float("nan")), "nan is not"),
        ("phones", "mid", lambda d: d["crash_share"].pop("assumed"), "exactly one of source"),
        ("phones", "mid", lambda d: d["crash_share"].update(source="x"), "exactly one of source"),
        ("phones", "mid", lambda d: d["crash_share"].update(unit="x"), "unknown key crash_share"),
        ("phones", "high", lambda d: d["training_power_w"].update(low=9.0), "low <= value <= high"),
        ("phones", "high", lambda d: d["runtime_factor"].update(value=0), "must be above 0"),
        ("phones", "high", lambda d: d.update(title=" "), "must be text"),
        ("networks", "wifi", lambda d: d["floor_mbit_per_s"].update(value=900.0), "at most ceil"),
        ("networks", "wifi", lambda d: d.update(sigma=0.9), "write"),
        ("networks", "wifi", lambda d: d["round_trip_s"].update(value=-0.1), r"-0\.1 is not allow"),
        ("networks", "wifi", lambda d: d["up_hourly_cv"].update(value=float("nan")), "nan is not"),
        ("networks", "wifi", lambda d: d["loss_share"].update(value=1.0), r"at most 0\.5"),
        ("networks", "wifi", lambda d: d["retries"].update(value=1.5), "must be a whole number"),
        ("networks", "wifi", lambda d: d["retry_wait_s"].update(value=float("inf")), "finite"),
        ("networks", "wifi", lambda d: d.update(transfer="retry"), "one of restart, resume"),
        ("networks", "wifi", lambda d: d.update(latency_s=1.0), "unknown key 'latency_s'"),
        ("availability", "nightly", lambda d: d["leave_h"].update(value=16.0), "leave_h.*at most"),
        ("fleets", "default", lambda d: d["phones"]["low"].update(value=0.4), "sum to 1.1"),
        ("fleets", "default", lambda d: d.update(networks={}), "table of names"),
        (
            "fleets",
            "default",
            lambda d: d["time_zones"]["pacific"].update(utc_offset_h=-13),
            "utc_offset_h = -13",
        ),
        ("fleets", "default", lambda d: d["time_zones"]["pacific"].update(share=0.2), "sum to"),
    ],
)
def test_a_malformed_entry_is_refused_by_file_key_and_value(kind, name, change, said):
    with pytest.raises(CatalogueError, match=said) as caught:
        load_fleet("default", broken(kind, name, change))
    assert f"devices/{kind}/{name}.toml" in str(caught.value)


def test_a_fleet_has_the_shares_and_medians_that_its_files_say():
    mix = load_fleet("default", catalogue.read)
    fleet = populate(mix, 40_000, seed=2)
    for index, share in enumerate(mix.class_shares):
        assert (fleet.phone_class == index).mean() == pytest.approx(share, abs=0.01)
        speed = fleet.flop_per_s[fleet.phone_class == index]
        median = mix.classes[index].flop_per_s_median * mix.classes[index].runtime_factor
        assert np.median(speed) == pytest.approx(median, rel=0.03)
        assert np.log(speed).std() == pytest.approx(mix.classes[index].flop_per_s_sigma, rel=0.03)
    assert np.median(fleet.down_bytes_per_s) == pytest.approx(30e6 / 8, rel=0.03)
    assert np.median(fleet.up_bytes_per_s) == pytest.approx(15e6 / 8, rel=0.03)
    assert fleet.up_bytes_per_s.min() >= 1e6 / 8
    assert fleet.down_bytes_per_s.max() <= 500e6 / 8
    together = np.corrcoef(np.log(fleet.down_bytes_per_s), np.log(fleet.up_bytes_per_s))[0, 1]
    assert together == pytest.approx(0.7, abs=0.02)
    assert sorted(set((fleet.utc_offset_s / 3600).tolist())) == [-8, -7, -6, -5]

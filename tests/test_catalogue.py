"""Entries by name: the user's folder first, then the data that ships."""

from pathlib import Path

import pytest

from gboard_sim import catalogue
from gboard_sim.errors import CatalogueError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.learning.law.law import Law
from gboard_sim.learning.model.spec import load_spec

ROOT = Path(__file__).parents[1]
DEVICES = sorted((ROOT / "devices").rglob("*.toml"))
MODELS = sorted((ROOT / "models").glob("*/spec.toml"))


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of the user's own."""
    monkeypatch.setenv(catalogue.USER_PATH_VARIABLE, str(tmp_path))
    (tmp_path / "devices" / "phones").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("path", DEVICES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_device_file_is_an_entry_that_reads(path):
    kind = path.parent.relative_to(ROOT).as_posix()
    assert path.stem in catalogue.names(kind)
    assert catalogue.read(kind, path.stem)


@pytest.mark.parametrize("name", catalogue.names("devices/fleets"))
def test_every_fleet_loads_with_its_phones_networks_and_availability(name):
    mix = load_fleet(name, catalogue.read)
    assert {kind.name for kind in mix.classes} <= set(catalogue.names("devices/phones"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.parent.name)
def test_every_model_loads(path):
    assert path.parent.name in catalogue.names("models")
    assert load_spec(path.parent.name).name == path.parent.name


def test_there_are_device_files_of_every_kind_and_the_law_loads():
    kinds = {path.parent.name for path in DEVICES}
    assert kinds == {"phones", "networks", "availability", "fleets"}
    assert len(Law.load(catalogue.locate("models", "law")).words) >= 1000


@pytest.mark.parametrize(
    "path", sorted(catalogue.experiments().glob("*.toml")), ids=lambda p: p.stem
)
def test_every_shipped_experiment_and_variant_is_valid(path):
    for variant in (None, *experiment_file.variants(path)):
        experiment = experiment_file.load(path.stem, variant=variant)
        catalogue.locate("devices/fleets", experiment.fleet.mix)
        catalogue.locate("models", experiment.model.name)


def test_the_users_folder_comes_first_and_hides_nothing_else(mine):
    shipped = catalogue.read("devices/phones", "mid")
    (mine / "devices" / "phones" / "mid.toml").write_text("mine = true")
    (mine / "devices" / "phones" / "toaster.toml").write_text("watts = 900")
    assert catalogue.read("devices/phones", "mid") == {"mine": True} != shipped
    assert catalogue.read("devices/phones", "low")
    assert catalogue.names("devices/phones") == ["high", "low", "mid", "toaster"]


def test_without_a_named_folder_the_working_directory_is_the_users(tmp_path, monkeypatch):
    monkeypatch.delenv(catalogue.USER_PATH_VARIABLE, raising=False)
    (tmp_path / "models" / "own").mkdir(parents=True)
    (tmp_path / "models" / "own" / "spec.toml").write_text("x = 1")
    monkeypatch.chdir(tmp_path)
    assert catalogue.read("models", "own") == {"x": 1}
    assert "gboard-cifg" in catalogue.names("models")


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("devices/phones", "hihg", "did you mean 'high'?"),
        ("models", "gboard-cfig", "did you mean 'gboard-cifg'?"),
        ("devices/networks", "carrier-pigeon", "there are: "),
        ("devices/fleets", "", "there are: default"),
        ("models", "law", "there are: gboard-cifg"),  # a folder, but no model
    ],
)
def test_an_unknown_name_is_refused_with_a_hint(kind, name, hint):
    with pytest.raises(CatalogueError) as refused:
        catalogue.read(kind, name)
    assert f"{kind}: no entry {name!r}" in str(refused.value)
    assert hint in str(refused.value)


@pytest.mark.parametrize("content", [b"mine = ", b"name = '\xff'", None])
def test_a_malformed_entry_is_named(mine, content):
    path = mine / "devices" / "phones" / "broken.toml"
    path.write_bytes(content) if content is not None else path.symlink_to(mine)
    with pytest.raises(CatalogueError, match=r"broken"):
        catalogue.read("devices/phones", "broken")

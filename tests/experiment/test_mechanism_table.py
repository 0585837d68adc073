from typing import get_args

import pytest

from gboard_sim.experiment.mechanisms import TABLE, Place, at
from gboard_sim.experiment.privacy import Privacy


def test_every_place_has_its_mechanisms_and_each_has_one_place():
    assert sorted(name for place in get_args(Place) for name in at(place)) == sorted(TABLE)
    assert at("nowhere") == ("none",)
    assert at("server") == ("central_gaussian", "tree", "banded", "blt")


@pytest.mark.parametrize("name", TABLE)
def test_its_keys_are_keys_of_the_experiment_file(name):
    entry, keys = TABLE[name], set(Privacy.model_fields) - {"mechanism"}
    assert set(entry.needs) <= set(entry.takes) <= keys
    assert len(set(entry.takes)) == len(entry.takes)


def test_every_key_does_something_with_some_mechanism():
    taken = {key for entry in TABLE.values() for key in entry.takes}
    assert taken == set(Privacy.model_fields) - {"mechanism"}

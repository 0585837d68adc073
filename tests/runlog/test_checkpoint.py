"""The newest state: what goes in comes out, and nothing else is taken for one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors.numpy import save

from gboard_sim.errors import RunDirectoryError
from gboard_sim.runlog.checkpoint import NAME, Checkpoint
from gboard_sim.runlog.directory import RunDirectory

POSITION = {"parts": 3, "rows": {"sessions": 12, "cohorts": 4}, "digests": {"sessions": "ab"}}


@given(
    arrays=st.dictionaries(
        st.sampled_from(["first", "second", "velocity"]),
        npst.arrays(np.float64, st.integers(0, 9), elements=st.floats(width=64)),
    ),
    facts=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
def test_a_checkpoint_comes_back_bit_for_bit(tmp_path_factory, arrays, facts):
    directory = RunDirectory(tmp_path_factory.mktemp("run"))
    Checkpoint(facts, arrays, POSITION).save(directory)
    found = Checkpoint.load(directory)
    assert found is not None
    assert (found.learner, found.journal) == (facts, POSITION)
    assert found.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found.arrays[name].dtype == np.float64
        assert found.arrays[name].tobytes() == array.tobytes()


def test_the_last_one_replaces_the_one_before(tmp_path):
    directory = RunDirectory(tmp_path)
    assert Checkpoint.load(directory) is None
    for facts in ("one", "two"):
        Checkpoint(facts, {"v": np.arange(3.0)[::-1]}, POSITION).save(directory)
    found = Checkpoint.load(directory)
    assert found is not None
    assert found.learner == "two"
    assert found.arrays["v"].tolist() == [2.0, 1.0, 0.0]
    assert [path.name for path in (tmp_path / NAME).parent.iterdir()] == ["newest.safetensors"]


@pytest.mark.parametrize("kept", [0, 7, 40, -1])
def test_a_damaged_checkpoint_is_refused(tmp_path, kept):
    directory = RunDirectory(tmp_path)
    Checkpoint("facts", {"v": np.arange(30.0)}, POSITION).save(directory)
    content = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(content[:kept])
    with pytest.raises(RunDirectoryError, match=r"newest\.safetensors: damaged"):
        Checkpoint.load(directory)


@pytest.mark.parametrize("facts", [None, {"learner": "x"}, {"learner": "x", "journal": "{"}])
def test_another_safetensors_file_is_not_taken_for_a_checkpoint(tmp_path, facts):
    directory = RunDirectory(tmp_path)
    directory.write_bytes(NAME, save({"v": np.arange(3.0)}, metadata=facts))
    with pytest.raises(RunDirectoryError, match="damaged"):
        Checkpoint.load(directory)

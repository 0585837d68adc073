"""What is sent is what is received, whatever its arrays weigh, and it is the receiver's own."""

import errno
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gboard_sim.errors import GboardSimError
from gboard_sim.learning.array_pipe import KEPT_BYTES, SMALL_BYTES, ArrayPipe, memory_file

LARGE = SMALL_BYTES // 8 + 3
"""Numbers of an array that goes through the file, and ends within a page."""

arrays = hnp.arrays(
    dtype=st.sampled_from([np.float32, np.float64, np.int32, np.uint8]),
    shape=st.sampled_from([0, 1, 7, (3, 5), LARGE, (2, LARGE), 5 * LARGE]),
    elements=st.integers(0, 255),
    fill=st.integers(0, 255),
)


@dataclass(frozen=True)
class Nested:
    """As jobs and their answers are."""

    name: str
    parts: tuple[dict[str, np.ndarray], ...]


def ends() -> tuple[ArrayPipe, ArrayPipe]:
    near, far = Pipe()
    file = memory_file()
    return ArrayPipe(near, file), ArrayPipe(far, os.dup(file))


@pytest.fixture
def pipes() -> Iterator[tuple[ArrayPipe, ArrayPipe]]:
    near, far = ends()
    yield near, far
    near.close()
    far.close()


def carried(near: ArrayPipe, far: ArrayPipe, message):
    """What arrives; sent beside it, as the pipe itself holds 64 KiB."""
    sender = Thread(target=near.send, args=(message,))
    sender.start()
    arrived = far.recv()
    sender.join()
    return arrived


def assert_equal(one: Nested, other: Nested) -> None:
    assert one.name == other.name
    for mine, its in zip(one.parts, other.parts, strict=True):
        assert list(mine) == list(its)
        for key, array in mine.items():
            assert its[key].dtype == array.dtype
            np.testing.assert_array_equal(its[key], array)


@given(st.lists(st.lists(st.dictionaries(st.text(max_size=3), arrays, max_size=3), max_size=3)))
def test_messages_arrive_as_they_were_sent_in_both_directions(messages):
    near, far = ends()
    try:
        for turn, parts in enumerate(messages):
            message = Nested(f"turn {turn}", tuple(parts))
            assert_equal(message, carried(near, far, message))
            near, far = far, near
    finally:
        near.close()
        far.close()


def test_what_was_received_does_not_change_with_the_next_message(pipes):
    first = carried(*pipes, np.full(LARGE, 1.0))
    carried(*pipes[::-1], np.full(2 * LARGE, 2.0))
    assert first.flags.writeable
    assert np.all(first == 1.0)


def test_a_view_of_every_other_number_arrives_too(pipes):
    every = np.arange(4 * LARGE, dtype=np.float64).reshape(2, -1)
    np.testing.assert_array_equal(carried(*pipes, every[:, ::2]), every[:, ::2])
    np.testing.assert_array_equal(carried(*pipes, every.T), every.T)


def test_large_arrays_do_not_go_through_the_connection(pipes):
    near, far = pipes
    near.send(np.zeros(1000 * LARGE))  # far more than a pipe holds: this would wait for ever
    sizes, rest = far.connection.recv()
    assert sizes == [8 * 1000 * LARGE]
    assert len(rest) < 1000


def test_a_file_of_the_disk_serves_where_there_is_none_in_memory(monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    near, far = ends()
    message = np.arange(3 * LARGE)
    np.testing.assert_array_equal(carried(near, far, message), message)
    near.close()
    far.close()


def test_an_end_that_closes_is_the_end(pipes):
    near, far = ends()
    near.close()
    with pytest.raises(EOFError):
        far.recv()
    with pytest.raises(OSError, match="Broken pipe"):
        far.send(1)
    far.close()


def test_arrays_that_are_lost_are_an_end_too(pipes):
    near, far = pipes
    aside = []
    rest = pickle.dumps(np.zeros(LARGE), protocol=5, buffer_callback=aside.append)
    near.connection.send(([8 * LARGE], rest))
    with pytest.raises(EOFError, match="not there"):
        far.recv()


def test_where_there_is_no_room_nothing_is_sent_and_the_next_message_is(pipes, monkeypatch):
    near, far = pipes

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(GboardSimError, match=f"no room for the {8 * LARGE:,} bytes.*No space"):
            near.send(np.zeros(LARGE))
    assert not far.connection.poll()
    assert carried(near, far, "as ever") == "as ever"


def test_the_file_is_small_again_after_a_long_message(pipes):
    near, far = pipes
    carried(near, far, [np.zeros(KEPT_BYTES, np.uint8), np.ones(KEPT_BYTES, np.uint8)])
    assert os.fstat(far._file).st_size == KEPT_BYTES
    short = np.arange(LARGE)
    np.testing.assert_array_equal(carried(far, near, short), short)

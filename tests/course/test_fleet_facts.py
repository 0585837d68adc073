"""What `fleet.json` says beside the tables, by hand for three phones in two time zones."""

import numpy as np
import pyarrow as pa

from gboard_sim.course.fleet_facts import configured_by_local_hour, first_use_wait_h

H = 3600.0


def sessions(*rows):
    keys = ("phone", "task", "shape", "began_s", "used_in")
    types = (pa.int64(), pa.string(), pa.string(), pa.float64(), pa.int64())
    schema = pa.schema(list(zip(keys, types, strict=True)))
    return pa.Table.from_pylist([dict(zip(keys, row, strict=True)) for row in rows], schema)


LOG = sessions(
    (0, "train", "-v[]+^", 0.5 * H, 1),
    (0, "train", "-v[]+#", 24.5 * H, -1),
    (1, "train", "-v[]+#", 0.5 * H, -1),
    (1, "evaluate", "-v[]^", 2.0 * H, 1),
    (1, "train", "-v[]+^", 30.0 * H, 2),
    (2, "train", "-!", 1.0 * H, -1),
    (2, "train", "v[]", 1.0 * H, -1),
    (2, "install", "v", 1.0 * H, -1),
)


def test_sessions_count_in_the_hour_of_the_phones_own_clock():
    offset_s = np.array([0.0, 5.5 * H, 5.5 * H])
    mean = configured_by_local_hour(LOG, offset_s, 48 * H)
    # Over two days every phone lives each hour twice: 6 phone-hours, and 3 phones in the mean.
    expected = np.zeros(24)
    expected[0] = 2 / 6 * 3  # phone 0 at 0:30 on both days
    expected[6] = 1 / 6 * 3  # phone 1 at 0:30 is at 6:00
    expected[7] = 1 / 6 * 3  # its evaluation at 2:00 is at 7:30
    expected[11] = 1 / 6 * 3  # and 30:00 is 6:00, at 11:30
    np.testing.assert_allclose(mean, expected, atol=1e-12)


def test_an_hour_that_was_lived_in_part_counts_in_part():
    one = sessions((0, "train", "-v[]+^", 0.25 * H, 1))
    mean = configured_by_local_hour(one, np.array([0.5 * H]), 1.0 * H)
    # On the phone's clock the run lasts from 0:30 to 1:30.
    assert mean[0] == 1 / 0.5
    assert mean[1:].tolist() == [0.0] * 23


def test_a_run_without_sessions_has_no_participants():
    assert configured_by_local_hour(sessions(), np.zeros(2), 10 * H).tolist() == [0.0] * 24


def test_the_first_used_upload_counts_from_the_first_window():
    first_s = np.array([0.25 * H, 3.0 * H, np.inf])
    assert first_use_wait_h(LOG, first_s).tolist() == [0, 27]

import numpy as np
import pytest

from gboard_sim.privacy.bounds import NEVER_AGAIN, Bounds, seen_in

NONE = np.empty(0, np.int64)


def log(**changed):
    """Phone 3 sends thrice and is used in versions 2 and 5; phone 0 once in each of 1, 2 and 4."""
    arguments = {
        "session_phone": np.array([3, 0, 3, 1, 3, 0]),
        "left_phone": np.array([True, True, True, False, True, True]),
        "used_phone": np.array([3, 0, 0, 3, 0]),
        "used_version": np.array([5, 2, 4, 2, 1]),
        "versions": 6,
    }
    return seen_in(**(arguments | changed))


def test_the_busiest_phones_are_found_whatever_the_order():
    assert log() == Bounds(uploads=3, participations=3, separation=1, versions=6)
    assert log(used_phone=np.array([3, 0, 1, 3, 0])).separation == 1
    assert log(used_phone=np.array([3, 0, 1, 3, 2])).separation == 3


def test_phones_that_were_used_once_are_never_too_close():
    assert log(used_phone=np.arange(5)).separation == NEVER_AGAIN


def test_payloads_count_whether_or_not_they_were_used():
    assert log(left_phone=np.zeros(6, bool)).uploads == 0
    assert log(used_phone=NONE, used_version=NONE).participations == 0
    nothing = log(session_phone=NONE, left_phone=np.empty(0, bool))
    assert nothing.uploads == 0


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        (Bounds(uploads=3, participations=3, separation=1, versions=6), None),
        (Bounds(), None),
        (Bounds(uploads=2), "3 payloads left one phone; the claim allows 2"),
        (Bounds(participations=2), "3 versions used an upload of one phone; the claim allows 2"),
        (Bounds(separation=2), "two versions 1 apart used uploads of one phone"),
        (Bounds(versions=5), "6 versions were made; the claim allows 5"),
    ],
)
def test_a_log_that_passes_a_bound_breaks_it(bounds, reason):
    found = bounds.broken_by(log())
    assert found is None if reason is None else found.startswith(reason)


@pytest.mark.parametrize(
    ("bounds", "uses"),
    [
        (Bounds(), None),
        (Bounds(participations=4), 4),
        (Bounds(separation=3, versions=7), 3),
        (Bounds(participations=2, separation=3, versions=7), 2),
        (Bounds(participations=9, separation=3, versions=7), 3),
    ],
)
def test_versions_and_separation_bound_uses_too(bounds, uses):
    assert bounds.uses == uses

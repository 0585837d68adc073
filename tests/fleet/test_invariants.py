"""Each promise of the simulator, broken on purpose."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.errors import InvariantError
from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.invariants import Invariants
from gboard_sim.records import Sessions

ZERO = np.zeros(2)


def block(**changes):
    fine = Sessions(
        session=np.arange(2),
        phone=np.array([0, 0]),
        phone_class=np.zeros(2, dtype=np.int64),
        task=np.full(2, "train"),
        shape=np.array(["-v[]+^", "-v[!"]),
        version=np.array([0, 1]),
        base=np.array([0, 1]),
        began_s=np.array([10.0, 50.0]),
        ended_s=np.array([20.0, 60.0]),
        wait_s=ZERO,
        download_s=np.array([4.0, 5.0]),
        train_s=np.array([5.0, 5.0]),
        upload_s=np.array([1.0, 0.0]),
        paused_s=ZERO,
        download_j=ZERO,
        train_j=ZERO,
        upload_j=ZERO,
        download_bytes=np.array([100, 100]),
        upload_bytes=np.array([10, 0]),
        tokens=np.array([5, 2]),
        energy_j=ZERO,
        energy_low_j=ZERO,
        energy_high_j=ZERO,
        left_phone=np.array([True, False]),
        used_in=np.array([1, -1]),
    )
    return replace(fine, **changes)


def verify(watch, **changes):
    totals = {
        "sessions": 2,
        "versions": 1,
        "participations": np.array([1]),
        "payloads": np.array([1]),
        "download_bytes": np.array([200]),
        "upload_bytes": np.array([10]),
    }
    watch.verify(**{**totals, **changes})


def test_a_sound_log_passes():
    watch = Invariants(1, 1, AdmissionRules(max_uploads=1))
    watch.see(block())
    verify(watch)


@pytest.mark.parametrize(
    ("changes", "promise"),
    [
        ({"session": np.array([0, 2])}, "numbered"),
        ({"ended_s": np.array([20.0, 40.0])}, "ends before"),
        ({"train_s": np.array([5.0, 4.0])}, "fill it"),
        ({"shape": np.array(["-v[]+#", "-v[!"])}, "end in"),
        ({"shape": np.array(["-v[]+^", "-v["])}, "every session ends"),
        ({"left_phone": np.array([True, True])}, "had bytes"),
        ({"began_s": np.array([10.0, 19.0]), "wait_s": np.array([0.0, 31.0])}, "two sessions"),
        (
            {"shape": np.full(2, "-v[]+^"), "base": np.zeros(2), "used_in": np.ones(2, dtype=int)}
            | {"upload_bytes": np.full(2, 10), "left_phone": np.full(2, True)},
            "versions apart",
        ),
        ({"upload_bytes": np.array([10, 3]), "left_phone": np.full(2, True)}, "no phone sends"),
    ],
)
def test_a_broken_promise_is_named(changes, promise):
    watch = Invariants(1, 1, AdmissionRules(max_uploads=1))
    with pytest.raises(InvariantError, match=promise):
        watch.see(block(**changes))


def test_a_session_may_not_overlap_one_of_an_earlier_block():
    watch = Invariants(1, 2, AdmissionRules())
    watch.see(block())
    with pytest.raises(InvariantError, match="two sessions"):
        watch.see(
            block(
                session=np.arange(2, 4),
                began_s=np.array([55.0, 80.0]),
                ended_s=np.array([65.0, 90.0]),
            )
        )


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        ({"sessions": 3}, "3 sessions"),
        ({"versions": 2}, "2 versions"),
        ({"upload_bytes": np.array([11])}, "upload_bytes of phone 0 is 11"),
        ({"participations": np.array([0])}, "participations"),
    ],
)
def test_totals_that_do_not_add_up_are_named(changes, total):
    watch = Invariants(1, 1, AdmissionRules())
    watch.see(block())
    with pytest.raises(InvariantError, match=total):
        verify(watch, **changes)

"""Each promise of the simulator, broken on purpose."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.errors import InvariantError
from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.invariants import Invariants
from gboard_sim.seam.records import Sessions

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
        ({"train_j": np.array([0.0, 3.0])}, "joules add up"),
        ({"energy_low_j": np.array([0.0, 1e-3])}, "between their bounds"),
        ({"energy_high_j": np.array([-1e-3, 0.0])}, "between their bounds"),
        ({"used_in": np.array([-1, -1])}, "used uploads end in"),
        ({"base": np.array([1, 1])}, "no upload is used before its base"),
        ({"shape": np.array(["-v[]+#^", "-v[!"])}, "every session ends once"),
        ({"task": np.full(2, "evaluate")}, "used uploads end in"),
        ({"wait_s": np.array([0.0, np.nan])}, "fill it"),
        ({"ended_s": np.array([20.0, np.nan])}, "ends before"),
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


def four_uses(used_in):
    """Four phones, each used once, in these versions."""
    n = len(used_in)
    fine = block()
    columns = {name: getattr(fine, name)[:1].repeat(n) for name in Sessions.__dataclass_fields__}
    return Sessions(
        **{**columns, "session": np.arange(n), "phone": np.arange(n), "used_in": np.array(used_in)}
    )


def totals(n):
    ones = np.ones(n, dtype=np.int64)
    return {
        "sessions": n,
        "participations": ones,
        "payloads": ones,
        "download_bytes": 100 * ones,
        "upload_bytes": 10 * ones,
    }


def test_no_version_uses_more_than_its_goal():
    Invariants(4, 2, AdmissionRules()).see(four_uses([1, 1, 2, 2]))
    with pytest.raises(InvariantError, match="version 1 used 3 uploads, more than the goal of 2"):
        Invariants(4, 2, AdmissionRules()).see(four_uses([1, 1, 1, 2]))


def test_a_buffer_uses_its_goal_exactly_but_for_what_waits_at_the_end():
    for exact, used_in, versions, said in (
        (True, [1, 1, 2, 2], 2, None),
        (True, [1, 1, 2, 3], 1, None),  # versions 2 and 3 were not made
        (True, [1, 1, 2, 3], 3, "version 2 used 1 uploads of a buffer of 2"),
        (False, [1, 1, 2, 3], 3, None),
        (False, [1, 1, 3, 3], 3, "not every one of 3 versions"),
    ):
        watch = Invariants(4, 2, AdmissionRules(), exact)
        watch.see(four_uses(used_in))
        if said is None:
            watch.verify(versions=versions, **totals(4))
        else:
            with pytest.raises(InvariantError, match=said):
                watch.verify(versions=versions, **totals(4))


def test_a_phone_may_break_a_promise_over_two_blocks():
    watch = Invariants(1, 2, AdmissionRules(separation_versions=2))
    watch.see(block())
    later = block(
        session=np.arange(2, 4),
        began_s=np.array([70.0, 90.0]),
        ended_s=np.array([80.0, 100.0]),
        base=np.array([1, 2]),
        used_in=np.array([2, -1]),
    )
    with pytest.raises(InvariantError, match=r"2 versions apart .* session 2 of phone 0"):
        watch.see(later)
    rests = Invariants(1, 2, AdmissionRules(separation_h=0.01))
    fine = {"shape": np.array(["-v[]+^", "v[]"])}  # no check-in: that needs no rest
    rests.see(block(**fine))
    rests.see(replace(later, used_in=np.array([3, -1]), **fine))
    soon = replace(
        later,
        session=np.arange(4, 6),
        began_s=np.array([101.0, 120.0]),  # 36 s after the end of session 2 at 80 s: 116 s
        ended_s=np.array([111.0, 130.0]),
        used_in=np.array([5, -1]),
    )
    with pytest.raises(InvariantError, match=r"rest 0\.01 hours: .* session 4 of phone 0, '-v"):
        rests.see(soon)


def test_a_phone_that_is_configured_outside_its_window_is_named():
    watch = Invariants(3, 1, AdmissionRules())
    phone, at_s = np.array([1, 2]), np.array([50.0, 60.0])
    watch.selected(phone, at_s, at_s, at_s + 5.0)
    with pytest.raises(InvariantError, match=r"phone 2 at 60\.0 s, .* begins at 61\.0 s"):
        watch.selected(phone, at_s, np.array([50.0, 61.0]), np.array([90.0, 99.0]))

"""Two phones, by hand: every kind of traffic that the seam must be able to carry."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.seam.records import (
    Attempt,
    Cohort,
    Dropout,
    LocalWork,
    Measure,
    Outcome,
    Plan,
    Stint,
    Upload,
)
from gboard_sim.seam.typing_record import Typing

WORK = LocalWork(epochs=1, steps=None, batch_size=8, learning_rate=0.5)


def stint(phone: int, nth: int, version: int, began_s: float) -> Stint:
    return Stint(
        phone=phone,
        nth=nth,
        version=version,
        local=WORK,
        rows=(0, 4),
        tokens=40,
        began_s=began_s,
        ended_s=began_s + 5.0,
    )


def upload(session: int, *stints: Stint, payload_bytes: int = 420) -> Upload:
    ended = stints[-1].ended_s
    return Upload(
        session=session,
        phone=stints[0].phone,
        nth=0,
        stints=stints,
        payload_bytes=payload_bytes,
        sent_s=ended,
        arrived_s=ended + 2.0,
    )


def test_an_asynchronous_buffer_holds_uploads_from_different_versions():
    early, late = upload(0, stint(0, 0, 3, 100.0)), upload(1, stint(1, 0, 5, 130.0))
    buffer = Cohort(
        task="train",
        makes_version=7,
        closed_s=140.0,
        uploads=(early, late),
        weights=(4.0, 4.0),
        oldest_version=3,
    )
    assert [buffer.makes_version - 1 - u.base for u in buffer.uploads] == [3, 1]


def test_an_upload_carries_three_stints_that_start_from_one_version():
    three = upload(0, *(stint(0, nth, 2, 1000.0 * nth) for nth in range(3)))
    assert three.base == 2
    assert sum(s.tokens for s in three.stints) == 120


def test_an_evaluation_and_an_install_are_plans_that_send_no_weights():
    plan = Plan(task="evaluate", version=4, local=(WORK,), flop_per_token=1e6, deadline_s=60.0)
    assert replace(plan, task="install").version == 4
    metrics_only = upload(0, stint(1, 0, 4, 10.0), payload_bytes=24)
    pooled = Cohort("evaluate", 4, 30.0, (metrics_only,), (4.0,), 4)
    assert pooled.task == "evaluate"


def test_a_size_that_depends_on_the_data_is_measured_before_the_upload_is_priced():
    attempt = Attempt(session=3, phone=1, nth=2, stints=(stint(1, 2, 0, 0.0),))
    measure = Measure(payload_bytes=137, norm=0.2)
    sent = Upload(
        session=attempt.session,
        phone=attempt.phone,
        nth=attempt.nth,
        stints=attempt.stints,
        payload_bytes=measure.payload_bytes or 0,
        sent_s=5.0,
        arrived_s=6.0,
    )
    assert (sent.payload_bytes, sent.base) == (137, attempt.base)


def test_a_dropped_stint_reaches_the_learner_with_the_cohort_that_did_not_use_it():
    lost = Dropout(session=2, phone=1, stints=(stint(1, 0, 0, 0.0),), shape="-v[!", at_s=3.0)
    used = upload(1, stint(0, 0, 0, 0.0))
    cohort = Cohort("train", 1, 9.0, (used,), (4.0,), 0, dropouts=(lost,))
    assert cohort.dropouts[0].shape.endswith("!")
    assert lost.phone not in {u.phone for u in cohort.uploads}


def test_an_outcome_may_carry_the_next_work_a_utility_and_a_reason_to_stop():
    outcome = Outcome(version=1, local=(WORK, WORK), utility={0: 1.5}, stop="target_recall")
    assert outcome.local is not None
    assert outcome.utility == {0: 1.5}


def test_records_do_not_change():
    with pytest.raises(FrozenInstanceError):
        stint(0, 0, 0, 0.0).tokens = 3  # type: ignore[misc]


@pytest.mark.parametrize("amounts", [(None, None), (1, 1)])
def test_local_work_is_either_epochs_or_steps(amounts):
    with pytest.raises(ValueError, match="epochs"):
        LocalWork(epochs=amounts[0], steps=amounts[1], batch_size=1, learning_rate=1.0)


@given(
    phones=st.lists(st.lists(st.floats(0, 1000), max_size=6), min_size=1, max_size=4),
    at_s=st.floats(0, 1200),
    cache_rows=st.integers(1, 5),
    expiry_s=st.floats(0.5, 2000),
    cap=st.integers(1, 6),
)
def test_the_cache_is_what_a_plain_loop_would_keep(phones, at_s, cache_rows, expiry_s, cap):
    phones = [sorted(times) for times in phones]
    first = np.concatenate([[0], np.cumsum([len(times) for times in phones])]).astype(np.int64)
    times = np.array([t for each in phones for t in each])
    tokens = np.arange(1, len(times) + 1)
    typing = Typing(first, times, tokens, cache_rows, expiry_s)
    everyone = np.arange(len(phones))
    lo, hi = typing.cached(everyone, np.full(len(phones), at_s), cap)
    for phone, each in enumerate(phones):
        kept = [
            first[phone] + i
            for i, t in enumerate(each)
            # The key that finds a phone's rows rounds times to about 1e-12 of their range.
            if t <= at_s + 1e-9 and t > at_s - expiry_s + 1e-9
        ]
        sure = all(abs(t - at_s) > 1e-6 and abs(t - at_s + expiry_s) > 1e-6 for t in each)
        if sure:
            assert list(range(lo[phone], hi[phone])) == kept[-min(cap, cache_rows) :]
            assert typing.tokens_of(lo, hi)[phone] == sum(tokens[kept[-min(cap, cache_rows) :]])

"""Error feedback: against a plain loop over phones, one after another, whatever trains when."""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.communication.codecs.one_bit import OneBit
from gboard_sim.communication.codecs.top_k import TopK
from gboard_sim.errors import RunDirectoryError
from gboard_sim.learning import jobs
from gboard_sim.learning.closing import CHUNK, Averaging
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.residuals import Kept, Residuals, send
from gboard_sim.learning.server_optimizers import fed_avg
from gboard_sim.seam.records import Cohort, Dropout, LocalWork, Stint, Upload
from gboard_sim.seeds import stream

WORK = LocalWork(epochs=1, steps=None, batch_size=8, learning_rate=0.5)
CODEC = TopK(share=0.25)
SIZE = 16
WORKSHOP = SimpleNamespace(measured=None, sender=lambda _: CODEC)


def vector(*key: int) -> np.ndarray:
    return stream(key[0], "test", *key[1:]).normal(size=SIZE).astype(np.float32)


def upload(session: int, phone: int, nth: int, base: int = 0) -> Upload:
    stint = Stint(phone, 0, base, WORK, (0, 1), 10, 0.0, 1.0)
    return Upload(session, phone, nth, (stint,), CODEC.payload_bytes(SIZE), 1.0, 2.0)


def lost(session: int, phone: int, shape: str) -> Dropout:
    return Dropout(session, phone, (), shape, 2.0)


def cohort(version: int, *events: Upload | Dropout) -> Cohort:
    uploads = sorted(
        (e for e in events if isinstance(e, Upload)), key=lambda e: (e.phone, e.session)
    )
    weights = tuple(1.0 + 0.1 * u.phone for u in uploads)
    dropouts = tuple(e for e in events if isinstance(e, Dropout))
    return Cohort("train", version, 1.0, tuple(uploads), weights, 0, dropouts)


def traffic(seed: int, phones: int = 9, versions: int = 8) -> list[Cohort]:
    """As a buffered server sees it: a phone may come twice in a cohort, and attempts get lost."""
    draw, session, sent, cohorts = random.Random(seed), 0, [0] * phones, []
    for version in range(1, versions + 1):
        events: list[Upload | Dropout] = []
        while sum(isinstance(event, Upload) for event in events) < 8:
            phone, fate = draw.randrange(phones), draw.random()
            if fate < 0.7:
                events.append(upload(session, phone, sent[phone], draw.randrange(version)))
            else:
                shape = draw.choice(["-v[]+#", "-v[]+!", "-v[!", "-v[]"])
                events.append(lost(session, phone, shape))
            sent[phone] += isinstance(events[-1], Upload) or "+" in events[-1].shape
            session += 1
        cohorts.append(cohort(version, *events))
    return cohorts


def by_hand(cohorts: list[Cohort], most: int, discards: bool) -> tuple[list[np.ndarray], Kept]:
    """One session after another; chunks of five in phone order. The mean of each cohort."""
    residual: dict[int, np.ndarray] = {}  # in order of the time that each was left
    name: dict[int, tuple[int, int]] = {}
    means, phones, evicted, discarded = [], set(), 0, 0
    for each in cohorts:
        received = {}
        for event in sorted([*each.uploads, *each.dropouts], key=lambda event: event.session):
            if isinstance(event, Dropout):
                if discards and "+" in event.shape and residual.pop(event.phone, None) is not None:
                    discarded += 1
                continue
            whole = vector(event.phone, event.nth)
            if event.phone in residual:
                phones.add(event.phone)
                whole = whole + residual.pop(event.phone).astype(np.float32)
            largest = np.argsort(-np.abs(whole))[:4]
            decoded = np.zeros(SIZE, np.float32)
            decoded[largest] = whole[largest]
            residual[event.phone] = (whole - decoded).astype(np.float16)
            name[event.phone] = (event.phone, event.nth)
            received[event.session] = decoded
            if len(residual) > most:
                del residual[next(iter(residual))]
                evicted += 1
        total = np.zeros(SIZE)
        for first in range(0, len(each.uploads), CHUNK):
            part = np.zeros(SIZE)
            for u, w in zip(
                each.uploads[first:][:CHUNK], each.weights[first:][:CHUNK], strict=True
            ):
                part = part + w * received[u.session].astype(np.float64)
            total = total + part
        means.append(total / sum(each.weights))
    names = tuple(name[phone] for phone in residual)
    return means, Kept(names, tuple(sorted(phones)), evicted, discarded)


@pytest.fixture(autouse=True)
def known_updates(monkeypatch):
    """Training comes to the same numbers whenever it is carried out."""
    monkeypatch.setattr(
        jobs,
        "kept_or_trained",
        lambda _, uploads: ((vector(u.phone, u.nth), 1.0, 10) for u in uploads),
    )


def carried_out(cohorts, residuals, order: random.Random, ahead: int, first: int = 1):
    """Has jobs done in any order in which they may start, cohorts `ahead` of the newest version."""
    closings, waiting, under_way, means = [], list(cohorts), [], []
    published = first - 1
    while waiting or closings:
        while waiting and waiting[0].makes_version <= published + 1 + ahead:
            closings.append(Averaging(waiting.pop(0), fed_avg(), 1.0, 1, residuals))
        before = LearnerState(published, 0, {})
        able = [closing for closing in closings if closing.ready(published)]
        if able and (order.random() < 0.6 or not under_way):
            closing = order.choice(able)
            under_way.append((closing, *closing.start(before)))
        else:
            closing, number, job = under_way.pop(order.randrange(len(under_way)))
            closing.add(number, job.work(WORKSHOP))
        while closings and closings[0].complete:
            means.append(closings.pop(0).take_mean())
            published += 1
            residuals.settled(published)
    return means


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("most", "policy"), [(100, "keep"), (100, "discard"), (3, "discard")])
def test_means_are_those_of_a_plain_loop_in_any_order_of_jobs(tmp_path, seed, most, policy):
    cohorts = traffic(seed)
    residuals = Residuals(tmp_path / "kept", most, policy)
    states = {}

    follow = residuals.follow
    residuals.follow = lambda each: (
        follow(each), states.update({each.makes_version: residuals.after(each.makes_version)})
    )[0]  # fmt: skip
    found = carried_out(cohorts, residuals, random.Random(seed), ahead=seed % 4)
    expected, kept = by_hand(cohorts, most, policy == "discard")
    assert [mean.tobytes() for mean in found] == [mean.tobytes() for mean in expected]
    assert states[len(cohorts)] == kept
    assert len(kept.phones) > 2
    assert bool(kept.evicted) == (most == 3)
    assert bool(kept.discarded) == (policy == "discard")
    files = {path.stem for path in (tmp_path / "kept").iterdir()}
    assert files == {f"{phone}-{nth}" for phone, nth in kept.names}


@pytest.mark.parametrize("at", [1, 3, 6])
def test_what_goes_on_from_a_checkpoint_ends_with_the_same(tmp_path, at):
    cohorts = traffic(5)
    whole = Residuals(tmp_path / "whole", 4)
    expected = carried_out(cohorts, whole, random.Random(2), ahead=2)
    residuals = Residuals(tmp_path / "again", 4)
    saved = None
    for each in cohorts:  # what is saved at `at` is still there when the run is killed later
        closing = Averaging(each, fed_avg(), 1.0, 1, residuals)
        while not closing.complete:
            number, job = closing.start(LearnerState(each.makes_version - 1, 0, {}))
            closing.add(number, job.work(WORKSHOP))
        kept = residuals.after(each.makes_version)
        if each.makes_version == at:
            saved = LearnerState(at, 0, {}, residuals=kept)
            residuals.saved(kept)
        residuals.settled(each.makes_version)
    restored = LearnerState.of(saved.facts(), {})
    assert restored == saved
    again = Residuals(tmp_path / "again", 4, "keep", restored.residuals)
    files = {path.stem for path in (tmp_path / "again").iterdir()}
    assert files == {f"{phone}-{nth}" for phone, nth in saved.residuals.names}
    found = carried_out(cohorts[at:], again, random.Random(3), ahead=1, first=at + 1)
    assert [m.tobytes() for m in found] == [m.tobytes() for m in expected[at:]]


def test_a_checkpoint_without_its_residuals_is_refused(tmp_path):
    with pytest.raises(RunDirectoryError, match=r"3-1\.npy: missing; it is part of the checkpoint"):
        Residuals(tmp_path / "kept", 4, "keep", Kept(names=((3, 1),)))


def test_a_job_waits_for_the_residual_that_it_takes_and_not_for_other_versions(tmp_path):
    residuals = Residuals(tmp_path, 100)
    one = Averaging(cohort(1, upload(0, 7, 0)), fed_avg(), 1.0, 1, residuals)
    two = Averaging(cohort(2, upload(1, 7, 1), upload(2, 8, 0)), fed_avg(), 1.0, 1, residuals)
    assert not two.ready(0)  # both of its uploads start from version 0, which exists
    number, job = one.start(LearnerState(0, 0, {}))
    assert not two.ready(0)
    one.add(number, job.work(WORKSHOP))
    assert two.ready(0)
    assert set(two.start(LearnerState(0, 0, {}))[1].residuals) == {(7, 0)}


def test_a_rejection_keeps_the_residual_or_throws_it_away_if_any_payload_was_sent(tmp_path):
    def takes(policy, shape):
        residuals = Residuals(tmp_path / policy, 100, policy)
        residuals.follow(cohort(1, upload(0, 7, 0)))
        return residuals.follow(cohort(2, lost(1, 7, shape), upload(2, 7, 2)))[0].takes

    assert takes("keep", "-v[]+#") == (7, 0)
    assert takes("discard", "-v[]+#") is None
    assert takes("discard", "-v[]+!") is None
    assert takes("discard", "-v[!") == (7, 0)


def test_what_nobody_can_take_is_not_brought_back(tmp_path):
    residuals = Residuals(tmp_path, 1)
    carries = residuals.follow(cohort(1, upload(0, 3, 0), upload(1, 4, 0)))
    assert [carry.leaves for carry in carries] == [False, True]  # that of phone 3 is evicted
    assert residuals.after(1).evicted == 1


@given(seed=st.integers(0, 10**6), codec=st.sampled_from([TopK(share=0.1), OneBit(block=8)]))
def test_nothing_is_lost_only_late(seed, codec):
    """What was read and what is left add up to what was sent, but for the rounding to halves."""
    updates = [vector(seed, nth) for nth in range(12)]
    residual, received = None, np.zeros(SIZE)
    for nth, update in enumerate(updates):
        read, size, residual = send(codec, update, residual, (0, nth))
        assert size == codec.payload_bytes(SIZE)
        received += read
    rounding = 12 * 2.0**-11 * 16
    assert np.abs(np.sum(updates, axis=0) - received - residual).max() < rounding


def test_a_mean_that_one_bit_loses_for_ever_comes_through_with_feedback():
    """Of (4, 1, 1, 1) one bit reads (1.75, 1.75, 1.75, 1.75), again and again."""
    update = np.array([4.0, 1.0, 1.0, 1.0], np.float32)
    codec, residual, with_feedback = OneBit(block=4), None, np.zeros(4)
    for nth in range(200):
        read, _, residual = send(codec, update, residual, (0, nth))
        with_feedback += read / 200
    alone, _ = codec.transmit(update, 0, 0)
    assert np.abs(alone - update).max() == 2.25
    assert np.abs(with_feedback - update).max() < 0.1


def test_what_halves_cannot_hold_is_their_largest():
    _, _, left = send(TopK(share=0.5), np.array([9e5, 8e5], np.float32), None, (0, 0))
    assert left.tolist() == [0.0, 65504.0]
    _, _, none = send(Fp32(), np.array([1.0], np.float32), left[:1], (0, 0))
    assert none.tolist() == [0.0]


def test_a_state_without_residuals_reads_back_as_none():
    state = LearnerState(3, 1, {})
    assert LearnerState.of(state.facts(), {}) == state
    assert replace(state, residuals=Kept()) != state

"""What a worker does, against the same training done by hand."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.communication.codecs.fp16 import Fp16
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.communication.codecs.modular import Modular
from gboard_sim.errors import ExperimentError, InvariantError
from gboard_sim.learning.jobs import MeasureAttempt, ScoreRows, TrainChunks
from gboard_sim.learning.local_training import train
from gboard_sim.learning.text.batches import stint_batches
from gboard_sim.learning.text.packing import pack
from gboard_sim.privacy.mechanisms import LocalGaussian
from gboard_sim.privacy.mechanisms.clip_bound import ClipBound
from gboard_sim.privacy.mechanisms.distributed import DistributedSkellam
from gboard_sim.privacy.secure_aggregation.masking import PairwiseMasks
from gboard_sim.seam.records import LocalWork, Stint, Upload

WORK = LocalWork(epochs=None, steps=3, batch_size=4, learning_rate=0.5)


def upload(workshop, phone: int, stints: int = 1, work: LocalWork = WORK) -> Upload:
    rows = workshop.rows("fleet")
    first, last = int(rows.first[phone]), int(rows.first[phone + 1])
    cuts = np.linspace(first + 1, last, stints).astype(int)
    made = tuple(
        Stint(phone, nth, 0, work, (first, int(until)), 0, 0.0, 1.0)
        for nth, until in enumerate(cuts)
    )
    size = workshop.codec.payload_bytes(len(workshop.snapshots.read(0)))
    return Upload(5, phone, 0, made, size, 1.0, 2.0)


def by_hand(workshop, stints: tuple[Stint, ...]) -> tuple[np.ndarray, list]:
    """The update of some stints, and what came of each."""
    store = workshop.rows("fleet").token_store()
    start = np.array(workshop.snapshots.read(0))
    parameters, trained = start, []
    for stint in stints:
        batches = stint_batches(store, stint, workshop.seed, workshop.spec.lane)
        trained.append(workshop.trainer.train(parameters, batches, stint.local.learning_rate))
        parameters = trained[-1].parameters
    return parameters - start, trained


def test_an_upload_of_three_stints_is_three_trainings_from_its_base(workshop):
    sent = upload(workshop, 1, stints=3)
    expected, trained = by_hand(workshop, sent.stints)
    [(update, loss, tokens)] = train(workshop, [sent])
    assert update.tobytes() == expected.tobytes()
    assert loss == trained[-1].loss
    assert tokens == sum(each.tokens for each in trained)
    one_stint, _ = by_hand(workshop, sent.stints[-1:])
    assert not np.array_equal(update, one_stint)
    # Shuffling is keyed by the phone's count, so the same rows in stint 0 and 1 go otherwise.
    same_rows = replace(sent.stints[0], rows=sent.stints[2].rows)
    other = replace(same_rows, nth=1)
    assert not np.array_equal(by_hand(workshop, (same_rows,))[0], by_hand(workshop, (other,))[0])


def test_a_chunk_is_the_weighted_sum_of_what_the_server_decodes(workshop):
    rough = replace(workshop, codec=Fp16())
    uploads, weights = [upload(rough, phone) for phone in (0, 3, 4)], [1.0, 2.5, 0.25]
    total, nats, tokens = np.zeros(len(workshop.snapshots.read(0))), 0.0, 0
    for sent, weight in zip(uploads, weights, strict=True):
        update, trained = by_hand(workshop, sent.stints)
        total += weight * update.astype(np.float16).astype(np.float64)
        nats += trained[-1].loss * trained[-1].tokens
        tokens += trained[-1].tokens
    [made] = TrainChunks(uploads, weights, 8).work(rough)
    assert made.total.dtype == np.float64
    assert np.array_equal(made.total, total)
    assert made.tokens == tokens
    assert made.loss == pytest.approx(nats / tokens)


@pytest.mark.parametrize("together", [1, 3, 8])
def test_a_job_of_several_chunks_adds_up_each_as_a_job_of_its_own(workshop, together):
    """Torch, with uploads of one, two and three stints, in groups that cross the chunks."""
    own = replace(workshop, trainer_name="torch", phones_together=together)
    uploads = [upload(own, phone, stints=1 + phone % 3) for phone in range(7)]
    weights = [1.0 + 0.5 * phone for phone in range(7)]
    made = TrainChunks(uploads, weights, 3).work(own)
    assert len(made) == 3
    for number, first in enumerate(range(0, 7, 3)):
        part = slice(first, first + 3)
        [alone] = TrainChunks(uploads[part], weights[part], 3).work(workshop)  # onnxruntime
        error = np.linalg.norm(made[number].total - alone.total) / np.linalg.norm(alone.total)
        assert error < 2e-5
        assert made[number].tokens == alone.tokens
        assert made[number].loss == pytest.approx(alone.loss, rel=1e-5)


def test_behind_masks_a_job_gives_payloads_and_no_sum(workshop):
    ring = replace(workshop, codec=Modular(16))
    shares = DistributedSkellam(
        clip=0.5, noise_multiplier=1.0, seed=7, bits=16, scale=90.0, share_variance=4.0
    )
    uploads = [upload(ring, phone) for phone in range(4)]
    plain = TrainChunks(uploads, [1.0] * 4, 3, sharing=shares, makes_version=2)
    sums = PairwiseMasks(threshold=3, bits=16, seed=1).begin(2, 5)
    maskers = [sums.phone(place) for place in (1, 2, 3, 4)]
    made = replace(plain, maskers=maskers).work(ring)
    assert [len(chunk.masked) for chunk in made] == [3, 1]
    assert not any(len(chunk.total) for chunk in made)
    payloads = [payload for chunk in made for payload in chunk.masked]
    for place, payload in enumerate(payloads, start=1):
        sums.add(place, ring.codec.decode(payload).astype(np.int64), len(payload))
    first, last = plain.work(ring)
    assert (sums.unmask() == (first.total + last.total) % 2**16).all()
    assert [chunk.loss for chunk in made] == [first.loss, last.loss]
    with pytest.raises(InvariantError, match="session 5: the fleet priced 7 bytes"):
        TrainChunks(
            [replace(uploads[0], payload_bytes=7)], [1.0], 3, sharing=shares, maskers=maskers
        ).work(ring)


def test_what_leaves_the_phone_went_through_the_mechanism(workshop):
    private = replace(workshop, mechanism=LocalGaussian(0.01, 2.0, 3))
    sent = upload(workshop, 2)
    plain, _ = by_hand(workshop, sent.stints)
    assert np.linalg.norm(plain) > 0.01
    expected = private.mechanism.privatize(plain, 2, 0)
    [(update, _, _)] = train(private, [sent])
    assert np.array_equal(update, expected)
    [(other, _, _)] = train(private, [replace(sent, nth=1)])
    assert not np.array_equal(update, other)


def test_a_payload_of_another_size_than_was_priced_is_a_broken_promise(workshop):
    sent = replace(upload(workshop, 0), payload_bytes=7)
    with pytest.raises(InvariantError, match="session 5: the fleet priced 7 bytes"):
        TrainChunks([sent], [1.0], 8).work(workshop)


def test_training_that_diverges_names_the_learning_rate(workshop):
    wild = replace(WORK, learning_rate=1e30)
    with pytest.raises(ExperimentError, match=r"training\.learning_rate = 1e\+30 is too high"):
        TrainChunks([upload(workshop, 0, work=wild)], [1.0], 8).work(workshop)


def test_what_is_not_sent_is_carried_onto_the_version_of_each_stint(workshop):
    """Three windows of one cycle, each from a newer version, stint by stint as a phone would."""
    draws = np.random.default_rng(3)
    versions = [np.array(workshop.snapshots.read(0))]
    for version in (1, 2):
        noise = draws.normal(scale=0.01, size=len(versions[0])).astype(np.float32)
        versions.append(versions[-1] + noise)
        workshop.snapshots.write(version, versions[-1])
    made = upload(workshop, 1, stints=4).stints
    stints = tuple(
        replace(stint, version=version) for stint, version in zip(made, (0, 1, 1, 2), strict=True)
    )
    store = workshop.rows("fleet").token_store()
    unsent = np.zeros_like(versions[0])
    for stint in stints:
        start = versions[stint.version] + unsent
        batches = stint_batches(store, stint, workshop.seed, workshop.spec.lane)
        trained = workshop.trainer.train(start, batches, stint.local.learning_rate)
        unsent = trained.parameters - versions[stint.version]
    sent = replace(upload(workshop, 1), stints=stints)
    assert sent.base == 2
    assert TrainChunks([sent], [1.0], 5).versions() == {0, 1, 2}
    [(update, _, _)] = train(workshop, [sent])
    assert np.allclose(update, unsent, atol=1e-6)
    [(one_cycle, _, _)] = train(workshop, [replace(sent, stints=made)])
    assert not np.allclose(update, one_cycle, atol=1e-4)


def test_signs_are_those_of_the_step_that_made_the_base(workshop):
    step = np.random.default_rng(4).normal(size=len(workshop.snapshots.read(0)))
    step[::7] = 0.0  # a step of zero agrees with an update of zero alone
    for version in (4, 5):
        scaled = np.float32(0.01 * (version - 4)) * step.astype(np.float32)
        workshop.snapshots.write(version, workshop.snapshots.read(0) + scaled)
    attempt = upload(workshop, 3)
    attempt = replace(attempt, stints=tuple(replace(s, version=5) for s in attempt.stints))
    job = MeasureAttempt(attempt, compares=True)
    assert job.versions() == {4, 5}
    [(update, _, _)] = train(workshop, [attempt])
    moved = workshop.snapshots.read(5) - workshop.snapshots.read(4)
    both = np.count_nonzero(update * moved > 0) + np.count_nonzero((update == 0) & (moved == 0))
    assert job.work(workshop).sign_agreement == both / len(update)
    assert MeasureAttempt(attempt).work(workshop).sign_agreement is None


def test_a_measure_is_the_size_and_norm_of_what_would_be_sent(workshop):
    sent = upload(workshop, 3, stints=2)
    update, _ = by_hand(workshop, sent.stints)
    measure = MeasureAttempt(sent).work(workshop)
    assert measure.payload_bytes == sent.payload_bytes
    assert measure.norm == pytest.approx(np.linalg.norm(update))


def test_rows_are_scored_at_the_version_asked_for(workshop):
    workshop.snapshots.write(1, np.array(workshop.snapshots.read(0)) * 0.5)
    rows = workshop.rows("test")
    chosen = np.arange(min(5, rows.rows))
    found = [ScoreRows(version, "test", chosen).work(workshop) for version in (0, 1)]
    assert not np.array_equal(found[0].logprob, found[1].logprob)
    assert len(found[0].shown) == rows.word_offsets[len(chosen)]
    # Independently: every message alone in a lane of its own.
    at = 0
    for row in chosen:
        tokens = rows.tokens[rows.offsets[row] : rows.offsets[row + 1]]
        batch = pack(tokens, np.array([len(tokens)]), workshop.spec.lane)
        alone = workshop.trainer.score(np.array(workshop.snapshots.read(1)), batch)
        expected = alone.log_probability.ravel()[batch.positions]
        assert np.allclose(found[1].logprob[at : at + len(tokens)], expected, atol=1e-5)
        at += len(tokens)


class Liar:
    """Delivers what it likes of the uploads of phone 1."""

    def __init__(self, delivered):
        self.delivered = delivered

    def transmit(self, update, phone, nth):
        received, size = Fp32().transmit(update, phone, nth)
        return (self.delivered(received) if phone == 1 else received), size


@pytest.mark.parametrize(
    "delivered",
    [
        lambda update: np.full_like(update, np.nan),
        lambda update: update[:-1],
        lambda update: 1e6 * update,
    ],
)
def test_an_upload_that_lies_has_no_effect_on_the_sum_and_is_named(workshop, delivered):
    bound = ClipBound(0.01, lengthens=1e-6)
    uploads = [replace(upload(workshop, phone), session=10 + phone) for phone in (0, 1, 2)]
    lied_to = replace(workshop, codec=Liar(delivered))
    [made] = TrainChunks(uploads, [1.0] * 3, 5, bound=bound).work(lied_to)
    [honest] = TrainChunks(uploads[::2], [1.0] * 2, 5, bound=bound).work(workshop)
    assert np.array_equal(made.total, honest.total)
    assert [session for session, _ in made.refused] == [11]
    assert not honest.refused


def test_bounded_uploads_are_clipped_and_told_from_short_ones(workshop):
    uploads = [upload(workshop, phone) for phone in (0, 1, 2)]
    norms = sorted(float(np.linalg.norm(update)) for update, _, _ in train(workshop, uploads))
    between = ClipBound((norms[0] + norms[1]) / 2)
    [made] = TrainChunks(uploads, [1.0] * 3, 5, bound=between).work(workshop)
    assert made.within == 1
    [loose] = TrainChunks(uploads, [1.0] * 3, 5, bound=ClipBound(2 * norms[2])).work(workshop)
    [plain] = TrainChunks(uploads, [1.0] * 3, 5).work(workshop)
    assert loose.within == 3
    assert loose.total.tobytes() == plain.total.tobytes()
    tight = ClipBound(0.5 * norms[0])
    [made] = TrainChunks(uploads[:1], [1.0], 5, bound=tight).work(workshop)
    assert np.linalg.norm(made.total) == pytest.approx(tight.clip, rel=1e-5)

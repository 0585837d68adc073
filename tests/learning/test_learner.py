"""Cohorts in, versions out: a toy model whose every version is worked out by hand.

A phone's words all carry one number, its target; a step of the toy trainer goes the learning rate's
share of the way from the parameters to it. The toy scorer shows the word whose id is the first
parameter, rounded down. Of 300 validation words, 30 are word 0, 60 word 1, 90 word 2, 120 word 3.
"""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.errors import InvariantError
from gboard_sim.learning.closing import Averaging
from gboard_sim.learning.evaluation.evaluation import EvaluationSet
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.judgements import Judgements
from gboard_sim.learning.learner import FederatedLearner
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.measured import MeasuredUpdates
from gboard_sim.learning.moving_average import MovingAverage
from gboard_sim.learning.pool import InlinePool
from gboard_sim.learning.server_optimizers import fed_avg, momentum
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.learning.stopping import StopRules
from gboard_sim.learning.text.store import TextRows
from gboard_sim.learning.trainers.trainer import Trained
from gboard_sim.learning.unit_dropout import UnitDropout
from gboard_sim.privacy.mechanisms import LocalGaussian, NoMechanism
from gboard_sim.runlog.answers import read_outcomes
from gboard_sim.runlog.journal import Journal
from gboard_sim.runlog.tables import SCHEMAS
from gboard_sim.seam.records import Attempt, Cohort, Dropout, LocalWork, Stint, Upload
from gboard_sim.seam.typing_record import Typing

WORK = LocalWork(epochs=None, steps=1, batch_size=2, learning_rate=0.5)
PHONES, SIZE, PAYLOAD = 24, 2, 16 + 4 * 2
WORDS = np.repeat(np.arange(4, dtype=np.int32), [30, 60, 90, 120])
TYPING = Typing(
    np.arange(0, 2 * PHONES + 1, 2), np.zeros(2 * PHONES), np.full(2 * PHONES, 3), 100, np.inf
)


class ToyTrainer:
    def __init__(self):
        self.stints = 0

    def train_together(self, lessons):
        return [self.train(one.parameters, one.batches, one.learning_rate) for one in lessons]

    def train(self, parameters, batches, learning_rate):
        self.stints += 1
        made, nats, tokens, steps = np.array(parameters), 0.0, 0, 0
        for batch in batches:
            target = batch.targets[batch.weight > 0].mean(dtype=np.float32)
            nats += float(abs(target - made[0])) * batch.tokens
            made = made + np.float32(learning_rate) * (target - made)
            tokens, steps = tokens + batch.tokens, steps + 1
        return Trained(made, nats / tokens, tokens, steps)


class ToyScorer:
    def score(self, rows, chosen, parameters):
        shown = np.full((len(chosen), 3), -1, np.int32)
        shown[:, 0] = int(parameters[0])
        return Scored(np.full(len(chosen), -parameters[0]), shown, shown[:, 0])


class LatePool:
    """Answers in any order, only when waited for, and computes only then."""

    def __init__(self, workshop, workers, seed):
        self.workshop, self.workers = workshop, workers
        self.random = random.Random(seed)
        self.jobs, self.started, self.waits = [], [], 0

    def idle(self):
        return self.workers - len(self.jobs)

    def start(self, key, job):
        assert self.idle()
        self.started.append(key)
        self.jobs.append((key, job))

    def finished(self, *, waiting):
        self.waits += waiting
        if not self.jobs or not (waiting or self.random.random() < 0.3):
            return []
        key, job = self.jobs.pop(self.random.randrange(len(self.jobs)))
        return [(key, job.work(self.workshop))]


class Toy:
    """A learner on the toy model, with its journal and the states that it saved."""

    def __init__(self, folder, pool=InlinePool, state=None, position=None, **settings):
        tokens = np.repeat(np.arange(PHONES, dtype=np.int32), 2 * 3)
        offsets = np.arange(0, len(tokens) + 1, 3)
        rows = TextRows(
            TYPING.first, np.arange(2 * PHONES), np.zeros(2 * PHONES, bool), offsets, tokens,
            offsets, tokens, np.arange(len(tokens) + 1),
        )  # fmt: skip
        self.trainer = ToyTrainer()
        self.snapshots = Snapshots(folder / "versions")
        self.saved, self.positions = [], []
        mechanism = settings.pop("mechanism", NoMechanism())
        self.pool = pool(
            SimpleNamespace(
                rows=lambda name: rows, snapshots=self.snapshots, trainer=self.trainer,
                phones_together=1, measured=None, unit_dropout=UnitDropout(0.0, 1, None),
                scorer=ToyScorer(), sender=lambda _: Fp32(), mechanism=mechanism, seed=1,
                spec=SimpleNamespace(lane=6), wire=SimpleNamespace(shrink=lambda update: update),
            )
        )  # fmt: skip
        self.journal = Journal(folder / "journal", position)
        known = np.ones(4, bool)
        offsets = np.arange(len(WORDS) + 1)
        validation = EvaluationSet("validation", np.arange(len(WORDS)), WORDS, offsets, known, {})
        optimizer = settings.pop("optimizer", fed_avg())
        server_rate = settings.pop("server_rate", lambda version: 1.0)
        if state is None:
            self.snapshots.write(0, np.zeros(SIZE, np.float32))
            state = LearnerState(0, 0, optimizer.init(np.zeros(SIZE, np.float32)))
        self.learner = FederatedLearner(
            typing=TYPING,
            model_bytes=100,
            codec_is_measured=settings.pop("measured", False),
            pool=self.pool,
            snapshots=self.snapshots,
            close=lambda cohort: Averaging(cohort, optimizer, server_rate(cohort.makes_version)),
            mechanism=mechanism,
            judgements=Judgements(
                validation=validation,
                every=settings.pop("evaluate_every", 2),
                average=MovingAverage(self.snapshots, 0.0),
                journal=self.journal,
                stop_rules=settings.pop("stop_rules", None),
                stopping=state.stopping,
            ),
            journal=self.journal,
            checkpoint_every=settings.pop("checkpoint_every", 0),
            checkpoint=self.save,
            state=state,
            adaptive=settings.pop("adaptive", None),
            downlink=settings.pop("downlink", None),
            triggered=settings.pop("triggered", None),
            measured=settings.pop("keeps", None),
        )
        assert not settings

    def save(self, state):
        self.saved.append(state)
        self.positions.append(self.journal.flush())

    def values(self, last):
        return [self.snapshots.read(version)[0].item() for version in range(last + 1)]

    def rows(self, name, *columns):
        table = self.journal.table(name).select(columns)
        return [tuple(row.values()) for row in table.to_pylist()]


def attempt(phone: int, base: int, stints: int = 1) -> Attempt:
    made = tuple(
        Stint(phone, nth, base, WORK, (2 * phone, 2 * phone + 2), 6, 0.0, 1.0)
        for nth in range(stints)
    )
    return Attempt(100 + phone, phone, 0, made)


def upload(phone: int, base: int, stints: int = 1) -> Upload:
    made = attempt(phone, base, stints)
    return Upload(made.session, phone, 0, made.stints, PAYLOAD, 1.0, 2.0)


def cohort(version: int, *uploads: Upload, weights: tuple[float, ...] = ()) -> Cohort:
    weights = weights or (1.0,) * len(uploads)
    return Cohort("train", version, 10.0 * version, uploads, weights, 0)


HAND = [
    # updates (2 - 0) / 2 and (4 - 0) / 2 with weights 1 and 3: version 1 is 7 / 4
    cohort(1, upload(2, 0), upload(4, 0), weights=(1.0, 3.0)),
    # (1 - 0) / 2 from version 0 and (6 - 1.75) / 2 from version 1: 1.75 + 1.3125
    cohort(2, upload(1, 0), upload(6, 1)),
    # two stints towards 3: 3.0625 -> 3.03125 -> 3.015625
    cohort(3, upload(3, 2, stints=2)),
]
VALUES = [0.0, 1.75, 3.0625, 3.015625]


def test_versions_losses_staleness_and_recall_are_those_worked_out_by_hand(tmp_path):
    toy = Toy(tmp_path)
    for each in HAND:
        toy.learner.step(each)
    state = toy.learner.finish()
    assert toy.values(3) == VALUES
    columns = ("version", "closed_s", "uploads", "stints", "trained_tokens", "loss", "update_norm")
    assert toy.rows("versions", *columns) == [
        # the loss is the distance to the target, weighted by tokens
        (1, 10.0, 2, 2, 12, (2.0 + 4.0) / 2, pytest.approx(1.75 * 2**0.5)),
        (2, 20.0, 2, 2, 12, (1.0 + 4.25) / 2, pytest.approx(1.3125 * 2**0.5)),
        (3, 30.0, 1, 2, 12, 0.03125, pytest.approx(0.046875 * 2**0.5)),
    ]
    staleness = toy.rows("versions", "staleness_mean", "staleness_max")
    assert staleness == [(0.0, 0), (0.5, 1), (0.0, 0)]
    # Words shown: 0 at version 0, 3 at versions 2 and 3; version 3 because it is the last.
    assert toy.rows("evaluations", "version", "set", "group", "positions", "recall_at_3") == [
        (0, "validation", "all", 300, 0.1),
        (2, "validation", "all", 300, 0.4),
        (3, "validation", "all", 300, 0.4),
    ]
    totals = (state.totals.sessions_trained, state.totals.trained_tokens)
    assert (state.version, totals, toy.learner.recall_at_3) == (3, (5, 36), 0.4)
    assert toy.learner.outcome(2).metrics == {
        "loss": 2.625, "recall_at_1": 0.4, "recall_at_3": 0.4,
    }  # fmt: skip
    assert toy.learner.outcome(1).metrics == {"loss": 3.0}


class HalfChain:
    """Publishes half of the way from what was published to the server's own parameters."""

    def download_bytes(self, held, wanted):
        return 7 * (wanted - held)

    def publish(self, published, master, version):
        return published + np.float32(0.5) * (master - published)


def test_phones_train_from_what_is_published_and_the_server_steps_its_own(tmp_path):
    toy = Toy(tmp_path, downlink=HalfChain(), checkpoint_every=2)
    for each in HAND:
        toy.learner.step(each)
    state = toy.learner.finish()
    # 1.75, of which .875 is published. Then (1 - 0) / 2 and (6 - .875) / 2: 1.75 + 1.53125,
    # published .875 + 2.40625 / 2. Two stints from there towards 3: .69140625 in all.
    assert toy.values(3) == [0.0, 0.875, 2.078125, 3.025390625]
    assert state.master.tolist() == [3.28125 + 0.69140625] * 2
    assert toy.saved[0].master.tolist() == [3.28125] * 2
    again = LearnerState.of(toy.saved[0].facts(), toy.saved[0].arrays())
    assert (again.version, again.master.tolist()) == (2, [3.28125] * 2)
    assert again.optimizer.keys() == toy.saved[0].optimizer.keys()
    assert toy.learner.download_bytes(np.array([1, 4]), 4).tolist() == [21, 0]


def test_the_servers_rate_is_that_of_the_version_that_is_made(tmp_path):
    toy = Toy(tmp_path, server_rate={1: 2.0, 2: 0.5}.__getitem__)
    toy.learner.step(cohort(1, upload(4, 0)))
    toy.learner.step(cohort(2, upload(6, 1)))
    toy.learner.finish()
    assert toy.values(2) == [0.0, 4.0, 4.5]


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_version_0_every_nth_and_the_last_are_evaluated_and_no_other(tmp_path, every):
    toy = Toy(tmp_path, evaluate_every=every)
    for version in range(1, 6):
        toy.learner.step(cohort(version, upload(version, version - 1)))
        toy.learner.outcome(version)  # settled before anyone knows which is the last
    toy.learner.finish()
    expected = sorted({0, *range(every, 6, every), 5})
    assert [version for (version,) in toy.rows("evaluations", "version")] == expected


def test_a_run_without_a_version_evaluates_version_0_alone(tmp_path):
    toy = Toy(tmp_path)
    assert toy.learner.finish().version == toy.learner.outcome(0).version == 0
    assert toy.rows("evaluations", "version") == [(0,)]
    assert toy.rows("versions", "version") == toy.rows("answers", "version") == []


@pytest.mark.parametrize(
    ("rules", "stops"),
    [
        (StopRules(target=0.15), ["target_recall"] * 3),  # recall .2, .4, .4 after .1
        (StopRules(target=0.3), [None, "target_recall", "target_recall"]),
        (StopRules(patience=1, min_gain=0.01), [None, None, "no_gain"]),
        (StopRules(target=0.9, patience=2), [None, None, None]),
    ],
)
def test_stop_rules_judge_every_evaluated_version(tmp_path, rules, stops):
    toy = Toy(tmp_path, stop_rules=rules, evaluate_every=1)
    assert toy.learner.answers == {"stop"}
    for each in HAND:
        toy.learner.step(each)
    found = [toy.learner.outcome(version).stop for version in (1, 2, 3)]
    assert found == stops
    assert [stop for (stop,) in toy.rows("answers", "stop")] == found


def test_without_rules_or_measured_codecs_the_fleet_need_not_wait(tmp_path):
    toy = Toy(tmp_path)
    assert toy.learner.answers == frozenset()
    held = np.array([-1, 3, 4])
    assert toy.learner.download_bytes(held, 4).tolist() == [100, 100, 0]
    assert toy.learner.typing() is TYPING


def traffic(seed: int, versions: int = 14) -> list[Cohort]:
    """Cohorts of up to twenty uploads from versions up to five old, of up to three stints."""
    draw = random.Random(seed)
    cohorts = []
    for version in range(1, versions + 1):
        phones = sorted(draw.sample(range(PHONES), draw.randint(1, 20)))
        uploads = [
            upload(phone, max(0, version - draw.randint(1, 5)), draw.randint(1, 3))
            for phone in phones
        ]
        weights = tuple(draw.uniform(0.5, 3.0) for _ in uploads)
        cohorts.append(cohort(version, *uploads, weights=weights))
    return cohorts


def carried_out(folder, pool, lookahead, cohorts, **settings):
    toy = Toy(folder, pool, optimizer=momentum(), checkpoint_every=3, **settings)
    for each in cohorts:
        toy.learner.step(each)
        toy.learner.outcome(max(0, each.makes_version - lookahead))
    toy.learner.finish()
    return toy


@pytest.mark.parametrize("seed", range(6))
def test_no_order_of_answers_changes_the_journal_the_versions_or_the_checkpoints(tmp_path, seed):
    cohorts = traffic(seed)
    plain = carried_out(tmp_path / "plain", InlinePool, 0, cohorts)
    late = carried_out(
        tmp_path / "late",
        lambda workshop: LatePool(workshop, 1 + seed % 4, seed),
        lookahead=(0, 1, 4, 99)[seed % 4],
        cohorts=cohorts,
    )
    for name in SCHEMAS:
        assert late.journal.table(name).equals(plain.journal.table(name))
    assert late.values(14) == plain.values(14)
    assert [state.facts() for state in late.saved] == [state.facts() for state in plain.saved]
    for one, other in zip(late.saved, plain.saved, strict=True):
        assert one.optimizer.keys() == other.optimizer.keys() != set()
        for name, array in one.optimizer.items():
            assert array.tobytes() == other.optimizer[name].tobytes()
    settled = [version for (version,) in late.rows("answers", "version")]
    assert settled == sorted(settled) == list(range(1, 15))


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_learner_that_goes_on_from_a_checkpoint_ends_with_the_same(tmp_path, at):
    cohorts = traffic(9)
    rules = StopRules(patience=50)
    plain = carried_out(tmp_path / "plain", InlinePool, 0, cohorts, stop_rules=rules)
    halted = carried_out(tmp_path / "halted", InlinePool, 0, cohorts, stop_rules=rules)
    state = halted.saved[at]
    assert state.version == 3 * (at + 1)
    for version in range(state.version + 1, 15):
        halted.snapshots.path(version).unlink()
    again = Toy(
        tmp_path / "halted", state=LearnerState.of(state.facts(), state.optimizer),
        position=halted.positions[at], optimizer=momentum(), checkpoint_every=3, stop_rules=rules,
    )  # fmt: skip
    for each in cohorts[state.version :]:
        again.learner.step(each)
    assert again.learner.finish().totals == plain.learner.state.totals
    assert again.values(14) == plain.values(14)
    later = plain.saved[at + 1 :]
    assert [state.facts() for state in again.saved] == [state.facts() for state in later]
    for name in ("versions", "evaluations", "answers"):
        assert again.journal.table(name).equals(plain.journal.table(name))


def test_a_checkpoint_holds_what_was_so_at_its_version_and_not_later(tmp_path):
    # Scoring is slow, so version 4 is made before version 2 is settled.
    toy = Toy(tmp_path, lambda workshop: LatePool(workshop, 2, 4), checkpoint_every=2)
    for each in [*HAND, cohort(4, upload(0, 3))]:
        toy.learner.step(each)
    toy.learner.finish()
    assert [state.version for state in toy.saved] == [2, 4]
    assert [state.totals.sessions_trained for state in toy.saved] == [4, 6]
    assert [state.stopping.best for state in toy.saved] == [0.4, 0.4]


def test_only_what_a_cohort_uses_is_trained(tmp_path):
    toy = Toy(tmp_path)
    lost = Dropout(7, 9, attempt(9, 0, 3).stints, "-v[!", 5.0)
    toy.learner.expect([attempt(phone, 0) for phone in range(10)])
    toy.learner.step(replace(cohort(1, upload(2, 0), upload(5, 0, 2)), dropouts=(lost,)))
    state = toy.learner.finish()
    assert toy.trainer.stints == 3
    assert (state.totals.sessions_trained, state.totals.sessions_trained_unused) == (2, 0)


def test_a_step_does_not_wait_and_an_outcome_does(tmp_path):
    toy = Toy(tmp_path, lambda workshop: LatePool(workshop, 2, 0))
    for each in HAND:
        toy.learner.step(each)
    assert toy.pool.waits == 0
    assert toy.learner.outcome(2).version == 2
    assert toy.pool.waits > 0
    assert toy.learner.state.version >= 2


def test_the_next_version_goes_first_then_scoring_then_versions_after_it(tmp_path):
    toy = Toy(tmp_path, lambda workshop: LatePool(workshop, 6, 0))
    toy.pool.random = SimpleNamespace(random=lambda: 1.0, randrange=lambda n: 0)  # answers nothing
    toy.learner.step(cohort(1, *(upload(phone, 0) for phone in range(9))))
    assert toy.pool.started == [
        ("train", 1, 0), ("train", 1, 1), ("score", 0, 0), ("score", 0, 1),
    ]  # fmt: skip
    toy.learner.step(cohort(2, upload(1, 1)))
    assert len(toy.pool.started) == 4  # version 1 does not exist yet
    toy.learner.step(cohort(3, upload(2, 0)))
    assert toy.pool.started[4:] == [("train", 3, 0)]  # a stale upload is trained ahead


def test_a_measured_codec_is_measured_once_and_journaled(tmp_path):
    toy = Toy(tmp_path, lambda workshop: LatePool(workshop, 2, 3), measured=True)
    assert toy.learner.answers == {"bytes"}
    toy.learner.step(cohort(1, upload(2, 0), upload(4, 0)))
    measure = toy.learner.measure(attempt(6, 1))
    # Version 1 is (1 + 2) / 2; phone 6 goes half the way from there, in both coordinates.
    assert measure.payload_bytes == PAYLOAD
    assert measure.norm == pytest.approx((6 - 1.5) / 2 * 2**0.5)
    lost = Dropout(107, 7, attempt(7, 1).stints, "-v[]+#", 5.0)
    toy.learner.step(replace(cohort(2, upload(6, 1)), dropouts=(lost,)))
    state = toy.learner.finish()
    assert toy.rows("answers", "session", "payload_bytes")[1] == (106, PAYLOAD)
    assert (state.totals.sessions_trained, state.totals.sessions_trained_unused) == (4, 1)


@pytest.mark.parametrize(("workers", "seed"), [(1, 1), (3, 1), (3, 2)])
def test_norms_are_measured_ahead_and_journaled_in_the_order_of_asking(tmp_path, workers, seed):
    toy = Toy(tmp_path, lambda workshop: LatePool(workshop, workers, seed), triggered=Looking())
    assert toy.learner.answers == {"send"}
    toy.learner.step(cohort(1, upload(2, 0), upload(4, 0)))
    coming = [attempt(phone, 1) for phone in (6, 3, 9, 5)]
    toy.learner.expect(coming)
    # Version 1 is (1 + 2) / 2; each goes half the way from there, in both coordinates.
    for each in coming:
        by_hand = abs(each.phone - 1.5) / 2 * 2**0.5
        assert toy.learner.measure(each).norm == pytest.approx(by_hand)
    started = [at for kind, at, _ in toy.pool.started if kind == "measure"]
    assert started == [106, 103, 109, 105]
    lost = [Dropout(103, 3, attempt(3, 1).stints, "-v[]", 5.0), Dropout(111, 11, (), "-v[!", 5.0)]
    toy.learner.step(replace(cohort(2, upload(6, 1)), dropouts=tuple(lost)))
    state = toy.learner.finish()
    answered = [(session, version) for session, version in toy.rows("answers", "session",
                "version")]  # fmt: skip
    assert answered == [(None, 1), (106, None), (103, None), (109, None), (105, None), (None, 2)]
    assert (state.totals.sessions_trained, state.totals.sessions_trained_unused) == (4, 1)


class Looking:
    """What a triggered schedule tells the learner."""

    looks_at = "norm"


@pytest.mark.parametrize("most", [0, 1, 8])
def test_what_was_measured_is_not_trained_again_and_not_kept_for_longer(tmp_path, most):
    kept = MeasuredUpdates(tmp_path / "kept")
    toy = Toy(tmp_path, triggered=Looking(), keeps=(kept, most))
    toy.pool._workshop.measured = kept
    coming = [attempt(phone, 0) for phone in (2, 4, 6)]
    toy.learner.expect(coming)
    for each in coming:
        toy.learner.measure(each)
    assert sum(kept.has(100 + phone) for phone in (2, 4, 6)) == min(most, 3)
    before = toy.trainer.stints
    lost = Dropout(106, 6, attempt(6, 0).stints, "-v[]", 5.0)
    toy.learner.step(replace(cohort(1, upload(2, 0), upload(4, 0)), dropouts=(lost,)))
    state = toy.learner.finish()
    assert toy.trainer.stints - before == 2 - min(most, 2)
    assert toy.values(1) == [0.0, 1.5]
    assert list((tmp_path / "kept").iterdir()) == []
    assert (state.totals.sessions_trained, state.totals.sessions_trained_unused) == (3, 1)


class Counting:
    """Remembers every loss; its steps say how many, and of which version it was asked."""

    def adapt(self, memory, version, loss):
        work = replace(WORK, epochs=None, steps=100 * len(memory) + version)
        return (*memory, loss), (work,)


def test_an_adaptive_schedule_is_asked_of_every_version_in_order_and_remembers(tmp_path):
    toy = Toy(tmp_path, lambda workshop: LatePool(workshop, 2, 3), adaptive=Counting(),
              checkpoint_every=1)  # fmt: skip
    assert toy.learner.answers == {"local"}
    for each in HAND:
        toy.learner.step(each)
    steps = [toy.learner.outcome(version).local[0].steps for version in (1, 2, 3)]
    assert steps == [1, 102, 203]
    losses = [toy.learner.outcome(version).metrics["loss"] for version in (1, 2, 3)]
    assert [list(state.memory) for state in toy.saved] == [losses[:n] for n in (1, 2, 3)]
    last = toy.saved[-1]
    assert LearnerState.of(last.facts(), last.optimizer).memory == tuple(losses)
    recorded = read_outcomes(toy.journal.table("answers"))
    assert [recorded[version].local[0].steps for version in (1, 2, 3)] == steps


def test_what_a_mechanism_did_is_in_the_outcome(tmp_path):
    mechanism = LocalGaussian(1.0, 0.5, 7)
    toy = Toy(tmp_path, mechanism=mechanism)
    toy.learner.step(cohort(1, upload(2, 0), upload(4, 0)))
    assert toy.learner.outcome(1).privacy == (mechanism.event(1, 2),)


def test_a_version_that_does_not_follow_is_refused(tmp_path):
    toy = Toy(tmp_path)
    with pytest.raises(InvariantError, match="version 2 does not follow 0"):
        toy.learner.step(cohort(2, upload(1, 0)))
    toy.learner.step(cohort(1, upload(1, 0)))
    with pytest.raises(InvariantError, match="version 1 does not follow 1"):
        toy.learner.step(cohort(1, upload(1, 0)))

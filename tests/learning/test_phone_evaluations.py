"""Evaluations on phones between versions: the same bits in any order, and after a checkpoint."""

import random
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from gboard_sim.errors import InvariantError
from gboard_sim.fleet.recorded_learner import JournaledLearner, RecordedLearner
from gboard_sim.learning.closing import Averaging
from gboard_sim.learning.evaluation.held_out import NEVER, HeldOutText
from gboard_sim.learning.judgements import Judgements
from gboard_sim.learning.learner import FederatedLearner
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.moving_average import MovingAverage
from gboard_sim.learning.pool import InlinePool
from gboard_sim.learning.server_optimizers import momentum
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.privacy.mechanisms import NoMechanism
from gboard_sim.runlog.answers import read_measures, read_outcomes
from gboard_sim.runlog.journal import Journal
from gboard_sim.runlog.tables import SCHEMAS
from gboard_sim.seam.records import Cohort, LocalWork, Stint, Upload

WORK = LocalWork(epochs=1, steps=None, batch_size=4, learning_rate=0.5)


class LatePool:
    """Answers in any order, only when waited for."""

    def __init__(self, workshop, workers, seed):
        self.workshop, self.workers, self.jobs = workshop, workers, []
        self.random = random.Random(seed)

    def idle(self):
        return self.workers - len(self.jobs)

    def start(self, key, job):
        assert self.idle()
        self.jobs.append((key, job))

    def finished(self, *, waiting):
        if not self.jobs or not (waiting or self.random.random() < 0.3):
            return []
        key, job = self.jobs.pop(self.random.randrange(len(self.jobs)))
        return [(key, job.work(self.workshop))]


class Half:
    """A learner on real parts, its journal, and the states that it saved."""

    def __init__(self, folder, text, workshop, pool=InlinePool, state=None, position=None, **more):
        self.snapshots = Snapshots(folder / "versions")
        self.workshop = replace(workshop, snapshots=self.snapshots)
        self.journal = Journal(folder / "journal", position)
        self.saved, self.positions = [], []
        first = workshop.snapshots.read(0)
        optimizer = momentum()
        if state is None:
            self.snapshots.write(0, np.array(first))
            state = LearnerState(0, 0, optimizer.init(np.array(first)))
        used = np.full(text.typing.phones, NEVER)
        for row in self.journal.table("cohorts").to_pylist():
            if row["task"] == "train":
                used[row["phone"]] = min(used[row["phone"]], row["makes_version"])
        validation = text.evaluation_set("validation", 40)
        self.learner = FederatedLearner(
            typing=text.typing, model_bytes=100, codec_is_measured=False,
            pool=pool(self.workshop), snapshots=self.snapshots,
            close=lambda cohort: Averaging(cohort, optimizer, 0.5), mechanism=NoMechanism(),
            judgements=Judgements(
                validation=validation, every=3, average=MovingAverage(self.snapshots, 0.0),
                journal=self.journal, stopping=state.stopping,
                held_out=HeldOutText(text.store.later, {}, used),
            ),
            journal=self.journal, checkpoint_every=2, checkpoint=self.save, state=state, **more,
        )  # fmt: skip

    def save(self, state):
        self.saved.append(state)
        self.positions.append(self.journal.flush())
        self.snapshots.forget_before(state.oldest_version)


def upload(text, workshop, phone: int, base: int, session: int) -> Upload:
    rows = tuple(text.store.fleet.first[phone : phone + 2].tolist())
    stint = Stint(phone, session, base, WORK, rows, 10, 0.0, 1.0)
    size = workshop.codec.payload_bytes(len(workshop.snapshots.read(0)))
    return Upload(session, phone, 0, (stint,), size, 1.0, 2.0)


@pytest.fixture(scope="module")
def story(text, workshop) -> list[Cohort]:
    """Versions 1 to 7, and between them evaluations of versions that are current or behind."""
    draw, told = random.Random(3), []
    session = 0

    def uploads(base):
        nonlocal session
        phones = sorted(draw.sample(range(text.typing.phones), 3))
        session += 3
        return tuple(upload(text, workshop, p, base, session + p) for p in phones)

    def judge(version):
        reports = tuple(replace(u, stints=()) for u in uploads(0))
        told.append(Cohort("evaluate", version, 10.0, reports, (1.0,) * 3, version))

    judge(0)
    for version in range(1, 8):
        # A flight of version - 2 may still be out: its snapshot is still needed.
        oldest = max(0, version - 2)
        told.append(Cohort("train", version, 10.0 * version, uploads(oldest), (1.0,) * 3, oldest))
        if version in (2, 3, 6):
            judge(version - 1 if version == 3 else version)
        if version in (3, 6):
            judge(version - 2 if version == 6 else version)
    return told


def carried_out(half: Half, story, lookahead=0):
    newest = 0
    for cohort in story:
        half.learner.step(cohort)
        if cohort.task == "train":
            newest = cohort.makes_version
        half.learner.outcome(max(half.learner.state.version if not newest else 0,
                                 newest - lookahead))  # fmt: skip
    half.learner.finish()
    return half


def rows(half: Half, name: str = "evaluations"):
    return half.journal.table(name)


def test_reports_are_entered_between_the_versions_between_which_they_came(
    tmp_path, text, workshop, story
):
    half = carried_out(Half(tmp_path, text, workshop), story)
    found = [(r["version"], r["set"]) for r in rows(half).to_pylist() if r["group"] == "all"]
    assert found == [
        (0, "validation"), (0, "phones"), (2, "phones"), (3, "validation"), (2, "phones"),
        (3, "phones"), (6, "validation"), (6, "phones"), (4, "phones"), (7, "validation"),
    ]  # fmt: skip
    assert [r["version"] for r in rows(half, "versions").to_pylist()] == list(range(1, 8))


@pytest.mark.parametrize(("workers", "lookahead", "seed"), [(1, 99, 0), (3, 1, 1), (4, 3, 2)])
def test_no_order_of_answers_changes_a_bit(
    tmp_path, text, workshop, story, workers, lookahead, seed
):
    plain = carried_out(Half(tmp_path / "plain", text, workshop, tells_utility=True), story)
    late = partial(LatePool, workers=workers, seed=seed)
    other = Half(tmp_path / "late", text, workshop, late, tells_utility=True)
    carried_out(other, story, lookahead)
    for name in SCHEMAS:
        assert rows(other, name).equals(rows(plain, name)), name


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_resumed_run_judges_again_what_was_not_entered(tmp_path, text, workshop, story, at):
    """Killed after a checkpoint: the fleet hands over every cohort again, from the first on."""
    make = partial(Half, text=text, workshop=workshop, tells_utility=True)
    plain, halted = make(tmp_path / "plain"), make(tmp_path / "halted")
    for half in (plain, halted):
        seam = JournaledLearner(half.learner, half.journal)
        for cohort in story:
            seam.step(cohort)
        half.learner.finish()
    state, position = plain.saved[at], halted.positions[at]
    for version in range(state.version + 1, 8):
        halted.snapshots.path(version).unlink(missing_ok=True)
    # What a kill right after that checkpoint leaves; its snapshots were not forgotten yet.
    for version in range(state.oldest_version, state.version + 1):
        halted.snapshots.path(version).unlink(missing_ok=True)
        again_at = make(tmp_path / f"until{version}")
        for cohort in story:
            if cohort.task == "train" and cohort.makes_version <= version:
                again_at.learner.step(cohort)
        again_at.learner.finish()
        halted.snapshots.write(version, np.array(again_at.snapshots.read(version)))
    again = make(tmp_path / "halted", state=state, position=position)
    answers = again.journal.table("answers")
    replay = RecordedLearner(
        read_outcomes(answers), read_measures(answers), until=state.version, then=again.learner
    )
    seam = JournaledLearner(replay, again.journal)
    for cohort in story:
        seam.step(cohort)
        if cohort.task == "train":
            expected = plain.learner.outcome(cohort.makes_version).utility
            assert seam.outcome(cohort.makes_version).utility == expected
    again.learner.finish()
    for name in ("versions", "evaluations", "answers", "cohorts"):
        assert rows(again, name).equals(rows(plain, name)), name


def test_utility_is_the_number_of_cached_messages_times_their_mean_loss(
    tmp_path, text, workshop, story
):
    half = carried_out(Half(tmp_path, text, workshop, tells_utility=True), story)
    assert half.learner.answers == {"utility"}
    first = next(c for c in story if c.task == "train")
    utility = half.learner.outcome(1).utility
    assert list(utility) == [u.phone for u in first.uploads]
    losses = []
    for each in first.uploads:
        alone = Cohort("train", 1, 10.0, (each,), (1.0,), 0)
        one = carried_out(Half(tmp_path / str(each.phone), text, workshop), [alone])
        [row] = rows(one, "versions").to_pylist()
        messages = each.stints[-1].rows[1] - each.stints[-1].rows[0]
        assert utility[each.phone] == messages * row["loss"]
        losses.append(row["loss"])
    assert all(5 < loss < 7 for loss in losses)  # near log V: version 0 knows nothing


def test_telling_utility_changes_no_version(tmp_path, text, workshop, story):
    quiet = carried_out(Half(tmp_path / "quiet", text, workshop), story)
    telling = carried_out(Half(tmp_path / "telling", text, workshop, tells_utility=True), story)
    assert quiet.learner.outcome(1).utility is None
    assert np.array_equal(quiet.snapshots.read(7), telling.snapshots.read(7))
    assert rows(quiet, "versions").equals(rows(telling, "versions"))


def test_a_version_that_is_not_to_be_made_cannot_be_judged(tmp_path, text, workshop, story):
    half = Half(tmp_path, text, workshop)
    early = replace(story[0], makes_version=1)
    with pytest.raises(InvariantError, match="phones cannot judge version 1"):
        half.learner.step(early)

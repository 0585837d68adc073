"""What crosses the seam is journaled in order, and answered again from the journal."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.errors import RunDirectoryError
from gboard_sim.fleet.fake_learner import FakeLearner
from gboard_sim.fleet.recorded_learner import JournaledLearner, RecordedLearner
from gboard_sim.runlog.journal import Journal
from gboard_sim.seam.records import Attempt, Cohort, LocalWork, Measure, Outcome, Stint, Upload
from gboard_sim.seam.typing_record import Typing

WORK = LocalWork(epochs=1, steps=None, batch_size=8, learning_rate=0.5)
TYPING = Typing(np.array([0, 1, 2]), np.zeros(2), np.full(2, 5), 10, np.inf)


def stint(phone: int, version: int) -> Stint:
    return Stint(phone, 0, version, WORK, (phone, phone + 1), 5, 1.0, 2.0)


def attempt(session: int) -> Attempt:
    return Attempt(session, 0, 0, (stint(0, 0),))


def cohort(version: int) -> Cohort:
    uploads = tuple(
        Upload(2 * version + phone, phone, 0, (stint(phone, max(0, version - 1 - phone)),), 36,
               3.0, 4.0)
        for phone in range(2)
    )  # fmt: skip
    return Cohort("train", version, 10.0 * version, uploads, (1.0, 2.0), 0)


class Live:
    """A learner that says what it was asked."""

    answers = frozenset(["stop", "bytes"])

    def __init__(self):
        self.heard = []

    def typing(self):
        return TYPING

    def download_bytes(self, held, wanted):
        return np.where(held == wanted, 0, 77)

    def expect(self, attempts):
        self.heard.append(("expect", [a.session for a in attempts]))

    def measure(self, attempt):
        self.heard.append(("measure", attempt.session))
        return Measure(payload_bytes=1000 + attempt.session)

    def step(self, cohort):
        kind = "step" if cohort.task == "train" else cohort.task
        self.heard.append((kind, cohort.makes_version))

    def outcome(self, version):
        self.heard.append(("outcome", version))
        return Outcome(version, stop="live")


@pytest.fixture
def live():
    return Live()


@pytest.fixture
def recorded(live):
    """Two versions and the measure of session 4 are recorded; the rest is live."""
    outcomes = {1: Outcome(1, metrics={"loss": 6.0}), 2: Outcome(2, stop=None)}
    return RecordedLearner(outcomes, {4: Measure(payload_bytes=44)}, until=2, then=live)


def test_recorded_answers_are_given_without_asking_anybody(recorded, live):
    assert [recorded.outcome(version).metrics for version in (1, 2)] == [{"loss": 6.0}, {}]
    assert recorded.measure(attempt(4)) == Measure(payload_bytes=44)
    recorded.step(cohort(1))
    recorded.step(cohort(2))
    assert live.heard == []


def test_what_is_not_recorded_goes_to_the_learner_that_starts_there(recorded, live):
    recorded.step(cohort(3))
    assert recorded.outcome(3).stop == "live"
    assert recorded.measure(attempt(9)).payload_bytes == 1009
    recorded.expect([attempt(4), attempt(9)])
    assert live.heard == [("step", 3), ("outcome", 3), ("measure", 9), ("expect", [9])]


def reports(version: int) -> Cohort:
    sent = tuple(replace(upload, stints=()) for upload in cohort(version + 1).uploads)
    return replace(cohort(version + 1), task="evaluate", makes_version=version, uploads=sent)


def test_reports_go_on_once_the_last_recorded_version_was_made_again(recorded, live):
    for each in (reports(0), cohort(1), reports(1), cohort(2), reports(1), reports(2)):
        recorded.step(each)
    assert live.heard == [("evaluate", 1), ("evaluate", 2)]
    recorded.step(cohort(3))
    recorded.step(reports(3))
    assert live.heard[2:] == [("step", 3), ("evaluate", 3)]


def test_reports_are_journaled_and_make_no_version(tmp_path, live):
    journal = Journal(tmp_path / "journal")
    seam = JournaledLearner(live, journal, versions=True)
    seam.step(cohort(1))
    seam.step(reports(1))
    assert journal.table("cohorts")["task"].to_pylist() == ["train"] * 2 + ["evaluate"] * 2
    assert journal.table("versions")["version"].to_pylist() == [1]
    assert live.heard == [("step", 1), ("evaluate", 1)]
    again = Journal(tmp_path / "journal", journal.flush())
    for each in (cohort(1), reports(1)):
        again.cohort(each)
    other = Journal(tmp_path / "journal", journal.flush())
    other.cohort(cohort(1))
    with pytest.raises(RunDirectoryError, match="cohorts"):
        other.cohort(replace(reports(1), task="train"))


def test_what_does_not_depend_on_weights_comes_from_the_live_learner(recorded):
    assert recorded.answers == {"stop", "bytes"}
    assert recorded.typing() is TYPING
    assert recorded.download_bytes(np.array([3, -1]), 3).tolist() == [0, 77]


def test_a_cohort_is_journaled_before_it_is_handed_on(tmp_path, live):
    journal = Journal(tmp_path / "journal")
    rows_when_heard = []
    live.step = lambda cohort: rows_when_heard.append(journal.table("cohorts").num_rows)
    seam = JournaledLearner(live, journal)
    seam.step(cohort(1))
    seam.step(cohort(2))
    assert rows_when_heard == [2, 4]
    table = journal.table("cohorts")
    assert table["makes_version"].to_pylist() == [1, 1, 2, 2]
    assert table["weight"].to_pylist() == [1.0, 2.0, 1.0, 2.0]
    assert journal.table("versions").num_rows == 0  # a learner enters its own


def test_all_else_passes_through(tmp_path, live):
    seam = JournaledLearner(live, Journal(tmp_path / "journal"))
    seam.expect([attempt(3)])
    assert seam.measure(attempt(3)).payload_bytes == 1003
    assert seam.outcome(5).version == 5
    assert seam.typing() is TYPING
    assert seam.answers == live.answers
    assert seam.download_bytes(np.array([1]), 2).tolist() == [77]
    assert live.heard == [("expect", [3]), ("measure", 3), ("outcome", 5)]


def test_a_learner_that_learns_nothing_has_its_versions_entered(tmp_path):
    journal = Journal(tmp_path / "journal")
    seam = JournaledLearner(FakeLearner(TYPING, 77), journal, versions=True)
    seam.step(cohort(1))
    seam.step(cohort(3))
    rows = journal.table("versions").to_pylist()
    assert [(row["version"], row["uploads"], row["trained_tokens"]) for row in rows] == [
        (1, 2, 0),
        (3, 2, 0),
    ]
    assert [row["staleness_max"] for row in rows] == [0, 1]
    assert np.isnan([row["loss"] for row in rows]).all()

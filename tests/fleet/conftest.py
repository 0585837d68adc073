"""Small worlds for the fleet's tests: phones, windows, text and schedules written by hand."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest

from gboard_sim.fleet.intervals import union
from gboard_sim.fleet.population import Population
from gboard_sim.fleet.windows import FixedWindows
from gboard_sim.seam.records import LocalWork, Measure, Outcome
from gboard_sim.seam.typing_record import Typing


@dataclass
class EveryKth:
    k: int = 1
    keeps_unsent: bool = True
    max_age: int | None = None
    works: tuple[LocalWork, ...] = (LocalWork(1, None, 1, 0.1),)
    name: str = "every_kth"
    rests: bool = False
    rebases: bool = False

    def uploads(self, stints):
        return stints >= self.k - 1

    def local(self, version):
        return self.works


@dataclass
class FixedSize:
    bytes_each: int = 100
    size: str = "fixed"
    name: str = "double"

    def payload_bytes(self, parameters):
        return self.bytes_each


@dataclass
class NotingLearner:
    """Keeps all that crosses the seam; answers what it is told to."""

    text: Typing
    model_bytes: int = 1000
    answers: frozenset = frozenset()
    stop_at: int | None = None
    cohorts: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    expected: list = field(default_factory=list)

    def typing(self):
        return self.text

    def download_bytes(self, held, wanted):
        return np.full(len(held), self.model_bytes, dtype=np.int64)

    def expect(self, attempts):
        self.expected += list(attempts)

    def measure(self, attempt):
        return Measure(payload_bytes=50 + 10 * attempt.phone)

    def step(self, cohort):
        objects = {name: tuple(getattr(cohort, name)) for name in ("uploads", "dropouts")}
        self.cohorts.append(replace(cohort, **objects))

    def outcome(self, version):
        self.asked.append(version)
        reached = self.stop_at is not None and version >= self.stop_at
        return Outcome(version, stop="enough" if reached else None)


def population(phones, *, flop_per_s=10.0, rate=100.0, breaks=0.0, crashes=0.0):
    """Phones of one class: 100 bytes/s both ways, 10 flop/s, 1, 2 and 3 W (half and double)."""
    ones = np.ones(phones)
    watts = np.array([1.0, 2.0, 3.0])[:, None] * np.array([0.5, 1.0, 2.0])[None, :]
    return Population(
        mix=None,
        phone_class=np.zeros(phones, dtype=np.int64),
        network=np.zeros(phones, dtype=np.int64),
        profile=np.zeros(phones, dtype=np.int64),
        utc_offset_s=np.zeros(phones),
        flop_per_s=flop_per_s * ones,
        down_bytes_per_s=rate * ones,
        up_bytes_per_s=rate * ones,
        down_hourly_sigma=np.zeros(phones),
        up_hourly_sigma=np.zeros(phones),
        round_trip_s=np.zeros(phones),
        loss_share=np.zeros(phones),
        failure_share=breaks * ones,
        retries=np.zeros(phones, dtype=np.int64),
        retry_wait_s=np.zeros(phones),
        resumes=np.zeros(phones, dtype=bool),
        crash_share=crashes * ones,
        power_w=watts[:, :, None] * np.ones(phones),
    )


def windows(*rows):
    """Windows from (phone, start, end) rows."""
    phone, start_s, end_s = (np.array(column) for column in zip(*rows, strict=True))
    return FixedWindows(union(phone, start_s.astype(float), end_s.astype(float)))


def one_row_each(phones, tokens=10):
    """Every phone holds one message of `tokens` tokens from the start."""
    return Typing(
        np.arange(phones + 1), np.zeros(phones), np.full(phones, tokens), 1000, float("inf")
    )


@pytest.fixture
def world():
    return SimpleNamespace(
        EveryKth=EveryKth,
        FixedSize=FixedSize,
        Learner=NotingLearner,
        population=population,
        windows=windows,
        one_row_each=one_row_each,
    )

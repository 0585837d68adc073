"""Prices of sessions: cases worked out by hand, and one session at a time in plain Python."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gboard_sim import seeds
from gboard_sim.fleet.asked import Asked
from gboard_sim.fleet.conditions import DOWNLOAD, TRAIN, UPLOAD, Conditions
from gboard_sim.fleet.pricing import Priced, price, shapes
from gboard_sim.fleet.windows import Calendar

SEED = 5


@pytest.fixture
def phones(world):
    """One phone of 100 bytes/s and 10 flop/s with the given columns changed."""

    def make(phones=1, **columns):
        made = world.population(phones)
        held = {name: np.full(phones, value) for name, value in columns.items()}
        return Conditions(replace(made, **held), SEED)

    return make


def asked(n=1, *, start=0.0, window_end=1e9, gives_up=np.inf, count=0, tokens=20, **changes):
    """Sessions that download 1000 bytes, train 20 tokens of 1 flop and upload 500 bytes."""
    made = Asked(
        phone=np.arange(n),
        count=np.full(n, count),
        start_s=np.full(n, start),
        window_end_s=np.full(n, window_end),
        gives_up_s=np.full(n, gives_up),
        phases=np.ones((3, n), dtype=bool),
        download_bytes=np.full(n, 1000),
        upload_bytes=np.full(n, 500),
        stint=lambda rows, at_s: np.full(len(rows), tokens),
        flop_per_token=1.0,
    )
    return replace(made, **changes)


def shape(priced, used=True):
    return shapes(priced, True, priced.arrived & used).tolist()


def next_window(world, *rows):
    calendar = Calendar(world.windows(*rows), 1 + max(phone for phone, *_ in rows))
    calendar.extend()
    return calendar.next_available


def count_that(seed_draws, odds):
    """A session count whose attempts break as listed: phase to flags."""
    for count in range(10_000):
        if all(
            (seeds.uniforms(SEED, "failure", 0, count, phase + 3 * attempt) < odds) == breaks
            for phase, flags in seed_draws.items()
            for attempt, breaks in enumerate(flags)
        ):
            return count
    raise AssertionError


def part_of(count, phase, attempt=0):
    return float(seeds.uniforms(SEED, "failure/when", 0, count, phase + 3 * attempt))


def test_a_payload_that_fails_its_checksum_costs_the_same_and_has_not_arrived(phones):
    plain = phones(1_000)
    spoilt = Conditions(plain.population, SEED, corruption=0.25)
    one, other = (price(asked(1_000), conditions) for conditions in (plain, spoilt))
    for column in ("upload_bytes", "ended_s", "energy_j"):
        assert np.array_equal(getattr(one, column), getattr(other, column))
    assert 200 < (~other.arrived).sum() < 300
    assert set(np.array(shape(other))[~other.arrived]) == {"-v[]+*#"}
    assert set(np.array(shape(other))[other.arrived]) == {"-v[]+^"}
    again = price(asked(1_000, count=1), spoilt)
    assert 0.5 * 250 * 0.25 < (~again.arrived & ~other.arrived).sum() < 2 * 250 * 0.25


def test_a_session_without_trouble(phones):
    priced = price(asked(start=7.0), phones(round_trip_s=0.25))
    assert priced.spent_s[:, 0].tolist() == [10.25, 2.0, 5.25]
    assert priced.began_s[:, 0].tolist() == [7.0, 17.25, 19.25]
    assert priced.ended_s.tolist() == [24.5]
    assert (priced.download_bytes[0], priced.tokens[0], priced.upload_bytes[0]) == (1000, 20, 500)
    # 1, 2 and 3 W central; half and double around them
    assert priced.phase_j[:, 0].tolist() == [10.25, 4.0, 15.75]
    assert priced.energy_j[:, 0].tolist() == [15.0, 30.0, 60.0]
    assert shape(priced) == ["-v[]+^"]
    assert shape(priced, used=False) == ["-v[]+#"]


def test_packets_that_are_lost_cost_time_and_bytes(phones):
    priced = price(asked(), phones(loss_share=0.2))
    assert (priced.download_bytes[0], priced.upload_bytes[0]) == (1250, 625)
    assert priced.spent_s[:, 0].tolist() == [12.5, 2.0, 6.25]


def test_a_transfer_goes_on_at_the_rate_of_the_next_hour(phones):
    conditions = phones(down_hourly_sigma=0.5)
    rate = [
        100.0 * np.exp(0.5 * float(seeds.normals(SEED, "link/hour", 0, hour)) - 0.125)
        for hour in range(3)
    ]
    size = int(rate[0] * 5 + rate[1] * 3600 + rate[2] * 7)
    many = asked(start=3595.0, download_bytes=np.array([size]))
    assert price(many, conditions).began_s[TRAIN, 0] == pytest.approx(7207.0, abs=2 / rate[2])
    cut = price(replace(many, window_end_s=np.array([3602.5])), conditions)
    assert cut.download_bytes[0] == int(rate[0] * 5 + rate[1] * 2.5)
    assert shape(cut) == ["-v!"]


@pytest.mark.parametrize(
    ("resumes", "moved", "seconds"),
    [
        (False, lambda p: 1000 * p + 1000, lambda p: 10 * p + 10),
        (True, lambda p: 1000, lambda p: 10),
    ],
)
def test_a_broken_transfer_is_tried_again_from_where_its_network_says(
    phones, resumes, moved, seconds
):
    count = count_that({DOWNLOAD: [True, False], UPLOAD: [False], TRAIN: [False]}, 0.4)
    part = part_of(count, DOWNLOAD)
    conditions = phones(
        failure_share=0.4, retries=1, retry_wait_s=30.0, round_trip_s=1.0, resumes=resumes
    )
    priced = price(asked(count=count), conditions)
    assert priced.spent_s[DOWNLOAD, 0] == pytest.approx(seconds(part) + 30 + 2)
    assert priced.download_bytes[0] == int(moved(part) + 1e-6)
    # the radio rests while it waits
    assert priced.phase_j[DOWNLOAD, 0] == pytest.approx(seconds(part) + 2)
    assert shape(priced) == ["-v[]+^"]


def test_the_last_attempt_that_breaks_ends_the_session(phones):
    count = count_that({UPLOAD: [True, True], DOWNLOAD: [False], TRAIN: [False]}, 0.4)
    conditions = phones(failure_share=0.4, retries=1, retry_wait_s=9.0)
    priced = price(asked(count=count), conditions)
    parts = part_of(count, UPLOAD) + part_of(count, UPLOAD, 1)
    assert shape(priced) == ["-v[]+*"]
    assert priced.ended_s[0] == pytest.approx(12.0 + 9.0 + 5.0 * parts)
    assert priced.upload_bytes[0] == int(500 * parts)
    assert not priced.arrived[0]


def test_a_crash_counts_the_tokens_until_then(phones):
    count = count_that({TRAIN: [True]}, 0.5)
    priced = price(asked(count=count, tokens=10_000), phones(crash_share=0.5))
    assert shape(priced) == ["-v[*"]
    assert priced.tokens[0] == int(10_000 * part_of(count, TRAIN) + 1e-6)


def test_a_stint_of_no_tokens_crashes_at_once(phones):
    priced = price(asked(tokens=0), phones())
    assert (shape(priced), priced.ended_s[0]) == (["-v[*"], 10.0)


@pytest.mark.parametrize(
    ("end", "said", "got", "tokens", "sent"),
    [
        (4.005, "-v!", 400, 0, 0),
        (10.0, "-v[!", 1000, 0, 0),
        (11.0, "-v[!", 1000, 10, 0),
        (13.0, "-v[]+!", 1000, 20, 100),
        (17.0, "-v[]+^", 1000, 20, 500),
    ],
)
def test_a_window_or_the_server_cuts_a_session_and_what_was_done_is_paid(
    phones, end, said, got, tokens, sent
):
    for cut in (asked(window_end=end), asked(gives_up=end)):
        priced = price(cut, phones())
        assert shape(priced) == [said]
        assert priced.ended_s[0] == end
        counts = priced.download_bytes[0], priced.tokens[0], priced.upload_bytes[0]
        assert counts == (got, tokens, sent)


def test_a_session_without_download_or_upload(phones):
    phases = np.array([[False], [True], [False]])
    priced = price(asked(phases=phases), phones())
    assert shapes(priced, False, np.zeros(1, dtype=bool)).tolist() == ["[]"]
    assert priced.began_s[UPLOAD, 0] == priced.ended_s[0] == 2.0


def test_a_paused_session_goes_on_in_the_phones_later_windows(phones, world):
    known = next_window(world, (0, 0, 11), (0, 50, 50.5), (0, 90, 200))
    priced = price(asked(window_end=11.0), phones(), known)
    # 1 of 2 s trained, half a second in the second window, the rest and 5 s of upload in the third
    assert shape(priced) == ["-v[!!]+^"]
    assert priced.ended_s[0] == 95.5
    assert priced.paused_s[0] == 39.0 + 39.5
    assert priced.window_end_s[0] == 200.0
    assert priced.spent_s[:, 0].tolist() == [10.0, 2.0, 5.0]
    assert priced.tokens[0] == 20


@pytest.mark.parametrize(("resumes", "ended", "sent"), [(True, 105.75, 500), (False, 106.0, 525)])
def test_a_transfer_that_was_paused_goes_on_as_after_an_error(phones, world, resumes, ended, sent):
    known = next_window(world, (0, 0, 14.25), (0, 100, 200))
    priced = price(asked(window_end=14.25), phones(round_trip_s=1.0, resumes=resumes), known)
    # Download 11 s, training 2 s; the upload's round trip ends at 14 s, and 25 bytes move.
    assert shape(priced) == ["-v[]+!^"]
    assert (priced.ended_s[0], priced.upload_bytes[0]) == (ended, sent)


def test_a_pause_without_a_known_window_or_past_the_servers_patience_ends_a_session(phones, world):
    known = next_window(world, (0, 0, 11), (0, 50, 60))
    priced = price(asked(window_end=60.0, start=41.0), phones(), known)
    assert (shape(priced), priced.ended_s[0]) == (["-v[]+^"], 58.0)
    priced = price(asked(window_end=60.0, start=49.0), phones(), known)
    assert (shape(priced), priced.ended_s[0], priced.paused_s[0]) == (["-v[!"], 60.0, 0.0)
    priced = price(asked(window_end=11.0, gives_up=40.0), phones(), known)
    assert (shape(priced), priced.ended_s[0], priced.paused_s[0]) == (["-v[!"], 40.0, 29.0)
    priced = price(asked(window_end=11.0, gives_up=52.0), phones(), known)
    assert (shape(priced), priced.ended_s[0], priced.paused_s[0]) == (["-v[!]+!"], 52.0, 39.0)


def test_rows_priced_apart_stack_to_one_table(phones):
    conditions = phones(3, failure_share=0.5)
    whole = price(asked(3), conditions)
    rows = [price(asked(3).row(row), conditions) for row in range(3)]
    assert same(Priced.of(rows), whole)
    assert same(
        Priced.of([whole.take(np.array([2])), whole.take(np.array([0, 1]))]).take([1, 2, 0]), whole
    )


def same(one, other):
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in fields(Priced)
    )


class Walk:
    """One session in plain Python: it draws what the package draws and shares nothing else."""

    def __init__(self, asked, conditions, windows):
        self.asked, self.conditions, self.windows = asked, conditions, windows
        self.now, self.end = float(asked.start_s[0]), float(asked.window_end_s[0])
        self.gives_up = float(asked.gives_up_s[0])
        self.paused, self.shape, self.mark = 0.0, "-", ""
        self.amount = [0.0, 0.0, 0.0]

    def column(self, name):
        return getattr(self.conditions.population, name)[int(self.asked.phone[0])]

    def run(self):
        for phase, letter in enumerate("v[+"):
            if not self.mark:
                self.shape += letter
                self.train() if phase == TRAIN else self.transfer(phase)
        if not self.mark:
            self.mark = "#"
        return self

    def stop(self):
        """The session is cut; whether it goes on, in the next window."""
        later = [w for w in self.windows if w[1] > self.end] if self.windows else []
        if self.now < self.gives_up and later:
            start = max(later[0][0], self.end)
            self.paused += min(start, self.gives_up) - self.now
            self.now = min(start, self.gives_up)
            if start < self.gives_up:
                self.end, self.shape = later[0][1], self.shape + "!"
                return True
        self.mark = "!"
        return False

    def work(self, left):
        """Eligible time; gives back what is left of it when the session ended."""
        while True:
            cut = min(self.end, self.gives_up)
            if self.now + left <= cut:
                self.now += left
                return 0.0
            left -= cut - self.now
            self.now = cut
            if not self.stop():
                return left

    def breaks(self, phase, attempt):
        flag, part = self.conditions.breaks(phase, self.asked.phone, self.asked.count, attempt)
        return bool(flag[0]), float(part[0])

    def train(self):
        tokens = int(self.asked.stint(np.array([0]), np.array([self.now]))[0])
        whole = tokens / self.column("flop_per_s")
        broken, part = self.breaks(TRAIN, 0)
        length = part * whole if broken else whole
        left = self.work(length)
        done = not self.mark and not broken
        self.amount[TRAIN] = tokens if done else tokens * (length - left) / whole
        self.shape += "]" * done
        if not self.mark and broken:
            self.mark = "*"

    def transfer(self, phase):
        whole = self.asked.download_bytes if phase == DOWNLOAD else self.asked.upload_bytes
        size = left = float(whole[0]) / (1.0 - self.column("loss_share"))
        for attempt in range(self.column("retries") + 1):
            broken, part = self.breaks(phase, attempt)
            target = wanted = part * left if broken else left
            while True:
                moved, over = self.stream(phase, wanted)
                self.amount[phase] += moved
                if over:
                    break
                if not self.stop():
                    return
                wanted = wanted - moved if self.column("resumes") else target
            if not broken:
                return
            left = left - target if self.column("resumes") else size
            if attempt < self.column("retries"):
                self.work(self.column("retry_wait_s"))
                if self.mark:
                    return
        self.mark = "*"

    def stream(self, phase, size):
        """Bytes at the rate of each hour: how many moved, and whether all did."""
        cut = min(self.end, self.gives_up)
        begin = self.now + self.column("round_trip_s")
        if begin > cut:
            self.now = cut
            return 0.0, False
        self.now, left = begin, size
        while True:
            rate, until = (
                float(column[0])
                for column in self.conditions.rate(phase, self.asked.phone, np.array([self.now]))
            )
            if self.now + left / rate <= min(until, cut):
                self.now += left / rate
                return size, True
            left -= rate * (min(until, cut) - self.now)
            self.now = min(until, cut)
            if self.now == cut:
                return size - left, False


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    pauses=st.booleans(),
    share=st.floats(0.0, 0.9),
    retries=st.integers(0, 3),
    resumes=st.booleans(),
    patience=st.sampled_from([np.inf, 20.0, 8000.0]),
    scale=st.sampled_from([1.0, 400.0]),
)
def test_every_price_is_that_of_a_session_walked_through_alone(
    phones, world, seed, pauses, share, retries, resumes, patience, scale
):
    n, rng = 12, np.random.default_rng(seed)
    conditions = phones(
        n,
        failure_share=share,
        crash_share=share / 2,
        retries=retries,
        retry_wait_s=1.5 * scale,
        resumes=resumes,
        round_trip_s=0.3,
        loss_share=0.05,
        down_hourly_sigma=0.4,
        up_hourly_sigma=0.5,
    )
    edges = np.cumsum(rng.exponential(6.0 * scale, (n, 12)), axis=1)
    rows = [(p, edges[p, 2 * k], edges[p, 2 * k + 1]) for p in range(n) for k in range(6)]
    known = next_window(world, *rows)
    many = asked(
        n,
        count=seed,
        tokens=int(30 * scale),
        start_s=edges[:, 0].copy(),
        window_end_s=edges[:, 1].copy(),
        gives_up_s=edges[:, 0] + patience,
        download_bytes=(rng.integers(0, 1000, n) * scale).astype(np.int64),
        upload_bytes=(rng.integers(0, 1000, n) * scale).astype(np.int64),
    )
    priced = price(many, conditions, known if pauses else None)
    found = shapes(priced, True, np.zeros(n, dtype=bool))
    counts = np.stack([priced.download_bytes, priced.tokens, priced.upload_bytes])
    for row in range(n):
        # The calendar keeps ticks of its own; the windows are read back from it.
        windows, at = [], edges[row, 1]
        while pauses and np.isfinite(at):
            start, end = (float(x[0]) for x in known(np.array([row]), np.array([at])))
            windows += [(start, end)] * bool(np.isfinite(end))
            at = end
        walk = Walk(many.row(row), conditions, windows).run()
        assert found[row] == walk.shape + walk.mark
        assert priced.ended_s[row] == pytest.approx(walk.now, abs=1e-6)
        assert priced.paused_s[row] == pytest.approx(walk.paused, abs=1e-6)
        np.testing.assert_allclose(counts[:, row], np.floor(np.array(walk.amount) + 1e-6), atol=1)

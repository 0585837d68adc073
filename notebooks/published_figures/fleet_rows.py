"""The rows that a fleet alone answers: B1 to B9 and B13."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from rows import Row, experiment

from gboard_sim.world import world
from gboard_sim.world.downloads import model_bytes
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.fleet.fake_learner import FakeLearner, plausible_typing
from gboard_sim.fleet.fleet_end import FleetEnd
from gboard_sim.fleet.simulation import simulate
from gboard_sim.learning.model.spec import flop_per_token, parameter_count
from gboard_sim.units import DAY_S, HOUR_S

MEAN_ROWS = 750.0
"""Mean messages of a phone before its cache cuts them to 1,000: uploads then have about 400."""

FIRST_H, LAST_H = 24, 72
"""Hours of a run that count: the first day is left out, in which phones learn when to call."""

ERRORS = {"crash_share": 0.005, "failure_share": 0.0025}
"""What B2 needs in place of the shipped shares: errors in 1% of the sessions."""

NIGHT, DAY = range(8), range(10, 18)
"""Hours of the phones' own clock, 8 each (assumed: the source does not say)."""


@dataclass(frozen=True)
class FleetRun:
    """A run of the fleet alone.

    Attributes:
        end: What it came to.
        selected: Phones that a full selection holds.
        sessions: Columns of its sessions.
        closed_s: When each version was made. Shape [versions].
    """

    end: FleetEnd
    selected: int
    sessions: dict[str, np.ndarray]
    closed_s: np.ndarray

    def ending(self, signs: str) -> np.ndarray:
        """Which sessions ended with one of some signs. Shape [sessions]."""
        return np.isin(self.sessions["shape"].astype("U16"), self._shapes(signs))

    def _shapes(self, signs: str) -> list[str]:
        return [shape for shape in np.unique(self.sessions["shape"]) if shape[-1] in signs]

    @property
    def configured(self) -> np.ndarray:
        """Which sessions got a plan. Shape [sessions]."""
        return self.sessions["shape"] != "-!"

    def share(self, signs: str) -> float:
        """Share of the configured sessions that ended with one of some signs."""
        return float((self.ending(signs) & self.configured).sum() / self.configured.sum())

    @property
    def drop_out(self) -> float:
        """Share of the selected phones that dropped out, those that left in waiting included."""
        return float(self.ending("!*").mean())

    @property
    def train_s(self) -> np.ndarray:
        """Seconds of completed training."""
        whole = np.char.find(self.sessions["shape"].astype("U16"), "]") > 0
        return self.sessions["train_s"][whole]

    @property
    def reporting_s(self) -> np.ndarray:
        """Seconds from each round's configuration to its close. Shape [versions]."""
        configured_s = self.sessions["began_s"] + self.sessions["wait_s"]
        used = self.sessions["used_in"] > 0
        first_s = np.full(len(self.closed_s), np.inf)
        np.minimum.at(first_s, self.sessions["used_in"][used] - 1, configured_s[used])
        return self.closed_s - first_s

    def by_local_hour(self, at_s: np.ndarray, utc_offset_h: float = -6.0) -> np.ndarray:
        """Counts by hour of the phones' own clock, hours `FIRST_H` to `LAST_H` of the run."""
        hour = at_s / HOUR_S
        hour = hour[(hour >= FIRST_H) & (hour < LAST_H)]
        return np.bincount(((hour + utc_offset_h) % 24).astype(int), minlength=24)


def run_fleet(
    settings: Experiment, *, crash_share: float | None = None, failure_share: float | None = None
) -> FleetRun:
    """Runs a fleet alone, with text as Gboard's clients have it.

    Args:
        settings: The experiment.
        crash_share: Of every phone, instead of its class's.
        failure_share: Of every network, instead of its own.
    """
    made = world.build(settings)
    population, pieces = made.population, settings.text.vocabulary
    if crash_share is not None:
        everyone = np.full(population.phones, crash_share)
        population = replace(population, crash_share=everyone)
    if failure_share is not None:
        everyone = np.full(population.phones, failure_share)
        population = replace(population, failure_share=everyone)
    typing = plausible_typing(
        population.phones,
        settings.run.days,
        settings.run.seed,
        mean_rows=MEAN_ROWS,
        at_start=1.0,
        cache_rows=settings.text.cache_rows,
    )
    blocks, closed = [], []
    end = simulate(
        population,
        made.rules,
        made.schedule,
        made.codec,
        FakeLearner(typing, model_bytes(made, pieces)),
        parameters=parameter_count(made.spec, pieces),
        flop_per_token=flop_per_token(made.spec, pieces),
        seed=settings.run.seed,
        days=settings.run.days,
        terms=made.terms,
        windows=made.windows,
        log=blocks.append,
        progress=lambda at_s, version: closed.append((version, at_s)),
    )
    wanted = (
        "shape", "began_s", "ended_s", "wait_s", "train_s", "tokens", "used_in",
        "download_bytes", "upload_bytes",
    )  # fmt: skip
    sessions = {name: np.concatenate([getattr(b, name) for b in blocks]) for name in wanted}
    made_s = dict(closed)
    return FleetRun(
        end,
        made.rules.selected,
        sessions,
        np.array([made_s[version] for version in range(1, end.versions + 1)]),
    )


def swing(counts: np.ndarray) -> float:
    """Greatest over least of counts by hour."""
    return float(counts.max() / counts.min())


def production(runs: Sequence[FleetRun]) -> list[Row]:
    """B1, B3 to B5 and B7 to B9: production rounds, a tenth as large."""

    def row(number, what, published, ours, kind, lowest, highest, note=""):
        return Row(number, what, published, tuple(map(float, ours)), kind, lowest, highest, note)

    hours = LAST_H - FIRST_H
    steady = [r.closed_s[r.closed_s >= FIRST_H * HOUR_S] for r in runs]
    period_s = [hours * HOUR_S / len(closed) for closed in steady]
    used = [r.sessions["tokens"][r.ending("^")] for r in runs]
    configured = [r.by_local_hour(r.sessions["began_s"][r.configured]) for r in runs]
    rounds = [r.by_local_hour(r.closed_s) for r in runs]
    night, day = list(NIGHT), list(DAY)
    train = [np.percentile(r.train_s, [1, 99]) for r in runs]
    return [
        row("B1a", "seconds from round to round", "144", period_s, "input", 108, 180,
            "protocol.round_s = 144 asks for it, over the mean day"),
        row("B1b", "days of 3,000 rounds", "4 to 5", [3000 * s / DAY_S for s in period_s],
            "identity", 3.75, 6.25, "3,000 x B1a"),
        row("B1c", "million uploads in 3,000 rounds of 500", "1.5", [1.5], "identity", 1.5, 1.5),
        row("B1d", "messages of a used upload, mean", "400", [t.mean() / 10 for t in used],
            "fitted", 300, 500, f"mean_rows = {MEAN_ROWS:g}"),
        row("B1e", "seconds from configuration to close, median", "120 to 180",
            [np.median(r.reporting_s) for r in runs], "check", 90, 225,
            "training and transfers alone; nothing else was found published that takes time"),
        row("B3", "share of configured sessions without ^", ".231 (.24 seen)",
            [1 - r.share("^") for r in runs], "identity", 0.22, 0.26, "1 - 1 / 1.3"),
        row("B4", "drop-out of selected phones", ".06 to .10", [r.drop_out for r in runs],
            "fitted", 0.06, 0.10, "crash_share = .01, failure_share = .015; leaving is not fitted"),
        row("B5a", "eligible phones, most : least of a day", "4",
            [swing(r.end.eligible_by_local_hour) for r in runs], "fitted", 3.5, 4.5,
            "the profile nightly was set to it"),
        row("B5b", "participating phones, most : least of a day", "4",
            [swing(c) for c in configured], "fitted", 3.5, 4.5,
            "steered phones draw again when not eligible, so calls follow B5a; see the text"),
        row("B7", "bytes down : up", "> 1",
            [r.sessions["download_bytes"].sum() / r.sessions["upload_bytes"].sum() for r in runs],
            "identity", 1.0, np.inf, "every upload follows a download as large; no codec"),
        row("B8a", "rounds at night : by day", "4",
            [r[night].sum() / r[day].sum() for r in rounds], "fitted", 3, 5, "as B5b"),
        row("B8b", "rounds an hour, most : least of a day", "4", [swing(r) for r in rounds],
            "fitted", 3, 5, "as B5b; the kindest reading of the source"),
        row("B9", "seconds of training, p99 : p1", "> 100", [b / a for a, b in train], "check",
            100, np.inf, f"p1 {train[0][0]:.2g} s, "
            f"p99 {train[0][1]:.3g} s; lognormal text of sigma 1.1 is assumed"),
    ]  # fmt: skip


def session_shapes(runs: Sequence[FleetRun]) -> list[Row]:
    """B2: the session shapes, which B4's drop-out rules out."""
    shares = {signs: tuple(r.share(signs) for r in runs) for signs in "^#!*"}
    return [
        Row("B2a", "share of sessions -v[]+^", ".75", shares["^"], "identity", 0.73, 0.77,
            "1 / 1.3 = .769 where every round closes at its goal"),
        Row("B2b", "share of sessions -v[]+#", ".22", shares["#"], "identity", 0.20, 0.24,
            "what is left"),
        Row("B2c", "share of sessions interrupted, !", ".02", shares["!"], "check", 0.0, 0.04,
            "windows that end against sessions that last; the tolerance cannot fail from below"),
        Row("B2d", "share of other sessions, *", ".01", shares["*"], "fitted", 0.0, 0.03,
            "crash_share = .005, failure_share = .0025, set for it"),
    ]  # fmt: skip


def simultaneous(runs: Sequence[FleetRun]) -> list[Row]:
    """B6: how many of ten million phones take part at once, if each does so once a day.

    By Little's law: sessions a second, in the hour that has most, times seconds of a session. The
    hours are those of the runs, whose phones take part less than once a day; so it is linear in
    phones and in sessions.
    """
    with_wait, without = [], []
    for run in runs:
        told = run.configured
        hours = run.by_local_hour(run.sessions["began_s"][told])
        peak_per_s = 1e7 / DAY_S * hours.max() / hours.mean()
        whole_s = (run.sessions["ended_s"] - run.sessions["began_s"])[told]
        with_wait.append(float(peak_per_s * whole_s.mean()))
        without.append(float(peak_per_s * (whole_s - run.sessions["wait_s"][told]).mean()))
    note = "ten million phones, each once a day (assumed), scaled linearly"
    return [
        Row("B6a", "phones at work at once, of ten million", "<= 10,000", tuple(without), "check",
            10_000 / 3, 30_000, note),
        Row("B6b", "the same, waiting to be configured included", "<= 10,000", tuple(with_wait),
            "check", 10_000 / 3, 30_000, note),
    ]  # fmt: skip


def batch_times() -> list[Row]:
    """B13: seconds of a batch from operations and rates, against FLASH's measurements."""
    # LSTM layer of 100 inputs and 650 units, batch 10, 10 steps: 6 operations per parameter
    # and token (`flop_per_token`), 4 gates with a bias.
    flop = 6.0 * 4 * 650 * (100 + 650 + 1) * 10 * 10
    classes = world.build(experiment(fleet__phones=60)).population.mix.classes
    measured = {"flash_low": 1.33, "flash_mid": 1.03, "flash_high": 0.65}
    rows = []
    for letter, kind in zip("abc", classes, strict=True):
        seconds, told = flop / (kind.flop_per_s_median * kind.runtime_factor), measured[kind.name]
        rows.append(
            Row(f"B13{letter}", f"seconds of a batch, {kind.name}", f"{told:g}", (seconds,),
                "check", 0.8 * told, 1.2 * told,
                "one rate for all layers: FLASH's median over 20,000 shapes, "
                f"{seconds / told - 1:+.0%} here")
        )  # fmt: skip
    return rows

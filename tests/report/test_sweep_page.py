"""The page of a sweep, from tables made up so that every figure on it is known by hand."""

import json
import re
from html import unescape
from html.parser import HTMLParser

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gboard_sim.errors import RunDirectoryError
from gboard_sim.report import fronts
from gboard_sim.report.sweep_analysis import SweepAnalysis
from gboard_sim.report.sweep_contents import COSTS, Judges, SweepContents
from gboard_sim.report.sweep_page import write_sweep_page
from gboard_sim.report.sweep_target import Target
from gboard_sim.runlog.directory import SCHEMA, RunDirectory

SEEDS = (1, 2, 3)
POINTS = [  # schedule, H, recall, MB up, days, joules, epsilon
    ("fixed", 1, 0.150, 80.0, 9.0, 40.0, 8.0),
    ("fixed", 4, 0.200, 20.0, 3.0, 20.0, 8.0),
    ("every_kth", 1, 0.192, 6.0, 4.0, 25.0, 2.0),
    ("every_kth", 4, 0.120, 2.0, 1.0, 10.0, float("inf")),
    ("every_kth", 16, 0.100, 4.0, 2.0, 12.0, 1.0),
]
BY_NUMBER = {cost.name: column for cost, column in zip(COSTS, (3, 3, 4, 5, 6), strict=True)}
SPENT = [cost.key for cost in COSTS if cost.grows]
SPENT += [key for cost in COSTS if cost.grows for key in cost.bounds or ()]


def rows(points=POINTS, seeds=SEEDS):
    for schedule, steps, recall, mb, days, joules, epsilon in points:
        for seed in seeds:
            off = seed - 2
            setting = f"schedule.name={schedule}, training.steps={steps}"
            row = {
                "run": f"{schedule}-{steps}-{seed}", "setting": setting, "seed": seed,
                "status": "done", "message": None, "schedule.name": schedule,
                "training.steps": steps, "validation_recall_at_3": recall + 0.001 * off,
                "recall_at_3": recall / 2, "simulated_days": days + 0.1 * off,
                "uplink_bytes_per_phone_mean": 1e6 * (mb + 0.1 * off),
                "downlink_bytes_per_phone_mean": 2e6 * (mb + 0.1 * off),
                "energy_j_per_phone_mean": joules, "energy_j_per_phone_mean_low": joules / 2,
                "energy_j_per_phone_mean_high": joules * 3, "epsilon_policy": epsilon,
            }  # fmt: skip
            last = row["validation_recall_at_3"]
            row["course"] = [
                {"version": v, "validation_recall_at_3": last * v / 10}
                | {key: row[key] * v / 10 for key in SPENT}
                for v in (0, 5, 10)
            ]
            yield row


@pytest.fixture
def swept(tmp_path):
    """Writes a sweep's directory from rows."""

    def write(found=None, **changed):
        found = list(rows()) if found is None else list(found)
        keys = ["schedule.name", "training.steps"]
        document = {
            "schema": SCHEMA, "experiment": "made <up>", "description": "", "keys": keys,
            "text_source": "synthetic",
            "runs": {row["run"]: {"values": {k: str(row[k]) for k in keys}} for row in found},
        } | changed  # fmt: skip
        (tmp_path / "sweep.json").write_text(json.dumps(document))
        (tmp_path / "experiment.toml").write_text('name = "made" # <b>\n')
        pq.write_table(pa.Table.from_pylist(found), tmp_path / "sweep.parquet")
        return RunDirectory(tmp_path)

    return write


def contents(directory, judges=Judges.validation):
    return SweepContents.read(directory, judges)


def test_settings_are_means_over_seeds_with_the_t_interval(swept):
    first = contents(swept()).settings[0]
    assert (first.number, first.repeats, first.failed) == (1, 3, 0)
    half = 4.302652729696142 * 0.001 / 3**0.5  # t at 97.5% with 2 degrees, times s / sqrt(n)
    assert first.recall.mean == pytest.approx(0.15)
    assert first.recall.low == pytest.approx(0.15 - half)
    assert first.recall.high == pytest.approx(0.15 + half)
    joules = first.costs["joules per phone"]
    assert (joules.low, joules.mean, joules.high) == (20.0, 40.0, 120.0)
    assert first.costs["uplink per phone, MB"].mean == pytest.approx(80.0)
    tested = contents(swept(), Judges.test).settings[0]
    assert tested.recall.mean == pytest.approx(0.075)


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.name)
def test_the_front_and_the_cheapest_are_those_found_by_trying_every_pair(swept, cost):
    column = BY_NUMBER[cost.name]
    known = {n: p for n, p in enumerate(POINTS, start=1) if p[column] != float("inf")}
    beaten = {
        n for n, p in known.items() for q in known.values()
        if q is not p and q[column] <= p[column] and q[2] >= p[2]
    }  # fmt: skip
    found = contents(swept())
    having = [setting for setting in found.settings if cost.name in setting.costs]
    assert {s.number for s in fronts.on_front(having, cost)} == set(known) - beaten
    for target in (Target(0.1, False), Target(0.5, True), Target(0.98, True)):
        row = next(
            row
            for row in SweepAnalysis.of(found, "2", [target]).cheapest()
            if row["cheapest_in"] == cost.name
        )
        took = {n: up_to(target, known[n], cost) for n in known}
        took = {n: spent for n, spent in took.items() if spent is not None}
        assert row["number"] == min(took, key=took.get)
        assert row["cost"] == pytest.approx(min(took.values()))


def up_to(target, point, cost):
    """The mean cost of a point up to a target; None unless every seed reaches it."""
    spent = []
    for off in (-0.001, 0.0, 0.001):
        needed = target.value * (0.2 + off if target.relative else 1)
        half = next((h for h in (0.5, 1.0) if (point[2] + off) * h >= needed), None)
        if half is None:
            return None
        column = BY_NUMBER[cost.name]
        more = 100 * off if column in (3, 4) else 0
        spent.append((point[column] + more) * (half if cost.grows else 1))
    return (2 if "downlink" in cost.name else 1) * sum(spent) / 3


def test_a_target_that_nothing_priced_reaches_has_no_cheapest_setting(swept):
    best = [("fixed", 1, 0.2, 1.0, 1.0, 1.0, float("inf")), ("fixed", 4, 0.1, 1, 1, 1, 2.0)]
    found = SweepAnalysis.of(contents(swept(rows(best))))
    assert {row["cheapest_in"] for row in found.cheapest()} == {c.name for c in COSTS if c.grows}
    assert list(SweepAnalysis.of(found.contents, targets=[Target(0.9, False)]).cheapest()) == []


def test_every_row_of_an_analysis_has_the_same_keys(swept):
    found = list(rows())
    found[-1] |= dict.fromkeys(("validation_recall_at_3", *SPENT)) | {"status": "failed"}
    analysis = SweepAnalysis.of(contents(swept(found)), "3")
    for made in (
        analysis.settings(), analysis.lost(), analysis.reached(), analysis.cheapest(),
    ):  # fmt: skip
        told = list(made)
        assert len({tuple(row) for row in told}) == 1
        json.dumps(told)
    [own] = [row for row in analysis.settings() if row["number"] == 3]
    assert (own["loss"], own["loss_low"], own["loss_high"]) == (0, 0, 0)
    lost = [(r + o, 0.192 + o) for r in [0.15] for o in (-0.001, 0, 0.001)]
    [first] = [row for row in analysis.settings() if row["number"] == 1]
    assert first["loss"] == pytest.approx(sum(1 - a / b for a, b in lost) / 3)


FLEETS = tuple(f"extrapolated: population {n}, cohort {c}" for n, c in ((4000, 800), (10**6, 9)))


def extrapolating(points):
    """Rows without an epsilon of their own; fixed stands for one larger fleet, the rest for two."""
    for row in rows(points):
        first = row["schedule.name"] == "fixed" or row["training.steps"] == 1
        yield row | {
            "epsilon_policy": None,
            "epsilon_extrapolated": row["epsilon_policy"],
            "privacy_extrapolated": FLEETS[0] if first else FLEETS[1],
        }


def test_extrapolated_epsilons_have_a_front_for_each_larger_fleet(swept):
    directory = swept(extrapolating(POINTS))
    found = contents(directory)
    names = [cost.name for cost in found.costs()]
    assert names[-2:] == [f"epsilon, {fleet}" for fleet in FLEETS]
    assert "epsilon" not in names
    by_name = {cost.name: cost for cost in found.costs()}
    having = {n: [s for s in found.settings if n in s.costs] for n in names[-2:]}
    assert {n: [s.number for s in each] for n, each in having.items()} == {
        names[-2]: [1, 2, 3],
        names[-1]: [5],  # that of number 4 is infinite
    }
    # Of (8, .15), (8, .2) and (2, .192) the first is beaten by both others.
    front = fronts.on_front(having[names[-2]], by_name[names[-2]])
    assert [one.number for one in front] == [3, 2]
    page = write_sweep_page(directory).read_text()
    assert len(re.findall("<svg viewBox", page)) == 6
    assert all(f"epsilon, {fleet}" in unescape(page) for fleet in FLEETS)
    assert "An extrapolated epsilon is that of a larger fleet" in page
    assert f"for want of a finite figure: 1 by epsilon, {FLEETS[1]}." in page
    row = next(
        row
        for row in SweepAnalysis.of(found, "2", [Target(0.19, False)]).cheapest()
        if row["cheapest_in"] == names[-2]
    )
    assert (row["number"], row["cost"]) == (3, 2.0)


def test_a_setting_whose_runs_stand_for_different_fleets_has_no_epsilon_of_either(swept):
    found = list(extrapolating(POINTS))
    found[0]["privacy_extrapolated"] = FLEETS[1]
    first = contents(swept(found)).settings[0]
    assert not any(name.startswith("epsilon") for name in first.costs)


class Outline(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.ids, self.links, self.text = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.ids += [value for key, value in attrs if key == "id" and "-" not in value]
        self.links += [value for key, value in attrs if key in ("src", "href") and value[0] != "#"]

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_has_fronts_tables_and_what_failed_and_needs_nothing_else(swept):
    found = list(rows())
    gone = {key: None for key in found[-1] if key.endswith(("mean", "low", "high", "3", "days"))}
    found[-1] |= gone | {"epsilon_policy": None, "status": "failed", "message": "no <disk>"}
    directory = swept(found)
    page = write_sweep_page(directory).read_text()
    assert page == write_sweep_page(directory).read_text()
    outline = Outline(page)
    assert [name for name in outline.ids if name in ("fronts", "cheapest", "settings", "failures")]
    assert not outline.links
    text = " ".join(" ".join(outline.text).split())
    for said in (
        "made <up>", "5 settings of schedule.name, training.steps, 3 seeds, 15 runs.",
        "Synthetic text", "95% t interval", "no <disk>", "2, 1 failed", "20.0 (10.0 to 60.0) *",
        "# <b>", "number 1 (schedule.name=fixed, training.steps=1)", "0.150 (0.148 to 0.152)",
        "for want of a finite figure: 1 by epsilon.", "The way to 99% of the baseline",
        "0 of 3", "3 of 3", "-33.3% (-33.7% to -33.0%)",
    ):  # fmt: skip
        assert said in text, said
    assert len(re.findall("<svg viewBox", page)) == 5
    labels = [unescape(said) for said in re.findall('aria-label="(Points[^"]*)"', page)]
    assert labels[0].startswith("Points: recall@3 by uplink per phone, MB, 5 settings. On the fr")
    assert (directory / "figures/fronts.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("seeds", "said"),
    [((1,), "With one seed"), ((1, 2), "from the least to the greatest of the seeds")],
)
def test_the_page_says_what_its_whiskers_are(swept, seeds, said):
    page = write_sweep_page(swept(rows(seeds=seeds))).read_text()
    assert said in page
    assert "Whiskers are" not in page


def test_without_recall_the_page_has_its_settings_alone(swept):
    found = [row | {"validation_recall_at_3": None, "recall_at_3": None} for row in rows()]
    directory = swept([*found])
    page = write_sweep_page(directory).read_text()
    assert 'id="settings"' in page
    assert 'id="fronts"' not in page
    assert 'id="cheapest"' not in page


def test_what_does_not_go_together_or_has_not_ended_is_refused(swept, tmp_path):
    with pytest.raises(RunDirectoryError, match="do not go together"):
        contents(swept(runs={}))
    (tmp_path / "sweep.parquet").unlink()
    with pytest.raises(RunDirectoryError, match="sweep --resume"):
        contents(RunDirectory(tmp_path))

"""Served recall and lag on tables written by hand, and of a word that comes into use."""

import numpy as np
import pyarrow as pa
import pytest

import gboard_sim
from gboard_sim.runlog import served
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.tables import SCHEMAS

HOUR, DAY = 3600.0, 86_400.0


def installed(*rows: tuple[float, int, int]) -> pa.Table:
    names = SCHEMAS["installed"].names
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in rows], SCHEMAS["installed"]
    )


def versions(*closed_s: float) -> pa.Table:
    rows = [{"version": n, "closed_s": at_s} for n, at_s in enumerate(closed_s, start=1)]
    return pa.Table.from_pylist(rows, SCHEMAS["versions"])


def evaluations(*rows: tuple[int, str, str, float]) -> pa.Table:
    made = [
        {"version": v, "set": name, "group": group, "recall_at_3": recall}
        for v, name, group, recall in rows
    ]
    return pa.Table.from_pylist(made, SCHEMAS["evaluations"])


JUDGED = evaluations(
    (4, "validation", "all", 0.4), (0, "validation", "all", 0.1), (2, "validation", "all", 0.2),
    (0, "validation", "injected", 0.0), (2, "validation", "injected", float("nan")),
    (4, "validation", "injected", 0.9), (3, "test", "all", 0.7), (3, "phones", "all", 0.8),
)  # fmt: skip


def test_served_recall_and_lag_are_those_worked_out_by_hand():
    table = served.course(
        installed(
            (HOUR, -1, 6), (HOUR, 0, 4),  # version 1 was made at half past
            (2 * HOUR, -1, 1), (2 * HOUR, 1, 2), (2 * HOUR, 3, 6), (2 * HOUR, 4, 1),
        ),
        versions(0.5 * HOUR, 1.2 * HOUR, 1.5 * HOUR, 2 * HOUR, 3 * HOUR),
        JUDGED,
    ).to_pydict()  # fmt: skip
    assert table["at_s"] == [HOUR, 2 * HOUR]
    assert table["phones_served"] == [0.4, 0.9]
    # Version 1 counts as 0 and version 3 as 2, the newest evaluated ones before them.
    assert table["recall_at_3"] == pytest.approx([0.04, (2 * 0.1 + 6 * 0.2 + 0.4) / 10])
    assert table["recall_at_3_injected"] == pytest.approx([0.0, 0.09])
    assert table["lag_mean"] == pytest.approx([1.0, (2 * 3 + 6 * 1 + 0) / 9])
    assert table["lag_p90"] == [1.0, 3.0]  # 7 of 9 phones are 1 behind or less


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_mean_over_phones_one_by_one(seed):
    draw = np.random.default_rng(seed)
    closed_s = np.sort(draw.uniform(0, 5 * HOUR, 8))
    judged = [(int(v), "validation", "all", float(draw.random())) for v in (0, 3, 4, 7)]
    fleets = [draw.integers(-1, np.searchsorted(closed_s, h * HOUR, side="right") + 1, 50)
              for h in range(1, 6)]  # fmt: skip
    rows = [(h * HOUR, int(v), int((fleet == v).sum()))
            for h, fleet in enumerate(fleets, start=1) for v in np.unique(fleet)]  # fmt: skip
    order = draw.permutation(len(rows))
    table = served.course(
        installed(*(rows[i] for i in order)), versions(*closed_s), evaluations(*judged)
    ).to_pydict()
    for nth, fleet in enumerate(fleets):
        newest = sum(at_s <= (nth + 1) * HOUR for at_s in closed_s)
        recalls = [max((v, r) for v, _, _, r in judged if v <= has)[1] if has >= 0 else 0.0
                   for has in fleet]  # fmt: skip
        lags = sorted(newest - has for has in fleet if has >= 0)
        assert table["recall_at_3"][nth] == pytest.approx(np.mean(recalls))
        assert table["lag_mean"][nth] == pytest.approx(np.mean(lags))
        assert table["lag_p90"][nth] == lags[int(np.ceil(0.9 * len(lags) - 1e-9)) - 1]
    assert table["recall_at_3_injected"] == [None] * 5


def test_phones_without_a_version_are_served_nothing_and_have_no_lag():
    table = served.course(installed((HOUR, -1, 9)), versions(1.0, 2.0), JUDGED).to_pylist()
    assert table == [
        {"at_s": HOUR, "phones_served": 0.0, "recall_at_3": 0.0, "recall_at_3_injected": 0.0,
         "lag_mean": None, "lag_p90": None}
    ]  # fmt: skip


def test_recall_that_was_never_evaluated_is_not_known_but_the_lag_is():
    table = served.course(
        installed((HOUR, -1, 1), (HOUR, 1, 3)), versions(1.0, 2.0), evaluations()
    ).to_pylist()
    assert table == [
        {"at_s": HOUR, "phones_served": 0.75, "recall_at_3": None, "recall_at_3_injected": None,
         "lag_mean": 1.0, "lag_p90": 1.0}
    ]  # fmt: skip


def directory(path, **tables) -> RunDirectory:
    for name in ("installed", "versions", "evaluations"):
        table = tables.get(name, SCHEMAS[name].empty_table())
        pa.parquet.write_table(table, path / f"{name}.parquet")
    return RunDirectory(path)


def test_the_summary_has_the_last_hours_recall_and_the_whole_runs_lag(tmp_path):
    run = directory(
        tmp_path, versions=versions(HOUR, 2 * HOUR), evaluations=JUDGED,
        installed=installed((HOUR, -1, 4), (2 * HOUR, 0, 1), (2 * HOUR, -1, 3),
                            (3 * HOUR, 2, 2), (3 * HOUR, 1, 2)),
    )  # fmt: skip
    served.write(run)
    # One phone two behind in the second hour, two of four one behind in the third.
    assert served.figures(run) == {
        "served_recall_at_3": pytest.approx(0.15), "version_lag_mean": pytest.approx(4 / 5)
    }  # fmt: skip
    assert run.table("served").schema.equals(served.SCHEMA)


def test_a_run_that_kept_no_installed_versions_has_neither_table_nor_figures(tmp_path):
    run = directory(tmp_path, versions=versions(HOUR), evaluations=JUDGED)
    served.write(run)
    assert not (tmp_path / "served.parquet").exists()
    assert served.figures(run) == {"served_recall_at_3": None, "version_lag_mean": None}


@pytest.fixture(scope="module")
def news(tmp_path_factory):
    """Four days of sixty phones that come to use a word after the first."""
    injection = {"word": "tolomat", "day": 1.0, "share": 1.0}
    overrides = [
        "run.days=4", "run.checkpoint_every=0", "fleet.phones=60", "protocol.goal=8",
        "protocol.deadline_s=300", "text.vocabulary=202", "text.messages_per_user=60",
        "text.history_days=1", "text.cache_rows=20", "training.steps=6", "evaluation.every=1",
        "sync.every_h=4", "evaluation.validation_messages=150", "evaluation.baselines=false",
        *(f"text.injection.{key}={value}" for key, value in injection.items()),
    ]  # fmt: skip
    experiment = gboard_sim.load("smoke", overrides=["run.versions=60", *overrides])
    return gboard_sim.run(experiment, out=tmp_path_factory.mktemp("news") / "run")


def test_a_word_that_comes_into_use_is_served_after_its_day_and_never_without_sync(news):
    made = news.table("served")
    hours, recall = (made[name].to_numpy() for name in ("at_s", "recall_at_3_injected"))
    assert recall[hours <= DAY].max() < 0.02
    assert recall[-1] > 0.2
    # Without sync every phone serves the version that the keyboard shipped with.
    shipped = installed(*((float(at_s), 0, 60) for at_s in hours))
    stays = served_without(news, shipped)["recall_at_3_injected"].to_numpy()
    assert stays.max() == 0.0
    assert news.summary["ceiling_recall_at_3"] is None
    assert news.summary["served_recall_at_3"] == pytest.approx(made["recall_at_3"][-1].as_py())
    assert news.summary["installs"] > 60
    assert news.summary["downlink_bytes_by_purpose"]["install"] > 0


def served_without(run, table):
    return served.course(table, run.table("versions"), run.table("evaluations"))

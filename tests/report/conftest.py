"""A run of four phones, small enough to check every figure of its page by hand."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gboard_sim.runlog.directory import SCHEMA, RunDirectory
from gboard_sim.runlog.tables import SCHEMAS
from tests.report.typed_run import FOUND


def tables():
    sessions = [
        # phone, class, shape, version, base, ended_s, down, up, joules low, central, high, used_in
        (0, 0, "-v[]+^", 0, 0, 3600.0, 10**6, 2 * 10**6, 1.0, 2.0, 4.0, 1),
        (1, 1, "-v[]+^", 0, 0, 3600.0, 10**6, 2 * 10**6, 1.0, 2.0, 4.0, 1),
        (1, 1, "v[]", 1, 0, 50000.0, 10**6, 0, 3.0, 4.0, 5.0, -1),
        (2, 1, "-v[]+#", 1, 1, 86400.0, 10**6, 2 * 10**6, 1.0, 2.0, 4.0, -1),
        (1, 1, "-[]+^", 1, 0, 86400.0, 0, 2 * 10**6, 1.0, 2.0, 4.0, 2),
        (3, 2, "-!", 1, -1, 80000.0, 0, 0, 0.0, 0.0, 0.0, -1),
    ]
    names = "phone phone_class shape version base ended_s download_bytes upload_bytes"
    names = [*names.split(), "energy_low_j", "energy_j", "energy_high_j", "used_in"]
    rest = {"task": "train", "wait_s": 0.0, "download_s": 1.0, "train_s": 2.0, "upload_s": 3.0}
    rest |= {"began_s": 0.0, "tokens": 10, "left_phone": True, "paused_s": 0.0}
    rest |= {"download_j": 0.5, "train_j": 1.0, "upload_j": 0.5}
    versions = [(1, 3600.0, 2, 0.0, 0, 6.0), (2, 86400.0, 1, 1.0, 1, 5.0)]
    keys = ("version", "closed_s", "uploads", "staleness_mean", "staleness_max", "loss")
    made = [dict(zip(keys, v, strict=True)) | {"stints": 1, "trained_tokens": 20} for v in versions]
    judged = [
        (0, "validation", "all", 0.05), (1, "validation", "all", 0.15),
        (2, "validation", "all", 0.25), (2, "test", "class:low", 0.2), (2, "test", "all", 0.24),
        (2, "test", "later", 0.23), (0, "test", "all", 0.04), (2, "later", "all", 0.26),
    ]  # fmt: skip
    return {
        "sessions": [
            dict(zip(names, row, strict=True)) | rest | {"session": number}
            for number, row in enumerate(sessions)
        ],
        "versions": [row | {"update_norm": 1.0} for row in made],
        "evaluations": [
            {"version": version, "set": name, "group": group, "positions": 1234,
             "recall_at_1": recall / 2, "recall_at_3": recall, "accuracy_tff": recall,
             "accuracy_fedjax": recall, "perplexity": 61.804, "perplexity_in_vocabulary": 50.0,
             "oov_share": 0.0321}
            for version, name, group, recall in judged
        ],
    }  # fmt: skip


FLEET = {
    "eligible_by_hour": [2.0] * 24,
    "eligible_by_local_hour": [1.0, 1.0, 3.0, *[1.0] * 9, 0.5, *[1.0] * 11],
    "participants_by_hour": [3, *[0] * 22, 2],
    "classes": ["low", "mid", "high"],
    "phones_by_class": [1, 2, 1],
    "participations": {"0": 2, "1": 1, "2": 1},
    "participants_by_local_hour": [0.5, 1.5, *[1.0] * 22],
    "never_eligible_by_class": [0, 0, 0],
    "first_use_wait_h": {"2": 1, "30": 1},
}
SUMMARY = {
    "schema": SCHEMA, "experiment": "four <phones>", "seed": 7, "text_source": "synthetic",
    "stop_reason": "budget:energy_j_per_phone", "versions": 2, "simulated_days": 1.0, "phones": 4,
    "phones_participated": 2, "sessions": 6, "recall_at_1": 0.12, "recall_at_3": 0.24,
    "recall_at_3_version_0": 0.04, "unigram_recall_at_3": 0.1, "ngram_recall_at_3": 0.2,
    "ceiling_recall_at_3": 0.3, "ceiling_share": 0.8125, "perplexity": 61.804,
    "uplink_bytes": 8 * 10**6, "downlink_bytes": 4 * 10**6,
    "uplink_bytes_per_phone_mean": 2e6, "downlink_bytes_per_phone_mean": 1e6,
    "energy_j_per_phone_mean": 3.0, "energy_j_per_phone_mean_low": 1.75,
    "energy_j_per_phone_mean_high": 5.25, "epsilon_policy": None,
    "machine": {"wall_s": 1.5, "workers": 2},
}  # fmt: skip
LEARNED = ("recall_at_1", "recall_at_3", "recall_at_3_version_0", "unigram_recall_at_3",
           "ngram_recall_at_3", "ceiling_recall_at_3", "ceiling_share", "perplexity")  # fmt: skip


def write(path, *, fleet=None, summary=None, ledger=None, **changed):
    """A run directory of the four phones, with tables (rows, or Arrow) changed by name."""
    path.mkdir(parents=True)
    (path / "experiment.toml").write_text('name = "four"\n[fleet]\nphones = 4 # <b>\n')
    documents = {"provenance": {"schema": SCHEMA, "libraries": {"numpy": "1.2.3"}}}
    documents |= {"fleet": FLEET | (fleet or {}), "summary": SUMMARY | (summary or {})}
    documents |= {"ledger": ledger} if ledger else {}
    for name, value in documents.items():
        (path / f"{name}.json").write_text(json.dumps(value))
    for name, rows in (tables() | changed).items():
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows, SCHEMAS[name])
        pq.write_table(table, path / f"{name}.parquet")
    return RunDirectory.open(path)


@pytest.fixture
def four(tmp_path):
    """Writes a run directory; `four(summary={...})` changes it."""
    return lambda name="run", **changed: write(tmp_path / name, **changed)


@pytest.fixture(scope="module")
def four_unchanged(tmp_path_factory):
    """One run directory for those who only read it."""
    return write(tmp_path_factory.mktemp("four") / "run")


@pytest.fixture
def four_alone(four):
    """The same fleet with a learner that learns nothing."""
    bare = [row | {"loss": float("nan"), "update_norm": None} for row in tables()["versions"]]
    nothing = dict.fromkeys(LEARNED) | {"text_source": "made up"}
    return lambda **changed: four(
        **({"summary": nothing, "versions": bare, "evaluations": []} | changed)
    )


@pytest.fixture
def typed(four):
    """A run that has been typed on; `typed("without", trigger=None)` changes what was found."""

    def write(name="run", **changed):
        directory = four(name)
        (directory / "keyboard.json").write_text(json.dumps(FOUND | changed))
        return directory

    return write

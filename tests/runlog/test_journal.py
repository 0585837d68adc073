"""Whole parts only, the same bytes however rows came, and a fleet that must repeat itself."""

import json
from dataclasses import asdict, fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.errors import RunDirectoryError
from gboard_sim.runlog import journal as journal_module
from gboard_sim.runlog.answers import read_measures, read_outcomes
from gboard_sim.runlog.journal import Journal, read_stint
from gboard_sim.runlog.tables import SCHEMAS
from gboard_sim.seam.records import Cohort, LocalWork, Measure, Outcome, Sessions, Stint, Upload
from gboard_sim.seam.uploads import Uploads

WORK = LocalWork(epochs=None, steps=4, batch_size=8, learning_rate=0.25, cap=None)
SHAPES = np.array(["-v[]+^", "[]", "-v[!", "-v[]+#", "-v[]+*"])
ROWS = 23


def sessions(first: int, last: int) -> Sessions:
    """Sessions `first:last` of a made-up log, each column another function of the number."""
    number = np.arange(first, last)
    columns = {}
    for place, column in enumerate(fields(Sessions)):
        if column.name in ("task", "shape"):
            columns[column.name] = SHAPES[(number * 3 + place) % len(SHAPES)]
        elif column.name == "left_phone":
            columns[column.name] = number % 3 == 0
        elif column.name.endswith(("_s", "_j")):
            columns[column.name] = np.sqrt(number + place)
        else:
            columns[column.name] = number * (place + 1)
    return Sessions(**columns)


def cohort(version: int, uploads: int) -> Cohort:
    """A cohort of uploads of one or two stints."""
    made = []
    for phone in range(uploads):
        stints = tuple(
            Stint(phone, nth, max(0, version - 2), WORK, (phone, phone + 3), 30, 1.5, 2.5)
            for nth in range(1 + phone % 2)
        )
        made.append(Upload(10 * version + phone, phone, version, stints, 420, 3.0, 4.0 + phone))
    weights = tuple(float(phone + 1) for phone in range(uploads))
    return Cohort("train", version, 100.0 * version, tuple(made), weights, max(0, version - 3))


def filled(folder: Path, cuts: list[int], flushed: list[bool]) -> Journal:
    """A journal of `ROWS` sessions in blocks that end at `cuts`, flushed after some."""
    journal = Journal(folder)
    edges = [0, *sorted(cuts), ROWS]
    for nth, (first, last) in enumerate(pairwise(edges)):
        journal.sessions(sessions(first, last))
        if flushed[nth % len(flushed)]:
            journal.flush()
    return journal


def joined(journal: Journal, target: Path) -> dict[str, bytes]:
    target.mkdir()
    journal.join(target)
    return {path.name: path.read_bytes() for path in sorted(target.iterdir())}


@settings(max_examples=40)
@given(
    cuts=st.lists(st.integers(0, ROWS), max_size=5),
    flushed=st.lists(st.booleans(), min_size=1, max_size=4),
    group=st.sampled_from([1, 4, 7, 64]),
)
def test_the_joined_bytes_do_not_depend_on_blocks_or_flushes(
    tmp_path_factory, cuts, flushed, group
):
    tmp_path = tmp_path_factory.mktemp("journal")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "ROW_GROUP", group)
        whole = joined(filled(tmp_path / "a", [], [False]), tmp_path / "whole")
        parts = joined(filled(tmp_path / "b", cuts, flushed), tmp_path / "parts")
    assert parts == whole
    table = pq.read_table(tmp_path / "parts" / "sessions.parquet")
    assert table.schema.equals(SCHEMAS["sessions"])
    expected = sessions(0, ROWS)
    for column in fields(Sessions):
        assert table[column.name].to_pylist() == getattr(expected, column.name).tolist()


@given(
    until=st.integers(0, ROWS), cuts=st.lists(st.integers(0, ROWS), max_size=4), lost=st.booleans()
)
def test_a_resumed_journal_that_hears_the_rows_again_ends_with_the_same_bytes(
    tmp_path_factory, until, cuts, lost
):
    tmp_path = tmp_path_factory.mktemp("journal")
    whole = joined(filled(tmp_path / "a", [], [False]), tmp_path / "whole")
    before = Journal(tmp_path / "b")
    before.sessions(sessions(0, until))
    position = json.loads(json.dumps(before.flush()))
    if lost:  # written after the checkpoint by the run that was killed
        before.sessions(sessions(until, ROWS))
        before.flush()
    resumed = Journal(tmp_path / "b", position)
    edges = [0, *sorted(cuts), ROWS]
    for first, last in pairwise(edges):
        resumed.sessions(sessions(first, last))
    assert joined(resumed, tmp_path / "resumed") == whole


def test_parts_written_after_the_checkpoint_are_removed(tmp_path):
    first = Journal(tmp_path / "journal")
    first.sessions(sessions(0, 5))
    position = first.flush()
    first.sessions(sessions(5, 9))
    first.rows("versions", [{"version": 1}])
    first.flush()
    names = {path.name for path in (tmp_path / "journal").iterdir()}
    assert names == {
        "000000.sessions.parquet", "000001.sessions.parquet", "000001.versions.parquet",
    }  # fmt: skip
    resumed = Journal(tmp_path / "journal", position)
    assert [p.name for p in (tmp_path / "journal").iterdir()] == ["000000.sessions.parquet"]
    assert resumed.table("versions").num_rows == 0
    Journal(tmp_path / "journal")  # and without a checkpoint everything goes
    assert not list((tmp_path / "journal").iterdir())


@pytest.mark.parametrize("column", [column.name for column in fields(Sessions)])
def test_a_session_that_differs_from_the_recorded_one_is_refused(tmp_path, column):
    before = Journal(tmp_path / "run" / "journal")
    before.sessions(sessions(0, 6))
    position = before.flush()
    resumed = Journal(tmp_path / "run" / "journal", position)
    block = sessions(0, 6)
    values = getattr(block, column).copy()
    values[4] = (
        values[3] if values.dtype.kind == "U" else ~values[4] if values.dtype == bool else 77
    )
    assert values[4] != getattr(block, column)[4]
    with pytest.raises(RunDirectoryError, match=f"{tmp_path / 'run'}: sessions .* differ"):
        resumed.sessions(replace(block, **{column: values}))


def test_a_cohort_that_differs_from_the_recorded_one_is_refused(tmp_path):
    before = Journal(tmp_path / "journal")
    before.cohort(cohort(1, 3))
    resumed = Journal(tmp_path / "journal", before.flush())
    same = cohort(1, 3)
    with pytest.raises(RunDirectoryError, match="cohorts"):
        resumed.cohort(replace(same, weights=(*same.weights[:2], 9.0)))


def test_a_fleet_that_ends_before_it_has_repeated_the_record_is_refused(tmp_path):
    before = Journal(tmp_path / "journal")
    before.sessions(sessions(0, 6))
    resumed = Journal(tmp_path / "journal", before.flush())
    resumed.sessions(sessions(0, 5))
    with pytest.raises(RunDirectoryError, match=r"sessions .* differ"):
        resumed.join(tmp_path)
    assert not (tmp_path / "sessions.parquet").exists()


def test_a_cohort_is_read_back_upload_by_upload(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.cohort(cohort(4, 2))
    journal.flush()
    journal.cohort(cohort(5, 3))
    rows = journal.table("cohorts").to_pylist()
    assert [row["makes_version"] for row in rows] == [4, 4, 5, 5, 5]
    for upload, row in zip([*cohort(4, 2).uploads, *cohort(5, 3).uploads], rows, strict=True):
        assert tuple(read_stint(stint) for stint in row["stints"]) == upload.stints
        for name, value in asdict(upload).items():
            assert name == "stints" or row[name] == value


def mixed_cohort() -> Cohort:
    """A cohort whose stints did three kinds of work, one of them without a cap."""
    whole = cohort(7, 5)
    works = (WORK, replace(WORK, steps=None, epochs=2, cap=9), replace(WORK, learning_rate=0.5))
    uploads = tuple(
        replace(
            upload,
            stints=tuple(
                replace(stint, local=works[(upload.phone + nth) % 3], began_s=0.1 * upload.phone)
                for nth, stint in enumerate(upload.stints)
            ),
        )
        for upload in whole.uploads
    )
    return replace(whole, uploads=uploads)


@pytest.mark.parametrize("columns", [False, True])
def test_a_cohort_is_the_table_of_its_uploads_as_dictionaries(tmp_path, columns):
    made = mixed_cohort()
    shared = {
        name: getattr(made, name)
        for name in ("makes_version", "task", "closed_s", "oldest_version")
    }
    rows = [
        {**shared, "weight": weight, **asdict(upload)}
        for upload, weight in zip(made.uploads, made.weights, strict=True)
    ]
    expected = pa.Table.from_pylist(rows, schema=SCHEMAS["cohorts"])
    if columns:  # some rows of more, as the fleet hands them over
        more = Uploads.of([*made.uploads[:2], *made.uploads])
        made = replace(made, uploads=more.take(np.arange(2, 7)))
    journal = Journal(tmp_path / "journal")
    journal.cohort(made)
    assert journal.table("cohorts").combine_chunks().equals(expected)


STINT_CHANGES = {
    "phone": 9,
    "nth": 9,
    "version": 9,
    "rows": (2, 9),
    "tokens": 9,
    "began_s": 9.0,
    "ended_s": 9.0,
    "local": replace(WORK, steps=None, epochs=4),
}


@pytest.mark.parametrize("field", [*STINT_CHANGES, "one stint less", "arrived_s", "task"])
def test_a_cohort_whose_stints_differ_from_the_recorded_ones_is_refused(tmp_path, field):
    made = mixed_cohort()
    before = Journal(tmp_path / "journal")
    before.cohort(made)
    position = before.flush()
    upload = made.uploads[3]
    stints = upload.stints
    if field in STINT_CHANGES:
        stints = (stints[0], replace(stints[1], **{field: STINT_CHANGES[field]}))
    elif field == "one stint less":
        stints = stints[:1]
    arrived_s = upload.arrived_s + (field == "arrived_s")
    changed = replace(upload, stints=stints, arrived_s=arrived_s)
    uploads = (*made.uploads[:3], changed, made.uploads[4])
    task = "evaluate" if field == "task" else "train"
    Journal(tmp_path / "journal", position).cohort(made)
    with pytest.raises(RunDirectoryError, match="cohorts"):
        Journal(tmp_path / "journal", position).cohort(replace(made, uploads=uploads, task=task))


def test_answers_are_read_back_as_they_were_given(tmp_path):
    journal = Journal(tmp_path / "journal")
    outcomes = [
        Outcome(1, metrics={"loss": 6.5}, utility={7: 0.1, 3: 50.0 / 3.0}),
        Outcome(2, local=(WORK, replace(WORK, steps=None, epochs=2, cap=9)), stop="no_gain"),
    ]
    journal.outcome(outcomes[0])
    journal.measure(7, Measure(payload_bytes=130, norm=0.5))
    journal.flush()
    journal.outcome(outcomes[1])
    table = journal.table("answers")
    assert read_outcomes(table) == {1: outcomes[0], 2: outcomes[1]}
    assert list(read_outcomes(table)[1].utility) == [7, 3]
    assert read_measures(table) == {7: Measure(payload_bytes=130, norm=0.5)}


def test_a_version_says_how_stale_its_uploads_were(tmp_path):
    journal = Journal(tmp_path / "journal")
    one, other = (u.stints[0] for u in cohort(6, 2).uploads)
    first, second = cohort(6, 2).uploads
    uploads = (
        replace(first, stints=(replace(one, version=5),)),
        replace(second, stints=(replace(other, version=2), replace(other, nth=1, version=2))),
    )
    journal.version(replace(cohort(6, 2), uploads=uploads), tokens=90, loss=6.25, update_norm=0.125)
    assert journal.table("versions").to_pylist() == [
        {
            "version": 6, "closed_s": 600.0, "uploads": 2, "staleness_mean": 1.5,
            "staleness_max": 3, "stints": 3, "trained_tokens": 90, "loss": 6.25,
            "update_norm": 0.125,
        }
    ]  # fmt: skip


def test_a_run_without_rows_still_leaves_every_table(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.join(tmp_path)
    assert {path.stem for path in tmp_path.glob("*.parquet")} == set(SCHEMAS)
    for name, schema in SCHEMAS.items():
        assert pq.read_table(tmp_path / f"{name}.parquet").schema.equals(schema)


def test_a_damaged_part_is_named(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.rows("versions", [{"version": 1}])
    journal.flush()
    path = tmp_path / "journal" / "000000.versions.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunDirectoryError, match=r"000000\.versions\.parquet"):
        journal.table("versions")


def test_the_sessions_table_has_the_columns_of_the_record():
    assert SCHEMAS["sessions"].names == [column.name for column in fields(Sessions)]
    assert SCHEMAS["sessions"].field("began_s").type == pa.float64()

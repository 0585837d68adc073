"""Parquet in every type that holds a message, and in those that do not."""

import gzip
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gboard_sim.errors import CorpusError
from gboard_sim.learning.text.corpus_reader import inspect, read_corpus
from gboard_sim.learning.text.message import LONGEST

MOMENT = datetime(2024, 5, 1, 12, 30, 15, 250_000)
SECONDS = (MOMENT - datetime(1970, 1, 1)).total_seconds()
STRINGS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.dictionary(pa.int8(), pa.large_string()),
]


@pytest.fixture
def write(tmp_path):
    def write(user=("amy", "bob"), text=("hello", "so it is"), time=None, name="t.parquet", **more):
        columns = {"user": user, "text": text, "time": time if time is not None else [None, None]}
        path = tmp_path / name
        columns |= more
        table = pa.table({key: column for key, column in columns.items() if column is not ...})
        pq.write_table(table, path)
        return path

    return write


def words(corpus):
    return [" ".join(corpus.lexicon[w] for w in corpus.gather(np.array([m]))[0]) for m in (0, 1)]


@pytest.mark.parametrize("kind", STRINGS, ids=str)
def test_every_kind_of_string_is_read(write, kind):
    path = write(
        pa.array(["bob", "amy"]).cast(kind),
        pa.array(["Grüße an alle", "hello"]).cast(kind),
        pa.array([None, "1970-01-01T01:00:05+01:00"]).cast(kind),
        channel=[1, 2],
    )
    corpus = read_corpus(path).corpus
    assert (corpus.users, words(corpus)) == (("amy", "bob"), ["hello", "grüße an alle"])
    np.testing.assert_array_equal(corpus.time_s, [5.0, np.nan])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kolkata"])
def test_every_kind_of_timestamp_is_read(write, unit, zone):
    moment = MOMENT.replace(microsecond=0) if unit == "s" else MOMENT
    kind = pa.timestamp(unit, tz=zone)
    moment = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=5.5)))
    at = moment if zone else moment.astimezone(UTC).replace(tzinfo=None)
    before = at.replace(year=1901)
    corpus = read_corpus(write(time=pa.array([at, before], kind))).corpus
    early = (datetime(1901, 5, 1) - datetime(2024, 5, 1)).total_seconds()
    part = 0.0 if unit == "s" else 0.25
    assert corpus.time_s.tolist() == [SECONDS - 0.25 + part, SECONDS - 0.25 + early + part]


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()], ids=str)
def test_a_date_is_its_first_second(write, kind):
    corpus = read_corpus(write(time=pa.array([date(1970, 1, 3), None], kind))).corpus
    np.testing.assert_array_equal(corpus.time_s, [2 * 86400.0, np.nan])


def test_a_column_of_nulls_is_no_time(write):
    assert np.isnan(read_corpus(write(time=pa.nulls(2))).corpus.time_s).all()


@pytest.mark.parametrize("column", ["user", "text", "time"])
@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 2]),
        pa.array([1.5, 2.5]),
        pa.array([b"a", b"b"]),
        pa.array([["a"], ["b"]]),
        pa.array([{"a": 1}, {"a": 2}]),
        pa.array([True, False]),
        pa.array([1, 2], pa.time32("s")),
        pa.array([1, 2], pa.duration("s")),
        pa.array([1, 2]).dictionary_encode(),
    ],
    ids=lambda values: str(values.type),
)
def test_a_column_of_another_type_is_refused_by_name(write, column, values):
    path = write(**{column: values})
    with pytest.raises(CorpusError) as refused:
        read_corpus(path, skip_bad_lines=True)
    message = str(refused.value)
    assert message.startswith(f"{path}, column `{column}`: its type is ")
    assert "allowed: string" in message
    assert "hint: cast it" in message
    assert "\n" not in message


@pytest.mark.parametrize("column", ["user", "text", "time"])
def test_a_column_that_is_missing_or_twice_there_is_refused(write, tmp_path, column):
    with pytest.raises(CorpusError, match=rf"column `{column}`: it is missing among"):
        read_corpus(write(**{column: ...}))
    path = tmp_path / "twice.parquet"
    names = ["user", "text", "time", column]
    pq.write_table(pa.table([pa.array(["a"])] * 4, names=names), path)
    with pytest.raises(CorpusError, match=rf"column `{column}`: it is there more than once"):
        read_corpus(path)


BAD = {
    "user": (["amy", None], "user=null is not a name"),
    "text": (["hello", None], "text=null is not a string"),
    "time": ([None, "soon"], 'time="soon" is neither ISO 8601 nor null'),
}


@pytest.mark.parametrize("column", BAD)
def test_a_bad_row_is_refused_by_its_number_or_counted(write, column):
    values, reason = BAD[column]
    path = write(**{column: values})
    with pytest.raises(CorpusError, match="row 2: ") as refused:
        read_corpus(path)
    assert reason in str(refused.value)
    assert "text.skip_bad_lines" in str(refused.value)
    reading = read_corpus(path, skip_bad_lines=True)
    assert (reading.lines, reading.bad_lines, reading.corpus.messages) == (2, 1, 1)
    assert inspect(path).first_bad_lines == (f"row 2: {reason}",)


def test_text_that_is_not_utf_8_or_too_long_is_a_bad_row(write):
    raw = pa.array([b"hello", b"\xff\xfe", b"x" * (LONGEST + 1)])
    foreign = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    path = write(["amy", "bob", "col"], foreign, pa.nulls(3))
    reading = read_corpus(path, skip_bad_lines=True)
    assert [str(bad) for bad in reading.first_bad_lines] == [
        "row 2: column `text` is not UTF-8",
        f"row 3: text of {LONGEST + 1} characters; at most {LONGEST} are allowed",
    ]
    assert reading.corpus.users == ("amy",)


@pytest.mark.parametrize("at", [2**52, -(2**52), 253402300801])
def test_a_time_that_no_calendar_has_is_a_bad_row(write, at):
    path = write(time=pa.array([0, at]).cast(pa.timestamp("s")))
    with pytest.raises(CorpusError, match=r"row 2: time=.* outside the years 1 to 9999"):
        read_corpus(path)
    assert inspect(path).bad_lines == 1


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1PAR1", b"user,text,time\n", b"PAR1" + b"\0" * 100 + b"PAR1"]
)
def test_what_is_no_parquet_file_is_refused(tmp_path, content):
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match="the Parquet file is damaged") as refused:
        read_corpus(path, skip_bad_lines=True)
    assert "\n" not in str(refused.value)


def test_parquet_is_told_by_its_first_bytes_and_not_read_through_gzip(write, tmp_path):
    path = write(name="t.jsonl")
    assert read_corpus(path).corpus.messages == 2
    packed = tmp_path / "t.parquet.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(CorpusError, match="Parquet inside gzip"):
        read_corpus(packed)


@pytest.mark.parametrize("cut", [5, 300, -300, -20, -1])
def test_a_truncated_file_is_refused(tmp_path, cut):
    path = tmp_path / "t.parquet"
    rows = range(3000)
    table = pa.table(
        {"user": map(str, rows), "text": [f"w{n} a" for n in rows], "time": pa.nulls(len(rows))}
    )
    pq.write_table(table, path, compression="gzip")
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    with pytest.raises(CorpusError, match="the Parquet file is damaged"):
        read_corpus(path, skip_bad_lines=True)


def test_a_damaged_page_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    rows = range(20_000)
    text = [f"word{n * 7919} again" for n in rows]
    table = pa.table({"user": ["amy"] * len(rows), "text": text, "time": pa.nulls(len(rows))})
    pq.write_table(table, path, compression="gzip", use_dictionary=False, row_group_size=5000)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(CorpusError, match=r"after row \d+: the Parquet file is damaged") as refused:
        read_corpus(path)
    assert "after row 0" not in str(refused.value)


def test_rows_are_read_group_by_group_in_order(tmp_path):
    path = tmp_path / "t.parquet"
    rows = range(10_000)
    table = pa.table(
        {"user": ["amy"] * len(rows), "text": [f"w{n}" for n in rows], "time": pa.nulls(len(rows))}
    )
    pq.write_table(table, path, row_group_size=1500)
    corpus = read_corpus(path).corpus
    assert [corpus.lexicon[w] for w in corpus.words] == [f"w{n}" for n in rows]

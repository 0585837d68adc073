"""Trace files: what is written is read again, and what is no trace is refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gboard_sim.errors import TraceError
from gboard_sim.fleet.trace import read_trace
from gboard_sim.trace_file import TraceRows, read_rows, write_rows

ROWS = TraceRows(
    "here",
    ("seven", "7"),
    np.array([0, 0, 1]),
    np.array([0.0, 20.5, 3.0]),
    np.array([10.0, 30.0, 4.25]),
    ("idle|charging", "eligible"),
    np.array([0, 1, 0]),
)


def told(rows):
    phones = [rows.phones[phone] for phone in rows.phone]
    sets = [rows.signal_sets[number] for number in rows.signals]
    return list(zip(phones, rows.start_s.tolist(), rows.end_s.tolist(), sets, strict=True))


@pytest.mark.parametrize("name", ["trace.parquet", "trace.csv", "trace"])
def test_what_is_written_is_read_again(tmp_path, name):
    write_rows(ROWS, tmp_path / name)
    found = read_rows(tmp_path / name)
    assert told(found) == told(ROWS)
    assert found.phones == ROWS.phones


def test_whole_numbers_may_name_phones_and_tell_times_and_other_columns_are_not_read(tmp_path):
    table = {"phone": [3, 3, 12], "model": [None] * 3, "start_s": [0, 5, 1], "end_s": [4, 9, 8]}
    pq.write_table(pa.table({**table, "signals": ["idle"] * 3}), tmp_path / "trace.parquet")
    (tmp_path / "trace.csv").write_text(
        "signals,phone,model,end_s,start_s\nidle,3,x,4,0\nidle,3,,9,5\nidle,12,x,8,1\n"
    )
    for name in ("trace.parquet", "trace.csv"):
        found = read_rows(tmp_path / name)
        assert told(found) == [("3", 0, 4, "idle"), ("3", 5, 9, "idle"), ("12", 1, 8, "idle")]


HEAD = "phone,start_s,end_s,signals\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a readable trace"),
        ("phone,start_s,signals\na,1,idle\n", "column 'end_s' is not there once"),
        (HEAD.replace("end_s", "start_s") + "a,1,2,idle\n", "column 'start_s' is not there once"),
        (HEAD + "a,1,2,idle\na,3\n", "not a readable trace"),
        (HEAD + "a,1,2,idle\na,three,4,idle\n", "row 2: start_s = 'three' is no number"),
        (HEAD + "a,1,2,idle\na,3,,idle\n", "row 2: end_s = '' is no number"),
        (HEAD + "a,1,2,idle\n,3,4,idle\n", "row 2: phone is empty"),
        (HEAD + "a,1,2,\n", "row 1: signals is empty"),
        (HEAD, "no rows"),
        (HEAD + "a,1,nan,idle\n", "row 1, phone 'a': end_s is not finite"),
        (HEAD + "a,-inf,2,idle\n", "row 1, phone 'a': start_s is not finite"),
        ("PAR1 and then nothing", "not a readable trace"),
    ],
)
def test_what_is_no_trace_is_refused_with_file_and_row(tmp_path, text, says):
    path = tmp_path / "bad.trace"
    path.write_text(text)
    with pytest.raises(TraceError, match=r"bad\.trace") as refused:
        read_trace(path)
    assert says in str(refused.value)
    assert "allowed" in str(refused.value)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("phone", [1.5], "column 'phone' is of the type double"),
        ("phone", pa.array([None], pa.string()), "row 1: phone is empty"),
        ("signals", [1], "column 'signals' is of the type int64"),
        ("start_s", [True], "column 'start_s' is of the type bool"),
        ("start_s", pa.array([None], pa.float64()), "row 1, phone 'a': start_s is not finite"),
        ("start_s", pa.array([0], pa.timestamp("s")), "column 'start_s' is of the type timestamp"),
    ],
)
def test_columns_of_another_kind_are_refused(tmp_path, column, values, says):
    table = {"phone": ["a"], "start_s": [1.0], "end_s": [2.0], "signals": ["idle"]}
    pq.write_table(pa.table({**table, column: values}), tmp_path / "trace.parquet")
    with pytest.raises(TraceError) as refused:
        read_trace(tmp_path / "trace.parquet")
    assert says in str(refused.value)


def test_a_missing_file_and_a_folder_that_is_not_there_are_said(tmp_path):
    with pytest.raises(TraceError, match=r"none: not a readable trace: .*No such file"):
        read_trace(tmp_path / "none")
    with pytest.raises(TraceError, match="cannot be written"):
        write_rows(ROWS, tmp_path / "no" / "trace.parquet")

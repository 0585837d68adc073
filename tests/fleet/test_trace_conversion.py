"""Converting other simulators' traces: two phones worked out by hand, and what is refused."""

import json
import pickle
import sys

import pytest

from gboard_sim.cli import app as cli
from gboard_sim.errors import TraceError
from gboard_sim.fleet.trace import TraceWindows, read_trace
from gboard_sim.fleet.trace_conversion import convert
from gboard_sim.fleet.trace_facts import inspect_trace

FEDSCALE = {
    3834: {
        "duration": 90,
        "inactive": [70, 200, 600_000],
        "finish_time": 518_400,
        "active": [10, 170, 518_000],
        "model": "CPH1801",
    },
    "late": {"inactive": [5], "active": [5, 518_390], "finish_time": 518_400},
    "idle": {"inactive": [], "active": [], "finish_time": 518_400},
}


def read_back(path):
    found = read_trace(path).eligible()
    names = read_trace(path).phones
    return [
        (names[phone], start_s, end_s)
        for phone, start_s, end_s in zip(found.phone, found.start_s, found.end_s, strict=True)
    ]


@pytest.mark.parametrize("form", ["json", "pickle", "old pickle"])
@pytest.mark.parametrize("out", ["trace.parquet", "trace.csv"])
def test_fedscale_clients_are_eligible_from_active_to_inactive(tmp_path, form, out):
    path = tmp_path / ("behave.pkl" if form == "old pickle" else "behave")
    with path.open("wb") as file:
        if form == "json":
            file.write(json.dumps(FEDSCALE).encode())
        else:
            pickle.dump(FEDSCALE, file, protocol=0 if form == "old pickle" else 4)
    made = convert(path, "fedscale", tmp_path / out)
    assert (made.phones, made.rows, made.days, made.without_rows, made.skipped) == (2, 4, 6, 1, ())
    assert read_back(tmp_path / out) == [
        ("3834", 10.0, 70.0), ("3834", 170.0, 200.0), ("3834", 518_000.0, 518_400.0),
        ("late", 518_390.0, 518_400.0),
    ]  # fmt: skip
    assert TraceWindows(read_trace(tmp_path / out), 5).days == 6


class Attack:
    """What runs code when it is unpickled as usual."""

    def __reduce__(self):
        return sys.exit, ("unpickled",)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_of_more_than_plain_values_runs_nothing(tmp_path, protocol):
    path = tmp_path / "behave"
    path.write_bytes(pickle.dumps({"a": Attack()}, protocol=protocol))
    with pytest.raises(TraceError, match=r"it holds sys\.exit, not only plain values"):
        convert(path, "fedscale", tmp_path / "out")
    assert not (tmp_path / "out").exists()


FINE = {"active": [0], "inactive": [9], "finish_time": 86_400}


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"active": [5], "inactive": [4], "finish_time": 9}, "inactive[0] = 4 is before active[0]"),
        ({"active": [1, 3], "inactive": [4, 5], "finish_time": 9}, "active[1] = 3 is before"),
        ({"active": [1], "inactive": [2, 3], "finish_time": 9}, "1 times in active do not go"),
        ({"active": [1, 2, 3], "inactive": [2], "finish_time": 9}, "3 times in active do not go"),
        ({"active": [-1], "inactive": [2], "finish_time": 9}, "active holds -1"),
        ({"active": [1], "inactive": [float("nan")], "finish_time": 9}, "inactive holds nan"),
        ({"active": ["1"], "inactive": [2], "finish_time": 9}, "active holds '1'"),
        ({"active": [True], "inactive": [2], "finish_time": 9}, "active holds True"),
        ({"active": [1], "inactive": [2]}, "key 'finish_time' is missing"),
        ({"active": 1, "inactive": [2], "finish_time": 9}, "not iterable"),
        ([1, 2], "list indices"),
    ],
)
def test_a_bad_fedscale_client_is_refused_by_name_or_left_out(tmp_path, record, says):
    path = tmp_path / "behave.json"
    path.write_text(json.dumps({"good": FINE, "bad": record}))
    with pytest.raises(TraceError, match=r"behave\.json, phone 'bad': .*--skip-bad") as refused:
        convert(path, "fedscale", tmp_path / "out")
    assert says in str(refused.value)
    made = convert(path, "fedscale", tmp_path / "out", skip_bad_phones=True)
    assert (made.phones, len(made.skipped)) == (1, 1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"\x80\x04", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[1]", "an object of phones"),
        (b"{}", "not empty"),
        (b"[" * 100_000, "nested too deeply"),
        (json.dumps({"a": {**FINE, "active": []}}).encode(), "0 times in active"),
        (json.dumps({"a": {**FINE, "active": [], "inactive": []}}).encode(), "no rows"),
    ],
)
def test_files_that_hold_no_trace_are_refused(tmp_path, content, says):
    path = tmp_path / "behave"
    path.write_bytes(content)
    with pytest.raises(TraceError) as refused:
        convert(path, "fedscale", tmp_path / "out")
    assert says in str(refused.value)


MESSAGES = """\
2020-01-31 06:00:00\tbattery_charged_on
2020-01-31 07:00:00\tWIFI
2020-01-31 07:30:00\t83.0%
2020-01-31 08:00:00\tscreen_off
2020-01-31 08:00:00\tscreen_lock
2020-01-31 08:30:00\tbattery_okay
2020-01-31 09:00:00\t4G
2020-01-31 10:00:00\twifi
2020-01-31 11:00:00\twifi
2020-01-31 12:00:00\tscreen_unlock
2020-01-31 12:00:00\tscreen_on
2020-02-01 01:00:00\tscreen_lock
2020-02-01 02:00:00\tphone_off
2020-02-01 03:00:00\tphone_on
2020-02-01 04:00:00\tscreen_lock
2020-02-01 05:00:00\tbattery_charged_on
2020-02-01 06:00:00\twifi
2020-02-01 07:00:00\tbattery_low
"""
OTHER = ["2020-01-30 23:00:00\tscreen_lock", "2020-01-30 23:30:00\tscreen_unlock"]
H = 3600.0


def test_flash_phones_are_eligible_while_locked_charging_and_on_wifi(tmp_path):
    path = tmp_path / "traces.json"
    users = {"u": {"messages": MESSAGES, "model": "x", "guid": "g"}, "v": {"messages": OTHER}}
    path.write_text(json.dumps(users))
    made = convert(path, "flash", tmp_path / "out")
    assert (made.phones, made.days, made.skipped) == (2, 3, ())
    # Time 0 is the midnight with which the 30th begins.
    assert read_back(tmp_path / "out") == [
        ("u", 32 * H, 33 * H), ("u", 34 * H, 36 * H), ("u", 49 * H, 50 * H), ("u", 54 * H, 55 * H),
    ]  # fmt: skip
    trace = read_trace(tmp_path / "out")
    charging = trace.signals["charging"]
    assert charging.start_s.tolist() == [30 * H, 53 * H]
    assert charging.end_s.tolist() == [50 * H, 55 * H]
    assert trace.signals["idle"].phone.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ("2020-01-31 06:00:00\tdancing", "unknown state 'dancing'"),
        ("2020-01-31 06:00:00\t", "allowed: a time, a tab and a state"),
        ("2020-01-31\twifi", "does not match format"),
        ("2020-01-31 06:00:00\twifi\n2020-01-31 05:59:59\t4g", "'4g' is out of order"),
        (3, "splitlines"),
        (None, "splitlines"),
    ],
)
def test_a_bad_flash_user_is_refused_by_name_or_left_out(tmp_path, messages, says):
    path = tmp_path / "traces.json"
    path.write_text(json.dumps({"good": {"messages": MESSAGES}, "bad": {"messages": messages}}))
    with pytest.raises(TraceError, match="phone 'bad'") as refused:
        convert(path, "flash", tmp_path / "out")
    assert says in str(refused.value)
    assert convert(path, "flash", tmp_path / "out", skip_bad_phones=True).phones == 1


def test_the_facts_of_a_trace_are_those_worked_out_by_hand(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text(
        "phone,start_s,end_s,signals\na,0,3600,eligible\na,84600,90000,eligible\nb,0,9,idle\n"
    )
    facts = inspect_trace(path)
    assert (facts.phones, facts.days, facts.rows, facts.windows) == (2, 2, 3, 2)
    assert facts.never_eligible == 1
    # Two of the four hours that two phones have from midnight on in two days, half of one later.
    assert facts.eligible_share_by_hour == (0.5, *[0.0] * 22, 0.125)
    assert facts.eligible_share == pytest.approx((3600 + 5400) / (2 * 2 * 86_400))


def said(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["gboard-sim", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, *capsys.readouterr()


def test_the_commands_convert_and_inspect(tmp_path, monkeypatch, capsys):
    path = tmp_path / "behave.json"
    path.write_text(json.dumps({"a": FINE, "bad": []}))
    asked = ("trace", "convert", path, "--from", "fedscale", "--out", tmp_path / "t.parquet")
    code, out, err = said(monkeypatch, capsys, *asked)
    assert (code, out) == (2, "")
    assert "phone 'bad'" in err
    code, out, _ = said(monkeypatch, capsys, *asked, "--skip-bad-phones", "--json")
    assert code == 0
    assert json.loads(out)["phones"] == 1
    code, out, _ = said(monkeypatch, capsys, *asked, "--skip-bad-phones")
    assert "phones                   1" in out
    assert "phone 'bad'" in out
    code, out, _ = said(monkeypatch, capsys, "trace", "inspect", tmp_path / "t.parquet", "--json")
    assert json.loads(out)["eligible_share_by_hour"][0] == pytest.approx(9 / 3600)
    code, out, _ = said(monkeypatch, capsys, "trace", "inspect", tmp_path / "t.parquet")
    assert "windows                  1" in out
    assert "00:00  0.0025" in out
    code, out, err = said(monkeypatch, capsys, "trace", "inspect", path)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1

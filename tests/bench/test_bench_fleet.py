"""`bench fleet`, and the shape of what every benchmark prints."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from gboard_sim.bench import fleet, setting


def test_a_row_says_how_many_phones_and_days_a_second():
    said = []
    small, large, longer = fleet.rows(repeats=1, quick=True, million=False, tell=said.append)
    assert (small.phones, large.phones, longer.phones) == (1_000, 5_000, 1_000)
    assert (small.days, large.days, longer.days) == (1.0, 1.0, 2.0)
    assert longer.phone_days_per_s == pytest.approx(2_000 / longer.wall_s)
    assert longer.us_per_phone_day == pytest.approx(500 * longer.wall_s)
    assert small.versions > 0
    assert large.checkins > 3 * small.checkins
    assert said == [
        "1,000 phones, days 1: 1 of 1",
        "5,000 phones, days 1: 1 of 1",
        "1,000 phones, days 2: 1 of 1",
    ]


def test_a_million_phones_come_last_and_only_when_asked_for(monkeypatch):
    seen = []

    def row(phones, days, repeats, tell):
        seen.append((phones, days))

    monkeypatch.setattr(fleet, "_row", row)
    fleet.rows(repeats=1, quick=False, million=False, tell=print)
    usual = [(1_000, 1.0), (10_000, 1.0), (100_000, 1.0)]
    usual += [(10_000, 2.0), (10_000, 4.0), (10_000, 8.0)]
    assert seen == usual
    seen.clear()
    fleet.rows(repeats=1, quick=False, million=True, tell=print)
    assert seen == [*usual, (1_000_000, 1.0)]


def test_json_is_alone_on_stdout_and_the_plot_in_its_file(tmp_path):
    plot = tmp_path / "cost.svg"
    command = [sys.executable, "-m", "gboard_sim", "bench", "fleet", "--quick", "--repeats", "1"]
    command += ["--json", "--plot", str(plot)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    printed = json.loads(ended.stdout)
    assert set(printed) == {"rows", "machine"}
    assert [row["phones"] for row in printed["rows"]] == [1_000, 5_000, 1_000]
    assert set(printed["rows"][0]) == set(fleet.Row.__slots__)
    assert set(printed["machine"]) == set(setting.setting())
    assert "5,000 phones, days 1: 1 of 1" in ended.stderr
    assert "linear cost" in "".join(ET.parse(plot).getroot().itertext())


def test_a_plot_that_cannot_be_written_is_said_before_anything_is_measured(tmp_path):
    command = [sys.executable, "-m", "gboard_sim", "bench", "fleet", "--plot", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"gboard-sim: --plot {tmp_path}: cannot be written: Is a directory\n"


def test_a_benchmark_that_fails_leaves_no_plot_and_none_changed(tmp_path):
    old, new = tmp_path / "old.svg", tmp_path / "new.svg"
    old.write_text("as it was")
    command = [sys.executable, "-m", "gboard_sim", "bench", "peers", "--against", "torch"]
    for plot in (old, new):
        given = ["--corpus", str(tmp_path / "nowhere"), "--plot", str(plot)]
        ended = subprocess.run([*command, *given], capture_output=True, text=True, check=False)
        assert ended.returncode == 2, ended.stderr
    assert old.read_text() == "as it was"
    assert not new.exists()

"""`bench fleet`, and the shape of what every benchmark prints."""

import json
import subprocess
import sys

import pytest

from gboard_sim.bench import fleet, setting


def test_a_row_says_how_many_phones_and_days_a_second():
    said = []
    [small, large] = fleet.rows(repeats=1, quick=True, million=False, tell=said.append)
    assert (small.phones, large.phones) == (1_000, 5_000)
    assert small.phone_days_per_s == pytest.approx(1_000 / small.wall_s)
    assert small.versions > 0
    assert large.checkins > 3 * small.checkins
    assert said == ["1,000 phones: 1 of 1", "5,000 phones: 1 of 1"]


def test_a_million_phones_come_last_and_only_when_asked_for(monkeypatch):
    seen = []

    def timed(phones):
        seen.append(phones)
        raise StopIteration

    monkeypatch.setattr(fleet, "SIZES", ())
    monkeypatch.setattr(fleet, "_timed", timed)
    assert fleet.rows(repeats=1, quick=False, million=False, tell=print) == []
    with pytest.raises(StopIteration):
        fleet.rows(repeats=1, quick=False, million=True, tell=lambda _: None)
    assert seen == [1_000_000]


def test_json_is_alone_on_stdout():
    command = [sys.executable, "-m", "gboard_sim", "bench", "fleet", "--quick", "--repeats", "1"]
    ended = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    printed = json.loads(ended.stdout)
    assert set(printed) == {"rows", "machine"}
    assert [row["phones"] for row in printed["rows"]] == [1_000, 5_000]
    assert set(printed["rows"][0]) == set(fleet.Row.__slots__)
    assert set(printed["machine"]) == set(setting.setting())
    assert "5,000 phones: 1 of 1" in ended.stderr

"""`bench codecs`: its rows are right, and no codec takes many times what it should."""

import json
from time import perf_counter

import numpy as np
import pytest
from typer.testing import CliRunner

from gboard_sim.bench import codecs
from gboard_sim.cli.app import app
from gboard_sim.communication.codecs import build
from gboard_sim.rotation import rotate


@pytest.fixture(scope="module")
def rows():
    said = []
    found = {row.codec: row for row in codecs.rows(repeats=3, quick=True, tell=said.append)}
    assert said == list(found)
    return found


def test_sizes_are_those_that_the_fleet_would_price(rows):
    count = codecs.QUICK_PARAMETERS
    for setting in codecs.SETTINGS:
        row = rows[str(setting)]
        size = build(setting.name, 1, setting.options).payload_bytes(count)
        assert row.payload_bytes == size or (
            setting.lossless == "zstd" and row.payload_bytes < size
        )
        assert row.times_smaller == pytest.approx(4 * count / row.payload_bytes)
        assert row.bits_per_parameter == pytest.approx(32 / row.times_smaller)


@pytest.mark.parametrize(
    ("codec", "error"),
    [
        ("fp32", 0.0),
        ("modular bits=16", 0.0),
        ("drive", np.pi / 2 - 1),
        ("drive scale=least_error", 1 - 2 / np.pi),
        ("one_bit", 1 - 2 / np.pi),  # of normal numbers, which no rotation changes
        ("random_mask share=0.1", 9.0),
        ("random_mask share=0.01", 99.0),
        ("top_k share=0.1", 1 - 0.4379),  # the tail's second moment, beyond 1.6449
    ],
)
def test_errors_of_normal_numbers_are_those_of_closed_forms(rows, codec, error):
    assert rows[codec].nmse == pytest.approx(error, rel=0.03, abs=1e-12)


def test_no_codec_costs_many_times_a_rotation_and_back(rows):
    """A generous bound, as a ratio in one process: two rotations are most of what any should."""
    update = np.random.default_rng(1).normal(size=codecs.QUICK_PARAMETERS).astype(np.float32)
    times = []
    for key in range(20):
        began = perf_counter()
        rotate(update, key)
        times.append(perf_counter() - began)
    slow = {name: row.least_ms / (1e3 * min(times)) for name, row in rows.items()}
    assert max(slow.values()) < 30, slow


def test_the_command_prints_them_as_json():
    result = CliRunner().invoke(app, ["bench", "codecs", "--quick", "--repeats", "1", "--json"])
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert {"encode_ms", "decode_ms", "payload_bytes", "nmse"} <= printed["rows"][0].keys()
    assert printed["machine"]

"""`bench predict`: what a row says, and that it is about the artefact that was given."""

import json

import pytest
from typer.testing import CliRunner

from gboard_sim.bench import predict
from gboard_sim.cli.app import app
from gboard_sim.errors import ArtefactError


def test_untrained_models_are_timed_in_every_precision_and_are_as_small_as_published():
    said = []
    found = predict.rows(given=(), repeats=1, quick=True, tell=said.append)
    assert [row.weights for row in found] == ["float32", "fp16", "int8", "int4"]
    assert len(said) == 4
    sizes = [row.file_bytes for row in found]
    assert sizes == sorted(sizes, reverse=True)
    assert 1.40e6 < sizes[2] < 1.45e6  # 1.4 MB: Hard et al. 2018
    for row in found:
        assert 0 < row.p50_ms <= row.p95_ms <= row.p99_ms
        assert row.cold_cpu_ms > 0
        assert row.cold_ms > row.p50_ms  # the model is read and run
        assert 0 < row.model_rss_bytes < row.peak_rss_bytes
        assert row.recall_at_3 is None
    assert len({row.keys for row in found}) == 1


def test_an_artefact_is_timed_with_its_own_words(smoke_path):
    command = ["bench", "predict", str(smoke_path / "artefacts"), "--quick", "--repeats", "1"]
    ended = CliRunner().invoke(app, [*command, "--json"])
    assert ended.exit_code == 0
    [row] = json.loads(ended.stdout)["rows"]
    manifest = json.loads((smoke_path / "artefacts" / "manifest.json").read_text())
    assert row["recall_at_3"] == manifest["recall_at_3"]
    assert row["file_bytes"] == (smoke_path / "artefacts" / "predict.onnx").stat().st_size
    longest = max(map(len, (smoke_path / "artefacts" / "words.txt").read_text().split()))
    assert predict.QUICK_WORDS * 2 <= row["keys"] <= predict.QUICK_WORDS * (longest + 1)


def test_a_folder_that_is_none_is_refused_before_anything_is_timed(tmp_path):
    with pytest.raises(ArtefactError, match=r"no manifest\.json"):
        predict.rows(given=[tmp_path], repeats=1, quick=True, tell=print)

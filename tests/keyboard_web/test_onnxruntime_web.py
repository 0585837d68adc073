import json
import os
from pathlib import Path

import pytest

import gboard_sim.keyboard_web
from gboard_sim.errors import WebPageError
from gboard_sim.keyboard_web.onnxruntime_web import FILES, find, version

SOURCES = Path(gboard_sim.keyboard_web.__file__).with_name("page")


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Puts a program called npm in the place of all others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()

    def does(*lines):
        program = tmp_path / "bin" / "npm"
        program.write_text("\n".join(["#!/bin/sh", f"PATH={os.defpath}", *lines]))
        program.chmod(0o755)

    return does


def test_the_lock_file_names_no_address_and_every_digest():
    text = (SOURCES / "package-lock.json").read_text()
    assert "http" not in text
    assert "resolved" not in text
    lock = json.loads(text)
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages["node_modules/onnxruntime-web"]["version"] == version()
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())


def test_what_npm_installs_is_kept_and_npm_is_asked_once(npm, tmp_path):
    made = "node_modules/onnxruntime-web/dist"
    npm(
        'echo "$@" >>../../../asked',
        "cp package-lock.json ../../../lock",
        f"mkdir -p {made} && touch {made}/other",
        *(f"echo {name} >{made}/{name}" for name in FILES),
    )
    assert find() == find() == {name: f"{name}\n".encode() for name in FILES}
    assert (tmp_path / "asked").read_text() == "ci --ignore-scripts --no-audit --no-fund\n"
    assert (tmp_path / "lock").read_text() == (SOURCES / "package-lock.json").read_text()
    [folder] = (tmp_path / "cache" / "gboard_sim").iterdir()
    assert {path.name for path in folder.iterdir()} == set(FILES)


def test_without_npm_the_message_names_both_ways(npm):
    with pytest.raises(WebPageError, match=r"no npm to install it with.*--onnxruntime-web DIR"):
        find()


def test_npms_own_words_are_told_where_it_fails(npm, tmp_path):
    npm("echo 'npm error code ENOTFOUND' >&2", "echo 'npm error no such host' >&2", "exit 1")
    with pytest.raises(WebPageError, match="code ENOTFOUND; npm error no such host; hint"):
        find()
    assert not list((tmp_path / "cache" / "gboard_sim").iterdir())


def test_a_folder_may_be_the_package_or_its_dist(tmp_path):
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / FILES[0]).write_bytes(b"a")
    with pytest.raises(WebPageError, match=f"it has no {FILES[1]}"):
        find(tmp_path)
    (tmp_path / "dist" / FILES[1]).write_bytes(b"b")
    assert find(tmp_path) == find(tmp_path / "dist") == {FILES[0]: b"a", FILES[1]: b"b"}
    with pytest.raises(WebPageError, match="it has no"):
        find(tmp_path / "missing")

"""What a run came from, and what other machines must have alike."""

from pathlib import Path

import gboard_sim
from gboard_sim.runlog import provenance


def test_other_sources_anywhere_in_the_package_are_other_surroundings(tmp_path, monkeypatch):
    copy = tmp_path / "gboard_sim"
    for path in Path(gboard_sim.__file__).parent.rglob("*.py"):
        there = copy / path.relative_to(Path(gboard_sim.__file__).parent)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
    ours = provenance.surroundings()
    monkeypatch.setattr(provenance, "__file__", str(copy / "runlog" / "provenance.py"))
    assert provenance.surroundings() == ours
    with (copy / "fleet" / "pricing.py").open("a") as file:
        file.write("# another line\n")
    assert provenance.surroundings()["sources"] != ours["sources"]

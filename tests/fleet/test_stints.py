"""The log of unsent training against plain lists."""

import numpy as np

from gboard_sim.fleet import stints
from gboard_sim.fleet.stints import StintLog


def test_kept_stints_survive_growth_and_compaction(monkeypatch):
    monkeypatch.setattr(stints, "_COMPACT_ABOVE", 64)
    rng = np.random.default_rng(0)
    log, expected = StintLog(20), {p: [] for p in range(20)}
    for nth in range(400):
        phone = np.sort(rng.choice(20, size=rng.integers(1, 20), replace=False))
        columns = {
            name: rng.integers(0, 3 if name == "version" else 10**6, len(phone))
            for name in ("nth", "version", "first", "last", "tokens")
        }
        times = {name: rng.uniform(size=len(phone)) for name in ("began_s", "ended_s")}
        log.append(phone, **columns, **times)
        for row, p in enumerate(phone.tolist()):
            expected[p].append(tuple(int(columns[name][row]) for name in columns))
        gone = rng.choice(20, size=3, replace=False)
        log.drop(gone)
        for p in gone.tolist():
            expected[p] = []
        if nth % 50 == 0:
            asked = rng.permutation(20)
            found = log.kept(asked)
            assert (np.diff(found["owner"]) >= 0).all()
            names = ("nth", "version", "first", "last", "tokens")
            for place, p in enumerate(asked.tolist()):
                mine = found["owner"] == place
                rows = zip(*(found[name][mine].tolist() for name in names), strict=True)
                assert list(rows) == expected[p]
                assert (found["phone"][mine] == p).all()

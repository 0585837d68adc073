"""The log of unsent training against plain lists."""

import numpy as np

from gboard_sim.fleet import stints
from gboard_sim.fleet.stints import StintLog
from gboard_sim.records import LocalWork

WORK = {v: (LocalWork(1, None, 8, 0.1),) for v in range(3)}


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
            for p in range(20):
                found = log.kept(p, WORK, 0)
                assert [(s.nth, s.version, *s.rows, s.tokens) for s in found] == expected[p]
                assert log.some(np.array([p]))[0] == bool(expected[p])

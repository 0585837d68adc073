"""Times a keyboard key by key, in a process that does nothing else, on one core.

`python -m gboard_sim.bench.timed_keys FOLDER WORDS SEED` types words of the artefact's own list,
drawn evenly, ten to a line, and prints what `predict.Row` holds of it as JSON.
"""

import json
import os
import random
import sys
from pathlib import Path
from time import perf_counter, process_time


def one_core() -> None:
    """Keep to the first of the cores that this process may use, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def timed(folder: Path, words: int, seed: int) -> dict[str, float]:
    """Load a keyboard, type, and say what it took.

    Args:
        folder: The artefact.
        words: Words to type.
        seed: Which.
    """
    before = perf_counter()
    import numpy as np  # noqa: PLC0415  the libraries' own time is measured

    from gboard_sim.keyboard.keyboard import Keyboard  # noqa: PLC0415  likewise

    import_s = perf_counter() - before
    import psutil  # noqa: PLC0415  after what is timed

    process = psutil.Process()
    resident = process.memory_info().rss
    before, busy = perf_counter(), process_time()
    keyboard = Keyboard.load(folder)
    keyboard.suggest("")
    cold_s, cold_cpu_s = perf_counter() - before, process_time() - busy
    taken = process.memory_info().rss - resident
    listed = (folder / "words.txt").read_text(encoding="utf-8").split("\n")[:-1]
    typed = random.Random(seed).choices(listed, k=words)
    took, worked = [], []
    for first in range(0, words, 10):
        line = " ".join(typed[first : first + 10]) + " "
        for end in range(1, len(line) + 1):
            before, busy = perf_counter(), process_time()
            keyboard.suggest(line[:end])
            worked.append(process_time() - busy)
            took.append(perf_counter() - before)
    p50, p95, p99 = np.percentile(took, [50, 95, 99])
    return {
        "keys": len(took),
        "p50_ms": 1e3 * float(p50),
        "p95_ms": 1e3 * float(p95),
        "p99_ms": 1e3 * float(p99),
        "p99_cpu_ms": 1e3 * float(np.percentile(worked, 99)),
        "cold_ms": 1e3 * cold_s,
        "cold_cpu_ms": 1e3 * cold_cpu_s,
        "import_ms": 1e3 * import_s,
        "model_rss_bytes": taken,
        "peak_rss_bytes": process.memory_info().rss,
    }


if __name__ == "__main__":
    one_core()
    sys.stdout.write(json.dumps(timed(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))

"""`gboard-sim bench predict`: what a key costs a phone's keyboard, by the weights' precision.

Each artefact is timed by a process of its own on one core (`timed_keys.py`), `repeats` times; a row
has the medians of those processes.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any, get_args

import numpy as np

from gboard_sim import artefacts
from gboard_sim.bench.work import SEED
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.errors import GboardSimError
from gboard_sim.keyboard.keyboard import Keyboard
from gboard_sim.learning.model.graphs import find_graphs
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.quantization import Precision
from gboard_sim.learning.model.spec import load_spec
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.learning.text.corpus import Corpus
from gboard_sim.learning.text.vocabulary import SPECIAL, train_vocabulary
from gboard_sim.learning.workshop import Workshop
from gboard_sim.privacy.mechanisms import NoMechanism

MODEL = "gboard-cifg"
"""Timed where no artefact is given: a key costs the same whatever the weights are."""

WORDS = 200
"""Words typed, letter by letter (assumed); `QUICK_WORDS` with --quick."""

QUICK_WORDS = 20
"""Enough to show that it works."""


@dataclass(frozen=True, slots=True)
class Row:
    """One artefact; milliseconds and bytes are medians over processes.

    Attributes:
        artefact: The folder's name.
        weights: The precision of `predict.onnx`.
        file_bytes: Size of `predict.onnx`.
        recall_at_3: Top-3 recall on the run's test text, None where it was not measured.
        keys: Keys pressed in each process.
        p50_ms: Median time from a key to the words shown.
        p95_ms: 95th percentile.
        p99_ms: 99th percentile.
        p99_cpu_ms: 99th percentile of the processor's time: without waiting for a busy core.
        cold_ms: From the files to the first words shown, libraries imported.
        cold_cpu_ms: The processor's part of it.
        import_ms: To import the loader and its three libraries.
        model_rss_bytes: Memory that loading and the first words took.
        peak_rss_bytes: Most resident memory of the whole process.
    """

    artefact: str
    weights: str
    file_bytes: int
    recall_at_3: float | None
    keys: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    p99_cpu_ms: float
    cold_ms: float
    cold_cpu_ms: float
    import_ms: float
    model_rss_bytes: int
    peak_rss_bytes: int


def rows(
    *, given: Sequence[Path], repeats: int, quick: bool, tell: Callable[[str], None]
) -> list[Row]:
    """Time some artefacts, or else untrained ones of `MODEL` in every precision.

    Args:
        given: The artefacts' folders, if any.
        repeats: Processes for each.
        quick: Few words.
        tell: Told what is under way.

    Raises:
        ArtefactError: A folder cannot be used.
    """
    words = QUICK_WORDS if quick else WORDS
    for folder in given:
        Keyboard.load(folder)
    with nullcontext(given) if given else _untrained() as folders:
        return [_row(folder, words, repeats, tell) for folder in folders]


def _row(folder: Path, words: int, repeats: int, tell: Callable[[str], None]) -> Row:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    found = []
    for repeat in range(repeats):
        tell(f"{folder.name}: {repeat + 1} of {repeats}")
        found.append(_timed(folder, words))
    return Row(
        artefact=folder.name,
        weights=manifest["weights"],
        file_bytes=manifest["files"]["predict.onnx"]["bytes"],
        recall_at_3=manifest.get("recall_at_3"),
        keys=found[0]["keys"],
        **{
            field.name: median(each[field.name] for each in found)
            for field in fields(Row)
            if field.name.endswith(("_ms", "_rss_bytes"))
        },
    )


def _timed(folder: Path, words: int) -> dict[str, Any]:
    """What one process measured.

    Raises:
        GboardSimError: It failed.
    """
    program = "gboard_sim.bench.timed_keys"
    ended = subprocess.run(
        [sys.executable, "-m", program, str(folder), str(words), str(SEED)],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise GboardSimError(f"{folder}: cannot be timed: {ended.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@contextmanager
def _untrained() -> Iterator[Sequence[Path]]:
    """Artefacts of the published size: made-up words, weights as training begins with them."""
    spec = load_spec(MODEL)
    lexicon = tuple(_spelt(number) for number in range(spec.vocabulary - SPECIAL))
    corpus = Corpus(
        source="made-up words",
        lexicon=lexicon,
        users=("nobody",),
        user=np.zeros(1, np.int32),
        time_s=np.zeros(1),
        offsets=np.array([0, len(lexicon)]),
        words=np.arange(len(lexicon), dtype=np.int32),
    )
    vocabulary = train_vocabulary(corpus, np.array([0]), kind="word", size=spec.vocabulary)
    with tempfile.TemporaryDirectory(prefix="gboard-sim-") as scratch:
        workshop = Workshop(
            spec=spec,
            vocabulary=vocabulary,
            word_ids=corpus.ids_of(vocabulary.words),
            graphs=find_graphs(spec, Path(scratch) / "graphs"),
            trainer_name="onnxruntime",
            text=Path(scratch),
            snapshots=Snapshots(Path(scratch) / "versions"),
            codec=Fp32(),
            mechanism=NoMechanism(),
            seed=SEED,
        )
        parameters = initial_parameters(spec, workshop.tokens, SEED)
        folders = []
        for precision in get_args(Precision):
            folder = Path(scratch) / f"{MODEL}-{precision}"
            folder.mkdir()
            made = artefacts.contents(workshop, parameters, {}, precision)
            artefacts.write_into(folder, made)
            folders.append(folder)
        yield folders


def _spelt(number: int) -> str:
    """A made-up word of 3 to 7 letters, of its own for every number up to 26^3."""
    letters = "".join(chr(ord("a") + number // 26**place % 26) for place in range(3))
    return letters + "etain"[: number % 5]

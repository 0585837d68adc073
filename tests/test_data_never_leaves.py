"""No 5-gram of a private user's text in anything that the server or the run directory gets.

Private are training, validation and test users; public users' text and the vocabulary are not.
A 5-gram is looked for as words, as ids of the lexicon and as token ids: in text, in numbers written
out, in the columns of tables, and in raw bytes as integers and floats of 4 and 8 bytes at every
alignment.
"""

import gzip
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.numpy import save

import gboard_sim
from gboard_sim import catalogue
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.course import course as run_course
from gboard_sim.course import engine
from gboard_sim.keyboard.words import words
from gboard_sim.learning.law.law import Law
from gboard_sim.learning.pool import InlinePool
from gboard_sim.learning.text.divided_corpus import read_divided
from gboard_sim.learning.text.prepared import PreparedText, prepare
from gboard_sim.runlog.tables import SCHEMAS
from gboard_sim.world import world

N = 5
FACTORS = np.array([3, 5, 7, 11, 13], np.uint64) ** np.uint64(21) | np.uint64(1)


def hashes(grams: np.ndarray) -> np.ndarray:
    """One number for each 5-gram of integers. [n]."""
    with np.errstate(over="ignore"):
        return (grams.astype(np.int64).view(np.uint64) * FACTORS).sum(axis=1, dtype=np.uint64)


def grams(ids: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The 5-grams within rows, without those that stand in tables and pictures by chance: with
    fewer than four different ids, or none of at least 100, or counting up by one."""
    if len(ids) < N:
        return np.empty((0, N), np.int64)
    every = sliding_window_view(ids.astype(np.int64), N)
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    inside = every[row[: len(every)] == row[N - 1 :]]
    ordered = np.sort(inside, axis=1)
    different = 1 + (np.diff(ordered, axis=1) != 0).sum(axis=1)
    counting = (np.diff(inside, axis=1) == 1).all(axis=1)
    return inside[(different >= 4) & (ordered[:, -1] >= 100) & ~counting]


@dataclass(frozen=True)
class Private:
    """What must be found nowhere: 5-grams by their middle, and hashes of lexicon and token ids."""

    around: dict[tuple[str, ...], list[tuple[str, str]]]
    ids: np.ndarray
    example: tuple[str, ...]
    example_ids: np.ndarray

    @classmethod
    def of(cls, text: PreparedText) -> "Private":
        lexicon = np.array(text.corpus.lexicon, object)
        found: dict[bool, list[np.ndarray]] = {True: [], False: []}
        said: dict[bool, set] = {True: set(), False: set()}
        store = text.store
        for name in ("public", "fleet", "later", "validation", "test"):
            rows, public = getattr(store, name), name == "public"
            lexical = grams(rows.words, rows.word_offsets)
            found[public] += [lexical, grams(rows.tokens, rows.offsets)]
            said[public] |= set(map(tuple, lexicon[lexical].tolist()))
        public_ids = np.unique(hashes(np.concatenate(found[True])))
        private = np.concatenate(found[False])
        mine = private[~np.isin(hashes(private), public_ids)]
        only = said[False] - said[True]
        assert len(only) > 500
        around: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for first, *middle, last in only:
            around.setdefault(tuple(middle), []).append((first, last))
        return cls(around, np.unique(hashes(mine)), min(only), mine[len(mine) // 2])

    def in_text(self, content: str) -> bool:
        bare = re.sub(r"<[^<>]*>", " ", content)  # a page or a figure without its tags
        plain = re.findall(r"[^\W_]+(?:['-][^\W_]+)*", content.lower())
        for tokens in (words(content), words(bare), plain):
            for first, *middle, last in zip(*(tokens[n:] for n in range(N)), strict=False):
                # In a binary file other letters may touch the first word and the last.
                for begins, ends in self.around.get(tuple(middle), ()):
                    if first.endswith(begins) and last.startswith(ends):
                        return True
        return self.in_numbers(np.array([int(n) for n in re.findall(r"\d{1,9}", content)]))

    def in_numbers(self, numbers: np.ndarray) -> bool:
        if len(numbers) < N:
            return False
        found = hashes(sliding_window_view(numbers.astype(np.int64), N))
        at = np.searchsorted(self.ids, found)
        return bool((self.ids[np.minimum(at, len(self.ids) - 1)] == found).any())

    def in_bytes(self, content: bytes) -> bool:
        for kind in ("<i4", "<i8", "<f4", "<f8", "<u2"):
            width = np.dtype(kind).itemsize
            for shift in range(width):
                usable = (len(content) - shift) // width * width
                if usable <= 0:
                    continue
                numbers = np.frombuffer(content[shift : shift + usable], kind)
                if numbers.dtype.kind == "f":
                    whole = np.isfinite(numbers) & (np.abs(numbers) < 1e9)
                    numbers = np.where(whole, numbers, -1.0)
                    numbers = np.where(numbers == np.floor(numbers), numbers, -1.0)
                if self.in_numbers(numbers):
                    return True
        return False

    def in_column(self, column: pa.Array) -> bool:
        kind = column.type
        if pa.types.is_struct(kind):
            return any(self.in_column(inner) for inner in column.flatten())
        if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
            return self.in_column(column.flatten())
        if pa.types.is_string(kind):
            return self.in_text(" ".join(column.drop_null().to_pylist()))
        numbers = column.drop_null().to_numpy(zero_copy_only=False)
        return self.in_bytes(numbers.tobytes()) if len(numbers) else False

    def in_table(self, table: pa.Table) -> bool:
        return any(self.in_column(column.combine_chunks()) for column in table.columns)

    def in_file(self, path: Path) -> bool:
        content = path.read_bytes()
        if path.suffix == ".parquet" and self.in_table(pq.read_table(path)):
            return True
        if content[:2] == b"\x1f\x8b":
            content += gzip.decompress(content)
        return self.in_bytes(content) or self.in_text(content.decode(errors="replace"))

    def leaks(self, folder: Path) -> list[str]:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return [path.relative_to(folder).as_posix() for path in files if self.in_file(path)]


def private_of(experiment: gboard_sim.Experiment) -> Private:
    made = world.build(experiment)
    return Private.of(
        prepare(
            read_divided(experiment.text, experiment.fleet.phones, experiment.run.seed),
            experiment.text,
            days=experiment.run.days,
            utc_offset_s=made.population.utc_offset_s,
            seed=experiment.run.seed,
        )
    )


@pytest.fixture(scope="module")
def chat(tmp_path_factory) -> Path:
    """Ninety users of twelve messages: words that many share, and words that only one has."""
    draw = random.Random(5)
    shared = Law.load(catalogue.locate("models", "law")).words[:400]
    path = tmp_path_factory.mktemp("corpus") / "chat.jsonl"
    with path.open("w") as file:
        for user in range(90):
            own = [f"{a}{b}{user:02d}" for a in ("zorb", "quim", "vel") for b in ("ka", "tu", "mo")]
            for message in range(12):
                said = draw.choices(shared, k=6) + draw.choices(own, k=draw.randint(1, 3))
                if message % 3 == 0:
                    said = draw.choices(shared, k=9)
                line = {
                    "user": f"u{user}", "text": " ".join(said),
                    "time": f"2024-03-{1 + message:02d}T18:30:00",
                }  # fmt: skip
                file.write(json.dumps(line) + "\n")
    return path


def overrides(chat: Path) -> list[str]:
    return [f"text.source={json.dumps(str(chat))}", "run.checkpoint_every=1"]


@pytest.fixture(scope="module")
def private(chat) -> Private:
    return private_of(gboard_sim.load("smoke", overrides=overrides(chat)))


def plants(private: Private) -> Iterator[tuple[str, bytes]]:
    """A file of every kind with a private 5-gram in it."""
    said, ids = list(private.example), private.example_ids
    padded = np.concatenate([np.arange(1, 40) * 1000003, ids, [7]])

    def table(**columns: Iterable) -> bytes:
        out = io.BytesIO()
        pq.write_table(pa.table(columns), out, compression="zstd")
        return out.getvalue()

    def array(kind: str) -> bytes:
        out = io.BytesIO()
        np.save(out, padded.astype(kind))
        return out.getvalue()

    def graph(**more) -> bytes:
        tensor = onnx.numpy_helper.from_array(more.pop("ids", np.zeros(1, np.int64)), "w")
        made = onnx.helper.make_graph([], "g", [], [], initializer=[tensor], **more)
        return onnx.helper.make_model(made).SerializeToString()

    yield "string column.parquet", table(a=["x", " ".join(said), "y"])
    yield "a word a row.parquet", table(a=said)
    yield "integer column.parquet", table(a=padded)
    yield "list column.parquet", table(a=[padded[:41].tolist(), padded[41:].tolist()])
    yield "struct column.parquet", table(a=[{"b": int(n), "c": "x"} for n in padded])
    for kind in ("i4", "i8", "f4", "f8", "u2"):
        yield f"{kind}.npy", array(kind)
    yield "shifted.npy", b"abc" + array("i4")
    yield "ids.safetensors", save({"a": np.ones(3, np.int8), "w": padded.astype(np.int32)})
    yield "metadata.safetensors", save({"w": np.ones(3)}, metadata={"note": " ".join(said)})
    yield "ids.onnx", graph(ids=padded)
    yield "text.onnx", graph(doc_string=" ".join(said))
    yield "numbers.json", json.dumps({"rows": [int(n) for n in ids]}).encode()
    yield "words.json", json.dumps(said, separators=(",", ":")).encode()
    yield "words.txt", "\n".join(said).encode()
    yield "page.html", f"<p>He said: <b>{' '.join(said).upper()}</b>!</p>".encode()
    yield "figure.svg", "".join(f"<text>{word}</text>" for word in said).encode()
    yield "experiment.toml", f"note = '{' '.join(said)}'".encode()
    yield "log.gz", gzip.compress(" ".join(said).encode())


def test_the_scan_finds_what_is_planted_in_a_file_of_every_kind(private, tmp_path):
    planted = dict(plants(private))
    for name, content in planted.items():
        (tmp_path / name).write_bytes(content)
    assert set(planted) - set(private.leaks(tmp_path)) == set()


def test_the_scan_passes_the_public_text_and_the_vocabulary(chat, private, tmp_path):
    experiment = gboard_sim.load("smoke", overrides=overrides(chat))
    made = world.build(experiment)
    text = prepare(
        read_divided(experiment.text, 60, seed=1),
        experiment.text,
        days=2.0,
        seed=1,
        utc_offset_s=made.population.utc_offset_s,
    )
    rows = text.store.public
    lexicon = text.corpus.lexicon
    said = " ".join(lexicon[word] for word in rows.words[: rows.word_offsets[1]])
    assert len(said.split()) >= N
    assert not private.in_text(said)
    (tmp_path / "words.txt").write_text("\n".join(text.vocabulary.words))
    np.save(tmp_path / "tokens.npy", rows.tokens[: rows.offsets[1]])
    assert private.leaks(tmp_path) == []


def test_a_finished_run_holds_nothing_private(smoke_path):
    private = private_of(gboard_sim.load("smoke"))
    assert len(list(smoke_path.rglob("*.parquet"))) == len(SCHEMAS)
    assert private.leaks(smoke_path) == []


class Overheard:
    """All that one run sent to its server, and all that it said."""

    def __init__(self, experiment, out, patch):
        self.payloads: list[bytes] = []
        self.cohorts, self.sessions, self.outcomes, self.lines = [], [], [], []
        heard = self

        class SpyCodec(Fp32):
            def transmit(self, update, phone, nth):
                payload = self.encode(update, phone, nth)
                heard.payloads.append(payload)
                return self.decode(payload), len(payload)

        class SpySeam(run_course.JournaledLearner):
            def __init__(self, learner, journal, *, versions):
                super().__init__(learner, journal, versions=versions)
                outcome = self.outcome
                self.outcome = lambda version: heard.keep(heard.outcomes, outcome(version))

            def step(self, cohort):
                super().step(heard.keep(heard.cohorts, cohort))

        class SpyJournal(run_course.Journal):
            def sessions(self, block):
                super().sessions(heard.keep(heard.sessions, block))

        patch.setattr(
            engine, "ProcessPool",
            lambda workshop, workers: InlinePool(replace(workshop, codec=SpyCodec())),
        )  # fmt: skip
        patch.setattr(run_course, "JournaledLearner", SpySeam)
        patch.setattr(run_course, "Journal", SpyJournal)
        self.run = gboard_sim.run(
            experiment, out=out, watch=lambda step: self.lines.append(step.line())
        )

    @staticmethod
    def keep(kept, record):
        kept.append(record)
        return record


@pytest.fixture(scope="module")
def overheard(chat, tmp_path_factory) -> Overheard:
    more = [*overrides(chat), "run.target_recall_at_3=1.0"]  # so that outcomes are asked for
    experiment = gboard_sim.load("smoke", overrides=more)
    with pytest.MonkeyPatch.context() as patch:
        return Overheard(experiment, tmp_path_factory.mktemp("overheard") / "run", patch)


def test_nothing_private_crosses_the_seam_to_the_server(private, overheard):
    assert len(overheard.payloads) == overheard.run.summary["sessions_trained"] > 20
    joined = b"".join(overheard.payloads)
    assert not private.in_bytes(joined)
    readable = b" ".join(re.findall(rb"[ -~]{8,}", joined))
    assert not private.in_text(readable.decode())
    assert len(overheard.cohorts) == overheard.run.summary["versions"]
    assert len(overheard.outcomes) > 0
    for record in (*overheard.cohorts, *overheard.outcomes):
        assert not private.in_text(repr(asdict(record)))
    for block in overheard.sessions:
        for column in asdict(block).values():
            assert not private.in_text(" ".join(map(str, column.tolist())))


def test_nothing_private_is_said_on_the_way(private, overheard):
    assert len(overheard.lines) > 5
    assert not private.in_text("\n".join(overheard.lines))


def test_a_run_on_a_file_leaves_nothing_private_behind(private, overheard):
    path = overheard.run.directory.path
    assert overheard.run.summary["oov_share"] > 0.05
    assert private.leaks(path) == []


def test_a_run_that_is_killed_leaves_nothing_private_in_its_directory(chat, private, tmp_path):
    out = tmp_path / "run"
    sets = [f"--set={each}" for each in [*overrides(chat), "run.versions=500", "run.days=30"]]
    command = [sys.executable, "-m", "gboard_sim", "run", "smoke", "--out", str(out), *sets]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--workers", "1"], stdout=said, stderr=said, start_new_session=True
        )
    while len(list(out.glob("journal/*.cohorts.parquet"))) < 5:
        assert process.poll() is None, (tmp_path / "said").read_text()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kinds = {path.suffix for path in out.rglob("*") if path.is_file()}
    assert kinds >= {".parquet", ".safetensors", ".npy", ".toml", ".json"}
    assert private.leaks(tmp_path) == []

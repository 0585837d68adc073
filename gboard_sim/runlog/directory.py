"""The run directory: what a run leaves behind, and all that reports and later commands read.

```
experiment.toml      the experiment with every default written out
provenance.json      versions of the libraries, the processor
sessions.parquet     every session of every phone          (fleet to learner)
cohorts.parquet      every upload or report that was used   (fleet to learner)
dropouts.parquet     every attempt that was not used         (fleet to learner)
answers.parquet      what the learner answered, by version  (learner to fleet)
versions.parquet     one row per server version
evaluations.parquet  recall and perplexity by version, set of users and group
installed.parquet    phones by installed version, hour by hour
served.parquet       what those versions predict, hour by hour; only where any were installed
fleet.json           how many phones were eligible, by hour
ledger.json          the privacy events that ran, and the claim
summary.json         the flat figures; written last: a directory that has it is whole
checkpoints/         while it runs: the newest state to resume from, in safetensors
journal/             while it runs: the tables so far, in parts
artefacts/           what a phone installs: graphs, tokenizer, parameters, loader, manifest
export-*/            the same in fewer bits and checked, where it was exported here
keyboard.json        what gboard-sim keyboard found, where it was asked
report.html          the report page
```

Every file is written aside and renamed, but for `ledger.json` while the run lasts: it grows by a
line before each version is published (`gboard_sim.runlog.ledger_file`).
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gboard_sim.errors import RunDirectoryError

SCHEMA = 1
"""Version of the layout above; a directory of another version is refused."""


class RunDirectory:
    """One run directory, for reading and for writing.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> "RunDirectory":
        """A new, empty run directory.

        Raises:
            RunDirectoryError: The path holds something already, or cannot be made.
        """
        with writing(path):
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise RunDirectoryError(
                    f"--out {path}: exists and is not an empty folder; choose another (a run that "
                    "was stopped goes on with gboard-sim run --resume)"
                )
            path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    @classmethod
    def open(cls, path: Path, *, whole: bool = True) -> "RunDirectory":
        """An existing run directory.

        Args:
            path: The folder.
            whole: Whether the run must have come to its end.

        Raises:
            RunDirectoryError: It is not a run directory, of another version, or unfinished.
        """
        directory = cls(path)
        if not (path / "experiment.toml").is_file() or not (path / "provenance.json").is_file():
            raise RunDirectoryError(f"{path}: not a run directory: it has no experiment.toml")
        schema = directory.read_json("provenance.json").get("schema")
        if schema != SCHEMA:
            raise RunDirectoryError(
                f"{path}: provenance.json: schema = {schema!r}; this version reads {SCHEMA}"
            )
        if whole and not (path / "summary.json").is_file():
            raise RunDirectoryError(
                f"{path}: the run has not ended (no summary.json); "
                f"continue it with: gboard-sim run --resume {path}"
            )
        return directory

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from writing here; the lock ends with the process at the latest.

        Raises:
            RunDirectoryError: A run is at work here.
        """
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(folder)
            raise RunDirectoryError(
                f"{self.path}: a run is at work here; wait for its end, or end it and --resume"
            ) from None
        except OSError:  # a file system without locks: nobody is kept out
            pass
        try:
            yield
        finally:
            os.close(folder)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def write_text(self, name: str, text: str) -> None:
        """Write a text file aside and rename it."""
        self.write_bytes(name, text.encode())

    def write_json(self, name: str, value: Any) -> None:
        """Write indented JSON with a trailing newline."""
        self.write_text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file aside and rename it, so that it is there whole or not at all."""
        path = self.path / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with aside(path) as partial:
            partial.write_bytes(content)

    def read_json(self, name: str) -> Mapping[str, Any]:
        """The object in a JSON file.

        Raises:
            RunDirectoryError: It is missing or not a JSON object.
        """
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunDirectoryError(f"{self.path / name}: cannot be read: {error}") from error
        if not isinstance(found, dict):
            raise RunDirectoryError(f"{self.path / name}: not a JSON object; the file is foreign")
        return found

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A table of the run, such as `versions`, or some of its columns.

        Raises:
            RunDirectoryError: It is missing or damaged.
        """
        return read_table(self.path / f"{name}.parquet", columns)

    def schema(self, name: str) -> pa.Schema:
        """The columns of a table of the run, read without its rows.

        Raises:
            RunDirectoryError: It is missing or damaged.
        """
        path = self.path / f"{name}.parquet"
        try:
            return pq.read_schema(path.absolute())
        except (OSError, pa.ArrowInvalid) as error:
            raise RunDirectoryError(f"{path}: cannot be read: {error}") from error


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The table in one Parquet file, or some of its columns.

    Raises:
        RunDirectoryError: It is missing or damaged.
    """
    try:  # by its whole path: one with a colon would be taken for a URI
        return pq.read_table(path.absolute(), columns=None if columns is None else list(columns))
    except (OSError, pa.ArrowInvalid) as error:
        raise RunDirectoryError(f"{path}: cannot be read: {error}") from error


def unused(parent: Path, name: str) -> Path:
    """`parent/name`, or `parent/name-2`, `-3`, ... where that exists."""
    path, count = parent / name, 1
    while path.exists():
        count += 1
        path = parent / f"{name}-{count}"
    return path


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Where to write a file aside: renamed when the body has ended, removed if it failed.

    Raises:
        RunDirectoryError: See `writing`.
    """
    partial = path.with_name(f".{path.name}.partial")
    with writing(path):
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system says about a failed write into one message.

    Raises:
        RunDirectoryError: The disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "no space left on the disk; free some and --resume",
            errno.EDQUOT: "the disk quota is spent; free some space and --resume",
            errno.EFBIG: "the file would pass the limit on file sizes (ulimit -f)",
        }
        said = f"{error} (a full disk?)" if error.errno is None else os.strerror(error.errno)
        reason = reasons.get(error.errno or 0, said)
        raise RunDirectoryError(f"{path}: cannot be written: {reason}") from error

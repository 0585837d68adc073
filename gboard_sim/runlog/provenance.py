"""Where a run came from: what its bits depend on beside the experiment."""

import platform
from hashlib import file_digest, sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gboard_sim.runlog.directory import SCHEMA

LIBRARIES = (
    "gboard-sim",
    "numpy",
    "onnxruntime",
    "torch",
    "sentencepiece",
    "simpy",
    "pyarrow",
    "dp-accounting",
)


def facts(source: str) -> dict[str, Any]:
    """The schema, the libraries' versions, the processor's model, and the digest of the corpus.

    Args:
        source: The key `text.source`; a file's content is digested, other text has no digest.
    """
    path = Path(source)
    return {
        "schema": SCHEMA,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "text_sha256": _digest(path) if path.is_file() else None,
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def surroundings() -> dict[str, Any]:
    """What the bits of a job depend on where it is carried out, the source files included."""
    sources = sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        sources.update(path.read_bytes())
    return {
        "python": platform.python_version(),
        "processor": processor(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "sources": sources.hexdigest(),
    }


def _digest(path: Path) -> str:
    """The digest of a file, which may be larger than memory."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """The processor's model name, from Linux where it says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())

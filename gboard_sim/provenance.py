"""Where a run came from: what its bits depend on beside the experiment."""

import platform
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gboard_sim.runlog import SCHEMA

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
        "processor": _processor(),
        "text_sha256": sha256(path.read_bytes()).hexdigest() if path.is_file() else None,
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's model name, from Linux where it says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())

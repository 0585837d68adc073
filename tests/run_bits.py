"""What two runs that are the same have in common, bit for bit."""

import json
from pathlib import Path
from typing import Any


def bits(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The summary but for what depends on the machine, and every table, artefact and ledger."""
    summary = json.loads((path / "summary.json").read_text())
    del summary["machine"]
    files = [
        *path.glob("*.parquet"),
        *(path / "artefacts").rglob("*"),
        path / "fleet.json",
        path / "ledger.json",
    ]
    return summary, {file.name: file.read_bytes() for file in files if file.is_file()}

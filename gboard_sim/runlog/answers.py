"""The table `answers`: what the learner told the fleet, as rows and back."""

import json
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from gboard_sim.seam.records import LocalWork, Measure, Outcome


def outcome_row(outcome: Outcome) -> dict[str, Any]:
    """What came of one version, as a row."""
    return {
        "version": outcome.version,
        "stop": outcome.stop,
        "local": None if outcome.local is None else [asdict(work) for work in outcome.local],
        "metrics": json.dumps(dict(outcome.metrics), sort_keys=True),
        "utility": None
        if outcome.utility is None
        else [{"phone": phone, "score": score} for phone, score in outcome.utility.items()],
    }


def measure_row(session: int, measure: Measure) -> dict[str, Any]:
    """What was found of one attempt, as a row."""
    return {
        "session": session,
        "payload_bytes": measure.payload_bytes,
        "norm": measure.norm,
        "sign_agreement": measure.sign_agreement,
    }


def read_outcomes(table: pa.Table) -> dict[int, Outcome]:
    """The learner's answers by version, from the table `answers`."""
    return {
        row["version"]: Outcome(
            version=row["version"],
            stop=row["stop"],
            local=None if row["local"] is None else tuple(LocalWork(**w) for w in row["local"]),
            metrics=json.loads(row["metrics"]),
            utility=None
            if row["utility"] is None
            else {scored["phone"]: scored["score"] for scored in row["utility"]},
        )
        for row in table.to_pylist()
        if row["version"] is not None
    }


def read_measures(table: pa.Table) -> dict[int, Measure]:
    """The learner's measures by session, from the table `answers`."""
    return {
        row["session"]: Measure(
            payload_bytes=row["payload_bytes"],
            norm=row["norm"],
            sign_agreement=row["sign_agreement"],
        )
        for row in table.to_pylist()
        if row["session"] is not None
    }

"""The summary of a run: flat figures with units in their names, documented here and nowhere else.

| key | meaning |
|---|---|
| `schema` | version of the run directory's layout |
| `experiment`, `seed` | the experiment's name and seed |
| `text_source` | `synthetic`, or the corpus file's name |
| `stop_reason` | `days`, `versions`, `budget:<key>`, `target_recall`, `no_gain` |
| `trainer` | `onnxruntime` or `torch`; null where nothing was learned |
| `model`, `model_parameters` | the model's name and number of parameters |
| `versions`, `rounds`, `rounds_abandoned` | server steps; closed cohorts; rounds below minimum |
| `simulated_days` | when the run ended |
| `phones`, `phones_participated` | phones; those of which an upload was used |
| `recall_at_1`, `recall_at_3` | test users, last version, Gboard's rule |
| `recall_at_3_version_0` | the same for version 0 |
| `recall_at_3_seen_users` | training users' later text, never trained on |
| `accuracy_tff`, `accuracy_fedjax` | test users, by those projects' rules |
| `perplexity`, `perplexity_in_vocabulary`, `oov_share` | test users |
| `unigram_recall_at_3` | the most frequent words, same positions |
| `ngram_recall_at_3`, `ngram_order` | tuned Kneser-Ney on public text and what had been typed |
| `ngram_public_recall_at_3` | the same on public text alone |
| `ceiling_recall_at_3`, `ceiling_share` | the best possible on synthetic text; the model's share |
| `uplink_bytes`, `downlink_bytes` | bytes of payloads sent, whole or broken off; of models |
| `uplink_bytes_by_purpose` | used, late or rejected, and broken-off uploads |
| `uplink_bytes_per_phone_mean` | over all phones |
| `downlink_bytes_per_phone_mean` | over all phones |
| `energy_j_per_phone_mean`, `..._low`, `..._high` | over all phones, with the sources' range |
| `checkins`, `checkins_rejected` | check-ins; those turned away |
| `sessions`, `session_shapes` | sessions; how many of each shape |
| `cycles_abandoned` | cycles that started over because their base was too old |
| `sessions_trained`, `sessions_trained_unused` | uploads that were trained; those not used |
| `trained_tokens`, `training_flop` | what they trained on, and its price |
| `epsilon_policy` | the claim for one phone's whole run; null without a mechanism |
| `epsilon_realised` | a diagnostic: the phone from which most really left |
| `privacy_unit`, `privacy_relation`, `privacy_delta`, `privacy_trusted` | what the claim means |
| `privacy_warnings` | what a reader of the claim should be told, such as too large a delta |
| `parameters_sha256` | of the last version, float32, little-endian |
| `machine` | exactly what depends on the machine, below |

`machine` holds `wall_s`, `fleet_wall_s`, `training_wall_s` (the fleet waiting for the learner),
`peak_rss_bytes` over the process tree of this machine, `engine`, `workers`, and `processors`, the
models of the processors of all machines that took part: with more than one, bits may differ.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gboard_sim.fleet.simulation import FleetEnd
from gboard_sim.learning.learner_state import Totals
from gboard_sim.learning.model.spec import flop_per_token
from gboard_sim.learning.pool import Pool
from gboard_sim.learning.verdict import Verdict
from gboard_sim.machine import MachineMeter
from gboard_sim.privacy.ledger import Ledger
from gboard_sim.provenance import processor
from gboard_sim.runlog import SCHEMA, RunDirectory
from gboard_sim.world import World


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the learning half adds to a summary.

    Attributes:
        tokens: Token ids V.
        parameters: Number of parameters.
        parameters_sha256: Digest of the last version.
        totals: What was trained for it.
        verdict: Its last judgement.
        pool: Where it was trained.
        waited_s: Wall seconds that the fleet waited for the learner.
    """

    tokens: int
    parameters: int
    parameters_sha256: str
    totals: Totals
    verdict: Verdict
    pool: Pool
    waited_s: float


def summarise(
    directory: RunDirectory,
    made: World,
    meter: MachineMeter,
    end: FleetEnd,
    learnt: Learnt | None,
    ledger: Ledger | None,
) -> dict[str, Any]:
    """The summary; what was not learned or claimed is null."""
    summary: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "experiment": made.experiment.name,
            "seed": made.experiment.run.seed,
            "arm": made.experiment.run.arm,
            **_learning(made, learnt),
            **_fleet(directory, end),
            **_privacy(ledger, len(end.participations)),
            "machine": _machine(made, meter, learnt),
        }
    )
    return summary


def fleet_facts(made: World, end: FleetEnd) -> dict[str, Any]:
    """The object in `fleet.json`: eligibility by hour, participation by class and phone."""
    classes = [kind.name for kind in made.population.mix.classes]
    of_class = made.population.phone_class
    counts = np.bincount(end.participations)
    return {
        "eligible_by_hour": [round(float(value), 4) for value in end.eligible_by_hour],
        "eligible_by_local_hour": [round(float(value), 4) for value in end.eligible_by_local_hour],
        "participants_by_hour": [int(value) for value in end.participants_by_hour],
        "classes": classes,
        "phones_by_class": np.bincount(of_class, minlength=len(classes)).tolist(),
        "participations": {str(n): int(count) for n, count in enumerate(counts) if count},
    }


def _learning(made: World, learnt: Learnt | None) -> dict[str, Any]:
    source = made.experiment.text.source
    if learnt is None:
        return dict.fromkeys(LEARNED) | {"text_source": "made up", "model": made.spec.name}
    verdict, totals = learnt.verdict, learnt.totals
    test = verdict.sets["test"].overall if "test" in verdict.sets else None
    baselines = verdict.baselines
    flop = flop_per_token(made.spec, learnt.tokens)
    return {
        "text_source": source if source == "synthetic" else Path(source).name,
        "trainer": made.experiment.training.trainer,
        "model": made.spec.name,
        "model_parameters": learnt.parameters,
        "recall_at_1": test and test.recall_at_1,
        "recall_at_3": test and test.recall_at_3,
        "recall_at_3_version_0": verdict.first.overall.recall_at_3,
        "recall_at_3_seen_users": verdict.sets["later"].overall.recall_at_3,
        "accuracy_tff": test and test.accuracy_tff,
        "accuracy_fedjax": test and test.accuracy_fedjax,
        "perplexity": test and test.perplexity,
        "perplexity_in_vocabulary": test and test.perplexity_in_vocabulary,
        "oov_share": test and test.oov_share,
        "unigram_recall_at_3": baselines and baselines.unigram,
        "ngram_recall_at_3": baselines and baselines.ngram,
        "ngram_public_recall_at_3": baselines and baselines.ngram_public,
        "ngram_order": baselines and baselines.ngram_order,
        "ceiling_recall_at_3": verdict.ceiling,
        "ceiling_share": verdict.ceiling_share,
        "sessions_trained": totals.sessions_trained,
        "sessions_trained_unused": totals.sessions_trained_unused,
        "trained_tokens": totals.trained_tokens,
        "training_flop": totals.trained_tokens * flop,
        "parameters_sha256": learnt.parameters_sha256,
    }


LEARNED = (
    "trainer",
    "model_parameters",
    "recall_at_1",
    "recall_at_3",
    "recall_at_3_version_0",
    "recall_at_3_seen_users",
    "accuracy_tff",
    "accuracy_fedjax",
    "perplexity",
    "perplexity_in_vocabulary",
    "oov_share",
    "unigram_recall_at_3",
    "ngram_recall_at_3",
    "ngram_public_recall_at_3",
    "ngram_order",
    "ceiling_recall_at_3",
    "ceiling_share",
    "sessions_trained",
    "sessions_trained_unused",
    "trained_tokens",
    "training_flop",
    "parameters_sha256",
)
"""Keys that are null where nothing was learned."""


def _fleet(directory: RunDirectory, end: FleetEnd) -> dict[str, Any]:
    table = directory.table("sessions")
    shapes, counts = np.unique(table["shape"].to_numpy(), return_counts=True)
    purposes = {shape: _purpose(str(shape)) for shape in shapes}
    up = table["upload_bytes"].to_numpy()
    shape_of = table["shape"].to_numpy()
    by_purpose = dict.fromkeys(("used", "unused", "broken_off"), 0)
    for shape in shapes:
        by_purpose[purposes[shape]] += int(up[shape_of == shape].sum())
    low, central, high = (float(joules.mean()) for joules in end.energy_j)
    return {
        "stop_reason": end.stop_reason,
        "versions": end.versions,
        "rounds": end.rounds,
        "rounds_abandoned": end.abandoned,
        "simulated_days": end.ended_s / 86400.0,
        "phones": len(end.participations),
        "phones_participated": int((end.participations > 0).sum()),
        "uplink_bytes": int(end.upload_bytes.sum()),
        "downlink_bytes": int(end.download_bytes.sum()),
        "uplink_bytes_by_purpose": by_purpose,
        "uplink_bytes_per_phone_mean": float(end.upload_bytes.mean()),
        "downlink_bytes_per_phone_mean": float(end.download_bytes.mean()),
        "energy_j_per_phone_mean": central,
        "energy_j_per_phone_mean_low": low,
        "energy_j_per_phone_mean_high": high,
        "checkins": end.checkins,
        "checkins_rejected": end.rejected,
        "sessions": end.sessions,
        "session_shapes": {
            str(shape): int(count) for shape, count in zip(shapes, counts, strict=True)
        },
        "cycles_abandoned": end.cycles_abandoned,
    }


def _purpose(shape: str) -> str:
    """What became of the upload of a session of this shape, if it began one."""
    return {"^": "used", "#": "unused"}.get(shape[-1], "broken_off")


def _privacy(ledger: Ledger | None, phones: int) -> dict[str, Any]:
    claim = ledger and ledger.claim
    return {
        "epsilon_policy": ledger and ledger.epsilon_policy(),
        "epsilon_realised": ledger and ledger.epsilon_realised(),
        "privacy_unit": claim and claim.unit,
        "privacy_relation": claim and claim.relation,
        "privacy_delta": claim and claim.delta,
        "privacy_trusted": claim and claim.trusted,
        "privacy_warnings": list(claim.warnings(phones)) if claim else [],
    }


def _machine(made: World, meter: MachineMeter, learnt: Learnt | None) -> dict[str, Any]:
    waited = learnt.waited_s if learnt else 0.0
    return {
        "wall_s": round(meter.wall_s, 3),
        "fleet_wall_s": round(meter.seconds.get("fleet", 0.0) - waited, 3),
        "training_wall_s": round(waited, 3),
        "peak_rss_bytes": meter.peak_rss_bytes,
        "engine": made.experiment.run.engine if learnt else None,
        "workers": learnt.pool.workers if learnt else 0,
        "processors": list(learnt.pool.processors) if learnt else [processor()],
    }


def plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: NaN becomes null, infinity the string `infinity`."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return "infinity"
    return value


def headline(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A summary's figures as a terminal shows them; what the run does not have is left out."""

    def have(*keys: str) -> bool:
        return all(summary[key] is not None for key in keys)

    s = summary
    yield "versions, stopped by", f"{s['versions']}, {s['stop_reason']}"
    yield "simulated days", f"{s['simulated_days']:.2f}"
    yield "phones, of which took part", f"{s['phones']:,}, {s['phones_participated']:,}"
    if have("recall_at_3"):
        start = f"(version 0: {s['recall_at_3_version_0']:.3f})"
        yield "recall at 1, at 3", f"{s['recall_at_1']:.3f}, {s['recall_at_3']:.3f} {start}"
    elif have("recall_at_3_seen_users"):
        own = f"{s['recall_at_3_seen_users']:.3f} (each phone's own model, on its later text)"
        yield "recall at 3", own
    if have("ngram_recall_at_3"):
        baselines = f"{s['ngram_recall_at_3']:.3f}, {s['unigram_recall_at_3']:.3f}"
        yield "recall at 3 of n-gram, unigram", baselines
    if have("ceiling_share"):
        share = f"{s['ceiling_recall_at_3']:.3f}, {s['ceiling_share']:.1%}"
        yield "ceiling on this text, share of it", share
    up, down = s["uplink_bytes_per_phone_mean"], s["downlink_bytes_per_phone_mean"]
    yield "MB up, down per phone", f"{up / 1e6:.2f}, {down / 1e6:.2f}"
    joules = [s[f"energy_j_per_phone_mean{end}"] for end in ("", "_low", "_high")]
    yield "joules per phone", "{:.1f} ({:.1f} to {:.1f})".format(*joules)
    yield "sessions, check-ins turned away", f"{s['sessions']:,}, {s['checkins_rejected']:,}"
    if have("privacy_unit"):
        epsilon = s["epsilon_policy"]
        claim = "none: the log breaks its bounds" if epsilon is None else f"{epsilon:.4g}"
        yield "epsilon, delta", f"{claim}, {s['privacy_delta']:g} ({s['privacy_unit']})"
    machine = s["machine"]
    memory = f"{machine['peak_rss_bytes'] / 2**30:.2f} GiB"
    yield "wall seconds, peak memory", f"{machine['wall_s']:.0f}, {memory}"

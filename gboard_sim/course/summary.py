"""The summary of a run: flat figures with units in their names, documented here and nowhere else.

| key | meaning |
|---|---|
| `schema` | version of the run directory's layout |
| `experiment`, `seed` | the experiment's name and seed |
| `protocol` | `rounds`, `buffered` or `poisson` |
| `text_source` | `synthetic`, or the corpus file's name |
| `stop_reason` | `days`, `versions`, `budget:<key>`, `target_recall`, `no_gain` |
| `trainer` | `onnxruntime` or `torch`; null where nothing was learned |
| `model`, `model_parameters` | the model's name and number of parameters |
| `parameters_on_wire`, `wire_share` | numbers in a used upload, in the mean; share of all |
| `versions`, `rounds`, `rounds_abandoned` | server steps; closed cohorts; rounds below minimum |
| `round_s_p50`, `round_s_p90`, `round_s_p99` | seconds from a round's configuration to its close |
| `simulated_days` | when the run ended |
| `phones`, `phones_participated` | phones; those of which an upload was used |
| `participation_gini` | Gini coefficient of the phones' used uploads; null where there are none |
| `participation_top_30_share` | share of the used uploads that the busiest 30% of phones sent |
| `recall_at_1`, `recall_at_3` | test users, last version (or their average), Gboard's rule |
| `recall_at_3_version_0` | the same for version 0 |
| `recall_at_3_seen_users` | training users' later text, never trained on |
| `accuracy_tff`, `accuracy_fedjax` | test users, by those projects' rules |
| `perplexity`, `perplexity_in_vocabulary`, `oov_share` | test users |
| `phones_recall_at_3` | phones' reports on their own held-out text, last version judged there |
| `served_recall_at_3` | validation recall of what phones have installed, at the last hour |
| `version_lag_mean` | versions that installed ones are behind, over hours and phones with one |
| `unigram_recall_at_3` | the most frequent words, same positions |
| `ngram_recall_at_3`, `ngram_order` | tuned Kneser-Ney on public text and what had been typed |
| `ngram_public_recall_at_3` | the same on public text alone |
| `ceiling_recall_at_3`, `ceiling_share` | the best possible on synthetic text; the model's share |
| `uplink_bytes`, `downlink_bytes` | bytes of payloads sent, whole or broken off; of models |
| `uplink_bytes_by_purpose` | used, unused (late or rejected) and broken-off uploads; evaluation |
| `downlink_bytes_by_purpose` | models to train from, to judge (evaluation) and to serve (install) |
| `uplink_bytes_per_phone_mean` | over all phones |
| `downlink_bytes_per_phone_mean` | over all phones |
| `energy_j_per_phone_mean`, `..._low`, `..._high` | over all phones, with the sources' range |
| `evaluation_rounds` | versions that phones judged |
| `installs` | completed installs of phones that were not selected, with `[sync]` |
| `checkins`, `checkins_rejected` | check-ins; those turned away |
| `checkins_rejected_by_bounds` | those that came when phones were wanted, at a bound of their own |
| `sessions`, `session_shapes` | sessions; how many of each shape |
| `uploads_corrupt` | payloads that arrived and failed their checksum, reports included |
| `updates_held_back_share` | of the updates ready to be sent; null where none ever was |
| `cycles_abandoned` | cycles that started over because their base was too old |
| `sessions_trained`, `sessions_trained_unused` | uploads trained, once each; those not used |
| `residual_phones` | phones that ever sent what an earlier payload left out; of no use to others |
| `residuals_evicted`, `residuals_discarded` | lost for want of room; after a rejection or a loss |
| `trained_tokens`, `training_flop` | what they trained on, and its price |
| `epsilon_policy` | the claim for one phone's whole run; null without a mechanism |
| `epsilon_realised` | a diagnostic: the phone from which most really left |
| `epsilon_extrapolated`, `privacy_extrapolated` | with `privacy.noise_cohort`, for which fleet |
| `privacy_unit`, `privacy_relation`, `privacy_delta`, `privacy_trusted` | what the claim means |
| `secure_aggregation_bytes` | what it moved where it was masked, below; null where it was not |
| `privacy_warnings` | what a reader of the claim should be told, such as too large a delta |
| `parameters_sha256` | of what is exported, float32, little-endian |
| `machine` | exactly what depends on the machine, below |

`secure_aggregation_bytes` holds `uplink` and `downlink`, all that the phones whose numbers are in
sums sent and were sent: keys, sealed shares, masked numbers and shares told; and `uplink_lost` and
`downlink_lost`, the keys and shares of phones that were selected with them and lost. A fleet prices
the former in its payloads and downloads, for a full selection; the latter as far as each came.

`machine` holds `wall_s`, `fleet_wall_s`, `training_wall_s` (the fleet waiting for the learner),
`peak_rss_bytes` over the process tree of this machine, `engine`, `workers`, and `processors`, the
models of the processors of all machines that took part: with more than one, bits may differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from gboard_sim.learning.learner_state import Totals
from gboard_sim.learning.pool import Pool
from gboard_sim.learning.residuals import Kept
from gboard_sim.learning.verdict import Verdict
from gboard_sim.machine import MachineMeter
from gboard_sim.privacy.ledger import Ledger
from gboard_sim.runlog import served
from gboard_sim.runlog.directory import SCHEMA, RunDirectory
from gboard_sim.runlog.plain import plain
from gboard_sim.runlog.provenance import processor
from gboard_sim.world.world import World


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the learning half adds to a summary.

    Attributes:
        tokens: Token ids V.
        parameters: Number of parameters.
        on_wire: Numbers that an upload carries, the mean of those used; None where none was.
        parameters_sha256: Digest of the last version.
        totals: What was trained for it.
        residuals: What phones kept for error feedback at the end; None without it.
        verdict: Its last judgement.
        pool: Where it was trained.
        waited_s: Wall seconds that the fleet waited for the learner.
    """

    tokens: int
    parameters: int
    on_wire: float | None
    parameters_sha256: str
    totals: Totals
    residuals: Kept | None
    verdict: Verdict
    pool: Pool
    waited_s: float


def summarise(
    directory: RunDirectory,
    made: World,
    meter: MachineMeter,
    fleet: Mapping[str, Any],
    learnt: Learnt | None,
    ledger: Ledger | None,
) -> dict[str, Any]:
    """The summary; what was not learned or claimed is null.

    Args:
        directory: Of the run.
        made: What the experiment names.
        meter: What the machine took.
        fleet: The figures of `fleet_figures`, or a whole summary of the same fleet.
        learnt: What was learned.
        ledger: What privacy took.
    """
    learned = {
        "schema": SCHEMA,
        "experiment": made.experiment.name,
        "seed": made.experiment.run.seed,
        "arm": made.experiment.run.arm,
        "protocol": made.experiment.protocol.kind,
        **_learning(made, learnt),
        **_on_phones(directory, learnt),
        **served.figures(directory),
    }
    claimed = {
        **_privacy(ledger, fleet["phones"]),
        "machine": _machine(made, meter, learnt),
    }
    of_fleet = {key: fleet[key] for key in fleet if key not in {*learned, *claimed}}
    summary: dict[str, Any] = plain({**learned, **of_fleet, **claimed})
    return summary


def _learning(made: World, learnt: Learnt | None) -> dict[str, Any]:
    source = made.experiment.text.source
    if learnt is None:
        return dict.fromkeys(LEARNED) | {"text_source": "made up", "model": made.spec.name}
    verdict, totals, kept = learnt.verdict, learnt.totals, learnt.residuals
    test = verdict.sets["test"].overall if "test" in verdict.sets else None
    baselines = verdict.baselines
    flop = made.flop_per_token(learnt.tokens)
    return {
        "text_source": source if source == "synthetic" else Path(source).name,
        "trainer": made.experiment.training.trainer,
        "model": made.spec.name,
        "model_parameters": learnt.parameters,
        "parameters_on_wire": learnt.on_wire,
        "wire_share": learnt.on_wire and learnt.on_wire / learnt.parameters,
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
        "residual_phones": None if kept is None else len(kept.phones),
        "residuals_evicted": None if kept is None else kept.evicted,
        "residuals_discarded": None if kept is None else kept.discarded,
        "trained_tokens": totals.trained_tokens,
        "training_flop": totals.trained_tokens * flop,
        "parameters_sha256": learnt.parameters_sha256,
    }


LEARNED = (
    "trainer",
    "model_parameters",
    "parameters_on_wire",
    "wire_share",
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
    "residual_phones",
    "residuals_evicted",
    "residuals_discarded",
    "trained_tokens",
    "training_flop",
    "parameters_sha256",
)
"""Keys that are null where nothing was learned."""


def _on_phones(directory: RunDirectory, learnt: Learnt | None) -> dict[str, Any]:
    if learnt is None:
        return {"phones_recall_at_3": None}
    table = directory.table("evaluations", ("version", "set", "group", "recall_at_3"))
    judged = pc.and_(pc.equal(table["set"], "phones"), pc.equal(table["group"], "all"))
    rows = table.filter(judged).sort_by("version")
    return {
        "phones_recall_at_3": rows["recall_at_3"][-1].as_py() if rows.num_rows else None,
    }


def _privacy(ledger: Ledger | None, phones: int) -> dict[str, Any]:
    claim = ledger and ledger.claim
    return {
        "epsilon_policy": ledger and ledger.epsilon_policy(),
        "epsilon_realised": ledger and ledger.epsilon_realised(),
        "epsilon_extrapolated": claim and claim.epsilon_extrapolated,
        "privacy_extrapolated": claim and claim.extrapolated and str(claim.extrapolated),
        "privacy_unit": claim and claim.unit,
        "privacy_relation": claim and claim.relation,
        "privacy_delta": claim and claim.delta,
        "privacy_trusted": claim and claim.trusted,
        "secure_aggregation_bytes": _unmasked(ledger),
        "privacy_warnings": list(claim.warnings(phones)) if claim else [],
    }


def _unmasked(ledger: Ledger | None) -> dict[str, int] | None:
    """Bytes of the sums that came from under masks; None where none did."""
    sums = [event.unmasked for event in (ledger and ledger.events) or () if event.unmasked]
    if not sums:
        return None
    return {
        "uplink": sum(each.uplink_bytes for each in sums),
        "downlink": sum(each.downlink_bytes for each in sums),
        "uplink_lost": sum(each.lost_uplink_bytes for each in sums),
        "downlink_lost": sum(each.lost_downlink_bytes for each in sums),
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

"""The tables of a run directory: their columns and types, in one place.

Names carry units; `sessions` has the columns of `records.Sessions`, `cohorts` one row per upload
with its stints nested, `dropouts` one per attempt that no version used, by the version that was
made next, `answers` what the learner told the fleet. `evaluations` has one row for
each version, set of users and group within it: `recall_at_k` counts out-of-vocabulary targets as
misses and never shows `<unk>` (the Gboard rule), `accuracy_tff` leaves out-of-vocabulary targets
out, `accuracy_fedjax` keeps them as errors and bars special symbols from the prediction. Its set
`phones` is what phones reported of their own held-out text. `installed` has the phones of each
installed version, hour by hour; version -1 is none.
"""

from collections.abc import Mapping
from dataclasses import fields

import pyarrow as pa

from gboard_sim.seam.records import Sessions

_SESSIONS = pa.schema(
    [
        (column.name, pa.string() if column.name in ("task", "shape") else kind)
        for column in fields(Sessions)
        for kind in [
            pa.float64()
            if column.name.endswith(("_s", "_j"))
            else pa.bool_()
            if column.name == "left_phone"
            else pa.int64()
        ]
    ]
)
_WORK = pa.struct(
    [
        ("epochs", pa.int64()),
        ("steps", pa.int64()),
        ("batch_size", pa.int64()),
        ("learning_rate", pa.float64()),
        ("cap", pa.int64()),
    ]
)
_STINT = pa.struct(
    [
        ("phone", pa.int64()),
        ("nth", pa.int64()),
        ("version", pa.int64()),
        ("local", _WORK),
        ("rows", pa.list_(pa.int64(), 2)),
        ("tokens", pa.int64()),
        ("began_s", pa.float64()),
        ("ended_s", pa.float64()),
    ]
)
_COHORTS = pa.schema(
    [
        ("makes_version", pa.int64()),
        ("task", pa.string()),
        ("closed_s", pa.float64()),
        ("oldest_version", pa.int64()),
        ("weight", pa.float64()),
        ("session", pa.int64()),
        ("phone", pa.int64()),
        ("nth", pa.int64()),
        ("stints", pa.list_(_STINT)),
        ("payload_bytes", pa.int64()),
        ("sent_s", pa.float64()),
        ("arrived_s", pa.float64()),
    ]
)
_DROPOUTS = pa.schema(
    [
        ("makes_version", pa.int64()),
        ("session", pa.int64()),
        ("phone", pa.int64()),
        ("stints", pa.list_(_STINT)),
        ("shape", pa.string()),
        ("at_s", pa.float64()),
    ]
)
_ANSWERS = pa.schema(
    [
        ("version", pa.int64()),
        ("stop", pa.string()),
        ("local", pa.list_(_WORK)),
        ("metrics", pa.string()),
        ("session", pa.int64()),
        ("payload_bytes", pa.int64()),
        ("norm", pa.float64()),
        ("sign_agreement", pa.float64()),
        ("utility", pa.list_(pa.struct([("phone", pa.int64()), ("score", pa.float64())]))),
    ]
)
_VERSIONS = pa.schema(
    [
        ("version", pa.int64()),
        ("closed_s", pa.float64()),
        ("uploads", pa.int64()),
        ("staleness_mean", pa.float64()),
        ("staleness_max", pa.int64()),
        ("stints", pa.int64()),
        ("trained_tokens", pa.int64()),
        ("loss", pa.float64()),
        ("update_norm", pa.float64()),
    ]
)
_EVALUATIONS = pa.schema(
    [
        ("version", pa.int64()),
        ("set", pa.string()),
        ("group", pa.string()),
        ("positions", pa.int64()),
        ("recall_at_1", pa.float64()),
        ("recall_at_3", pa.float64()),
        ("accuracy_tff", pa.float64()),
        ("accuracy_fedjax", pa.float64()),
        ("perplexity", pa.float64()),
        ("perplexity_in_vocabulary", pa.float64()),
        ("oov_share", pa.float64()),
    ]
)
_INSTALLED = pa.schema([("at_s", pa.float64()), ("version", pa.int64()), ("phones", pa.int64())])
SCHEMAS: Mapping[str, pa.Schema] = {
    "sessions": _SESSIONS,
    "cohorts": _COHORTS,
    "dropouts": _DROPOUTS,
    "answers": _ANSWERS,
    "versions": _VERSIONS,
    "evaluations": _EVALUATIONS,
    "installed": _INSTALLED,
}

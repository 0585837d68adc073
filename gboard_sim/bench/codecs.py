"""`gboard-sim bench codecs`: what a codec costs on one core, and what it saves and loses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, Literal

import numpy as np

from gboard_sim.communication.codecs import CODECS, Modular, build
from gboard_sim.seam.records import Vector
from gboard_sim.seeds import stream
from gboard_sim.units import FLOAT32_BYTES

PARAMETERS = 1_412_250
"""Of the model `gboard-cifg` (Hard et al., 2018)."""

QUICK_PARAMETERS = 100_000

SEED = 1
WARM_UP = 1
"""Repeats that are not counted."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A codec with its options, as `[codec]` has them."""

    name: str
    options: Mapping[str, Any]
    lossless: Literal["none", "zstd"] = "none"

    def __str__(self) -> str:
        given = [f"{key}={value}" for key, value in self.options.items()]
        return " ".join([self.name, *given, *([self.lossless] if self.lossless != "none" else [])])


SETTINGS = (
    Setting("fp32", {}),
    Setting("fp16", {}),
    *(Setting("k_level", {"bits": bits}) for bits in (8, 4, 2)),
    *(Setting("k_level", {"bits": bits, "rotate": True}) for bits in (8, 4, 2)),
    Setting("drive", {}),
    Setting("drive", {"block": 65536}),
    Setting("drive", {"share": 0.5}),
    Setting("drive", {"scale": "least_error"}),
    Setting("one_bit", {}),
    *(Setting("top_k", {"share": share}) for share in (0.1, 0.01, 0.001)),
    *(Setting("random_mask", {"share": share}) for share in (0.1, 0.01)),
    Setting("modular", {"bits": 16}),
    Setting("k_level", {"bits": 4}, "zstd"),
)
"""Every codec, as studies of them have it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One codec; milliseconds are medians over repeats, of one thread.

    Attributes:
        codec: Its name and options.
        parameters: Numbers in the update, drawn from a normal distribution; for `modular`, whole
            ones drawn evenly from all that it has.
        runs: Repeats.
        encode_ms: Making the payload, checksum included.
        decode_ms: Checking and reading it.
        both_ms: The two together.
        least_ms: The fastest repeat of the two together: what a busy machine takes away least from.
        payload_bytes: The payload's size, header included.
        bits_per_parameter: Its bits over the numbers in it.
        times_smaller: What the numbers take in float32 over the payload.
        nmse: Squared error of what is read over the update's square, mean over repeats.
    """

    codec: str
    parameters: int
    runs: int
    encode_ms: float
    decode_ms: float
    both_ms: float
    least_ms: float
    payload_bytes: int
    bits_per_parameter: float
    times_smaller: float
    nmse: float


def rows(*, repeats: int, quick: bool, tell: Callable[[str], None]) -> list[Row]:
    """Time every codec on one update.

    Args:
        repeats: Times that each is timed.
        quick: A small update.
        tell: Told what is under way.
    """
    assert {setting.name for setting in SETTINGS} == set(CODECS)
    count = QUICK_PARAMETERS if quick else PARAMETERS
    update = stream(SEED, "bench-codecs").normal(size=count).astype(np.float32)
    found = []
    for setting in SETTINGS:
        tell(str(setting))
        found.append(_row(setting, update, repeats))
    return found


def _row(setting: Setting, update: Vector, repeats: int) -> Row:
    """Time one codec."""
    codec = build(setting.name, SEED, setting.options, lossless=setting.lossless)
    if isinstance(codec, Modular):
        whole = stream(SEED, "bench-codecs").integers(0, 2**codec.bits, len(update))
        update = whole.astype(np.float32)
    encode_s, decode_s, errors = [], [], []
    for nth in range(repeats + WARM_UP):
        began = perf_counter()
        payload = codec.encode(update, 0, nth)
        encoded = perf_counter()
        received = codec.decode(payload)
        decoded = perf_counter()
        encode_s.append(encoded - began)
        decode_s.append(decoded - encoded)
        errors.append(float(np.square(received - update, dtype=np.float64).sum()))
    counted = slice(WARM_UP, None)
    both_s = [a + b for a, b in zip(encode_s[counted], decode_s[counted], strict=True)]
    return Row(
        codec=str(setting),
        parameters=len(update),
        runs=repeats,
        encode_ms=1e3 * median(encode_s[counted]),
        decode_ms=1e3 * median(decode_s[counted]),
        both_ms=1e3 * median(both_s),
        least_ms=1e3 * min(both_s),
        payload_bytes=len(payload),
        bits_per_parameter=8 * len(payload) / len(update),
        times_smaller=FLOAT32_BYTES * len(update) / len(payload),
        nmse=float(np.mean(errors) / np.square(update, dtype=np.float64).sum()),
    )

"""Which schedule, codec and mechanism compose, and with which weights: the one table.

Every combination stands in exactly one entry. One that no entry names is refused, so that a new
schedule or codec composes with nothing until somebody has thought about it. A new mechanism does
as those whose noise is added in the same place (`gboard_sim.experiment.mechanisms`).
"""

from dataclasses import dataclass
from typing import Literal

from gboard_sim.errors import IncompatibleError
from gboard_sim.experiment.mechanisms import at

Weights = Literal["examples", "tokens", "uniform"]
"""What an upload counts for in the server's mean."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Every combination of the schedules, codecs and mechanisms that it names.

    Attributes:
        schedules: Their names.
        codecs: Their names.
        mechanisms: Their names.
        weights: The weights with which they compose; none means that they never do.
        reason: Why nothing else is allowed; empty where everything is.
    """

    schedules: tuple[str, ...]
    codecs: tuple[str, ...]
    mechanisms: tuple[str, ...]
    weights: tuple[Weights, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination; attributes as in `Entry`."""

    schedule: str
    codec: str
    mechanism: str
    weights: tuple[Weights, ...]
    reason: str


_CODECS = ("fp32", "fp16", "k_level", "drive", "one_bit", "top_k", "random_mask")
"""Codecs that act on each update alone, whatever noise it carries. What they draw at random follows
from seeds and counts that are public, and so does their size from the number of parameters; behind
the lossless stage it follows from the update that carries its noise."""

_PUBLIC = (
    "fixed",
    "every_kth",
    "data_budget",
    "post_local",
    "linear_growth",
    "decreasing",
    "quadratic",
)
"""Schedules that follow from the version and the phone's own count alone."""

_TRIGGERED = ("norm_triggered", "lazy", "cmfl")
"""Schedules that look at an update before it is sent."""

_PRIVATE = (*at("phones"), *at("server"))
"""Mechanisms under a claim, with which nothing may leave a phone that the claim does not cover."""

_IN_SUMS = at("shares")
"""Mechanisms whose noise is shared out among the phones, so that only sums may be seen."""

_UNCOVERED = (
    "weights by examples or tokens need each phone's count, which would leave the phone without "
    "noise; set server.weights to uniform"
)
_FOLLOWS_LOSS = (
    "adacomm follows the phones' training loss, which would leave them without noise; set "
    "schedule.name to one that follows from the version"
)
_FOLLOWS_NORM = (
    "whether a phone sends follows from its text, so that its silence would leave it without "
    "noise; set schedule.name to one that follows from the version"
)

ENTRIES = (
    Entry(
        schedules=(*_PUBLIC, "adacomm", *_TRIGGERED),
        codecs=_CODECS,
        mechanisms=("none",),
        weights=("examples", "tokens", "uniform"),
    ),
    # Whether and when a phone takes part counts as public (`privacy.claim.PUBLIC`), and no schedule
    # here looks at weights. Local noise is on an update before any codec; where a server is trusted
    # it clips again what it decodes, so that a codec may lengthen an update.
    Entry(
        schedules=_PUBLIC,
        codecs=_CODECS,
        mechanisms=_PRIVATE,
        weights=("uniform",),
        reason=_UNCOVERED,
    ),
    Entry(
        schedules=("adacomm",),
        codecs=_CODECS,
        mechanisms=_PRIVATE,
        weights=(),
        reason=_FOLLOWS_LOSS,
    ),
    Entry(
        schedules=_TRIGGERED,
        codecs=_CODECS,
        mechanisms=_PRIVATE,
        weights=(),
        reason=_FOLLOWS_NORM,
    ),
    # Sums modulo 2^bits are sums of updates only where every payload is whole numbers on one scale.
    Entry(
        schedules=_PUBLIC,
        codecs=("modular",),
        mechanisms=_IN_SUMS,
        weights=("uniform",),
        reason=_UNCOVERED,
    ),
    Entry(
        schedules=("adacomm",),
        codecs=("modular",),
        mechanisms=_IN_SUMS,
        weights=(),
        reason=_FOLLOWS_LOSS,
    ),
    Entry(
        schedules=_TRIGGERED,
        codecs=("modular",),
        mechanisms=_IN_SUMS,
        weights=(),
        reason=_FOLLOWS_NORM,
    ),
    Entry(
        schedules=(*_PUBLIC, "adacomm", *_TRIGGERED),
        codecs=_CODECS,
        mechanisms=_IN_SUMS,
        weights=(),
        reason="masks cancel in sums of whole numbers modulo 2^bits, which this codec does not "
        "send; set codec.name to modular",
    ),
    Entry(
        schedules=(*_PUBLIC, "adacomm", *_TRIGGERED),
        codecs=("modular",),
        mechanisms=("none", *_PRIVATE),
        weights=(),
        reason="modular sends whole numbers modulo 2^bits, into which only distributed mechanisms "
        "scale and round an update; set codec.name to k_level for numbers of few bits",
    ),
)


ERROR_FEEDBACK = ("none",)
"""Mechanisms with which phones may keep what a codec left out of their payloads."""

ERROR_FEEDBACK_REASON = (
    "a residual carries what earlier text left out of a payload into a later one, outside the clip "
    "that the claim counts on; set codec.error_feedback to false"
)

TYPED_ROWS = ("none",)
"""Mechanisms with which phones may send the rows of words that they typed, and no others."""

TYPED_ROWS_REASON = (
    "which rows a phone sends tells which words it typed, and so does their number, without noise; "
    "set training.word_rows to all or frozen"
)


ALONE = {
    "codec.error_feedback = true": (ERROR_FEEDBACK, ERROR_FEEDBACK_REASON),
    "training.word_rows = 'typed'": (TYPED_ROWS, TYPED_ROWS_REASON),
}
"""Choices beside the table's, each with the mechanisms with which alone it composes."""


def table() -> tuple[Cell, ...]:
    """Every combination that has an entry, by mechanism, schedule and codec."""
    return tuple(
        Cell(schedule, codec, mechanism, entry.weights, entry.reason)
        for entry in ENTRIES
        for mechanism in entry.mechanisms
        for schedule in entry.schedules
        for codec in entry.codecs
    )


def check(
    schedule: str,
    codec: str,
    mechanism: str,
    *,
    weights: str,
    error_feedback: bool = False,
    word_rows: str = "all",
) -> None:
    """Lets a combination pass that composes.

    Args:
        schedule: Name of the schedule.
        codec: Name of the codec.
        mechanism: Name of the mechanism.
        weights: What an upload counts for: `examples`, `tokens` or `uniform`.
        error_feedback: Whether phones keep what the codec left out.
        word_rows: The rows of words that phones send: `all`, `typed` or `frozen` for none.

    Raises:
        IncompatibleError: It does not compose; the message gives the reason.
    """
    asked = f"schedule {schedule!r}, codec {codec!r}, mechanism {mechanism!r}"
    for cell in table():
        if (cell.schedule, cell.codec, cell.mechanism) == (schedule, codec, mechanism):
            if weights not in cell.weights:
                raise IncompatibleError(
                    f"{asked} and weights {weights!r} cannot compose: {cell.reason}"
                    if cell.reason
                    else f"weights {weights!r}: must be one of {', '.join(cell.weights)}"
                )
            if error_feedback and mechanism not in ERROR_FEEDBACK:
                raise IncompatibleError(
                    f"{asked} and error feedback cannot compose: {ERROR_FEEDBACK_REASON}"
                )
            if word_rows == "typed" and mechanism not in TYPED_ROWS:
                raise IncompatibleError(
                    f"{asked} and word_rows 'typed' cannot compose: {TYPED_ROWS_REASON}"
                )
            return
    raise IncompatibleError(
        f"{asked}: not in the table of what composes; hint: gboard-sim list compatibility"
    )

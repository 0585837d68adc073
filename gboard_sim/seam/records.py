"""The seam: every record that passes between the fleet and the learning half.

The fleet knows who, when, how long, how many bytes and joules; the learner knows what was learned.
They meet only here. Times are seconds since the experiment's start; sizes are bytes; a *version* is
the number of server steps before it, so version 0 is the model that the server started from. Two
records have files of their own: `typing_record.Typing` and `privacy_event.PrivacyEvent`.

```
 fleet (simpy, numpy)                                      learning (onnxruntime, torch)
 ──────────────────────                                    ─────────────────────────────
                        <── Typing ───────────────────────  who typed how much, when
 selection, sessions    ──> expect(Attempt...) ──────────>  may train ahead
                        ──> measure(Attempt) ────────────>
                        <── Measure ──────────────────────  only what timing depends on
 a cohort closes        ──> step(Cohort) ────────────────>  trains what the server will use
 the next plan          <── outcome(version) -> Outcome ──  local work, metrics, stop
```
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from gboard_sim.seam.privacy_event import PrivacyEvent

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Vector = npt.NDArray[np.float32]
"""Flat float32 parameters, or an update of them. Shape [P]."""

Task = Literal["train", "evaluate", "install"]
Answer = Literal["bytes", "send", "local", "utility", "stop"]


@dataclass(frozen=True, slots=True)
class LocalWork:
    """What one stint of local training does.

    Attributes:
        epochs: Passes over the cached rows; exclusive with `steps`.
        steps: SGD steps H, cycling over the shuffled rows as often as needed.
        batch_size: Rows (messages) in an SGD step.
        learning_rate: The SGD step size on the phone.
        cap: Most rows that a stint may use, the newest first; None is no cap.
    """

    epochs: int | None
    steps: int | None
    batch_size: int
    learning_rate: float
    cap: int | None = None

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError(f"one of epochs(={self.epochs}) and steps(={self.steps}) must be set")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the server asks of the phones that it selects.

    Attributes:
        task: `train`, `evaluate` (weights never uploaded) or `install`.
        version: The version that the plan hands out.
        local: The local work of each phone class, in the fleet's order of classes.
        flop_per_token: Floating-point operations to train on one token.
        deadline_s: Seconds from configuration until the round stops waiting.
    """

    task: Task
    version: int
    local: tuple[LocalWork, ...]
    flop_per_token: float
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Stint:
    """One stretch of local training on one phone, sent or not.

    Attributes:
        phone: The phone.
        nth: The phone's own count of stints before this one: keys its shuffling.
        version: The version that it trained on from: its cycle's first, or with a schedule that
            rebases the newest.
        local: The work that was done.
        rows: First and last-plus-one row of `Typing` that the cache held.
        tokens: Tokens trained on.
        began_s: Start of training.
        ended_s: End of training.
    """

    phone: int
    nth: int
    version: int
    local: LocalWork
    rows: tuple[int, int]
    tokens: int
    began_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """A phone about to upload: the hint from which a learner may train ahead.

    Attributes:
        session: Number of the session in the session log.
        phone: The phone.
        nth: The phone's own count of payloads before this one: keys its privacy noise.
        stints: All training since its last accepted upload. Where their versions differ, what was
            trained before is carried onto each version in turn; the last one is the base.
    """

    session: int
    phone: int
    nth: int
    stints: tuple[Stint, ...]

    @property
    def base(self) -> int:
        """The version that the update is measured from."""
        return self.stints[-1].version

    @property
    def tokens(self) -> int:
        """Tokens that its stints train on."""
        return sum(stint.tokens for stint in self.stints)


@dataclass(frozen=True, slots=True)
class Upload(Attempt):
    """An update that the server accepted: every byte arrived in time.

    Attributes:
        payload_bytes: Size of the encoded update, header included.
        sent_s: When the phone began to send.
        arrived_s: When the last byte reached the server.
    """

    payload_bytes: int
    sent_s: float
    arrived_s: float


@dataclass(frozen=True, slots=True)
class Dropout:
    """An attempt whose work the server will not use.

    Attributes:
        session: Number of the session.
        phone: The phone.
        stints: The training that was lost, or kept for a retry.
        shape: How the session went, such as `-v[!`.
        at_s: When it ended.
    """

    session: int
    phone: int
    stints: tuple[Stint, ...]
    shape: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Sessions:
    """A block of finished sessions, one column per attribute, each of shape [n].

    The alphabet of `shape` is that of Bonawitz et al. (MLSys 2019, table 1): `-` check-in accepted,
    `v` plan and model downloaded, `[` training begun, `]` training done, `+` upload begun, `^`
    upload used, `#` upload rejected, `!` interrupted, `*` error; an upload that arrived and failed
    its checksum is `+*#`.

    Attributes:
        session: Number of the session, counted from 0 in order of logging.
        phone: The phone.
        phone_class: Index of its class in the fleet.
        task: `train`, `evaluate` or `install`.
        shape: The session's shape.
        version: Version the server was at when the session began.
        base: Version that the phone's weights started from.
        began_s: Check-in, or start of the window's work where there was no check-in.
        ended_s: End of the session.
        wait_s: Seconds between check-in and configuration.
        download_s: Seconds of download.
        train_s: Seconds of training.
        upload_s: Seconds of upload.
        paused_s: Seconds between windows in which a session that outlived its window stood still.
        download_bytes: Bytes that reached the phone.
        upload_bytes: Bytes that left the phone, the payload and what was sent of a broken one.
        tokens: Tokens that the phone computed on.
        download_j: Joules of the download, central estimate.
        train_j: Joules of training.
        upload_j: Joules of the upload.
        energy_j: Joules of the session, central; `energy_low_j` and `energy_high_j` bound it.
        left_phone: Whether any payload byte left the phone: what local privacy composes over.
        used_in: The version that the upload became part of, or -1. An upload that waits in a buffer
            when the run ends has the version that the buffer would have made.
    """

    session: Ints
    phone: Ints
    phone_class: Ints
    task: npt.NDArray[np.str_]
    shape: npt.NDArray[np.str_]
    version: Ints
    base: Ints
    began_s: Floats
    ended_s: Floats
    wait_s: Floats
    download_s: Floats
    train_s: Floats
    upload_s: Floats
    paused_s: Floats
    download_bytes: Ints
    upload_bytes: Ints
    tokens: Ints
    download_j: Floats
    train_j: Floats
    upload_j: Floats
    energy_j: Floats
    energy_low_j: Floats
    energy_high_j: Floats
    left_phone: Flags
    used_in: Ints


@dataclass(frozen=True, slots=True)
class Cohort:
    """The uploads that one server step uses, or the reports of one evaluation.

    Attributes:
        task: What the uploads carry: updates, or with `evaluate` each phone's metrics.
        makes_version: The version that this step makes; with `evaluate` the one that was judged.
        closed_s: When the round or the buffer closed.
        uploads: In phone order; from the fleet they come as columns (`uploads.Uploads`).
        weights: One per upload, positive, not normalised.
        oldest_version: No later upload will start from a version before this one, so older
            snapshots may go.
        dropouts: Attempts since the last cohort that the server will not use.
        selected: Phones that were configured together, of which those of the uploads are the ones
            that were used; 0 where phones are not configured together.
    """

    task: Task
    makes_version: int
    closed_s: float
    uploads: Sequence[Upload]
    weights: tuple[float, ...]
    oldest_version: int
    dropouts: Sequence[Dropout] = ()
    selected: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """What the fleet may need of an attempt before it is sent; None where nobody asked.

    Attributes:
        payload_bytes: Size of the encoded update (codecs of measured size).
        norm: L2 norm of the update (event-triggered schedules).
        sign_agreement: Share of signs equal to the last global update's (CMFL).
        utility: What a utility selector scores phones by.
    """

    payload_bytes: int | None = None
    norm: float | None = None
    sign_agreement: float | None = None
    utility: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the server knows after a step.

    Attributes:
        version: The version that the step made.
        local: The next local work per phone class where a schedule adapts it, else None.
        metrics: Training loss and, where it was evaluated, recall and the rest.
        utility: Score per phone for utility selectors, else None.
        stop: Why the run should stop, else None.
        privacy: The mechanisms that ran in the step.
    """

    version: int
    local: tuple[LocalWork, ...] | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    utility: Mapping[int, float] | None = None
    stop: str | None = None
    privacy: tuple[PrivacyEvent, ...] = ()

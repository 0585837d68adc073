"""The end of a run of the fleet: why it came, and what it had come to."""

from dataclasses import dataclass, field

from gboard_sim.seam.records import Floats, Ints


@dataclass(frozen=True, slots=True)
class FleetEnd:
    """What a run of the fleet came to.

    Attributes:
        stop_reason: `days`, `versions`, `budget:<name>`, or the learner's own reason.
        ended_s: When it ended.
        versions: Server steps.
        rounds: Cohorts closed with a version.
        abandoned: Rounds that too few uploads reached in time.
        checkins: Check-ins, rejected ones included.
        evaluations: Versions that phones judged.
        rejected: Check-ins that were turned away. They cost no bytes and no joules here: no
            published figure for a check-in was found.
        turned_away: Those of them that came when phones were wanted: a bound or a limit of the
            phone's own kept it away.
        cycles_abandoned: Cycles that started over because their base was too old.
        sessions: Sessions logged.
        participations: Uploads of each phone that became part of a version, or of a buffer that was
            not full at the end. Shape [phones].
        payloads: Payloads of which any byte left each phone. Shape [phones].
        download_bytes: Bytes that reached each phone, installs included. Shape [phones].
        install_bytes: Bytes that installs of unselected phones moved.
        installs: Completed installs of unselected phones.
        upload_bytes: Bytes that left each phone. Shape [phones].
        energy_j: Joules of each phone: low, central, high. Shape [3, phones].
        first_eligible_s: When each phone was first eligible; infinite where it never was.
            Shape [phones].
        eligible_by_hour: Mean number of eligible phones in each simulated hour. Shape [hours].
        eligible_by_local_hour: Mean number of eligible phones in each hour of their own day.
            Shape [24].
        participants_by_hour: Configured sessions by the hour of their check-in. Shape [hours].
    """

    stop_reason: str
    ended_s: float
    versions: int
    rounds: int
    abandoned: int
    evaluations: int
    checkins: int
    rejected: int
    turned_away: int
    cycles_abandoned: int
    sessions: int
    participations: Ints = field(repr=False)
    payloads: Ints = field(repr=False)
    download_bytes: Ints = field(repr=False)
    install_bytes: int
    installs: int
    upload_bytes: Ints = field(repr=False)
    energy_j: Floats = field(repr=False)
    first_eligible_s: Floats = field(repr=False)
    eligible_by_hour: Floats = field(repr=False)
    eligible_by_local_hour: Floats = field(repr=False)
    participants_by_hour: Ints = field(repr=False)

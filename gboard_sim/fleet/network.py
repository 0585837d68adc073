"""A kind of network: how fast phones on it send and receive, and what goes wrong on the way."""

from dataclasses import dataclass
from math import log1p, sqrt

from gboard_sim.errors import CatalogueError
from gboard_sim.fleet.entry import Entry, Read

KIND = "devices/networks"

_MOST_LOSS = 0.5  # more is no link that anything is sent over (assumed)
_MOST_CV = 10.0  # FLASH's users have about 0.4 (assumed)
_MOST_RETRIES = 1000  # more is a slip (assumed)
_AFTER_AN_ERROR = ("restart", "resume")


@dataclass(frozen=True, slots=True)
class Network:
    """Unmetered links of one kind; each phone has a rate of its own, lognormal over phones.

    Rates are those of the link, retransmissions included: of what it carries, `loss_share` is lost
    and sent again, so B bytes are B / (1 - loss_share) on the wire. That senders slow down after a
    loss is in the rates already, which were measured over TCP (assumed).

    Attributes:
        name: Its name in `devices/networks/`.
        title: One line for the reader.
        down_mbit_per_s_median: Median download rate over phones.
        up_mbit_per_s_median: Median upload rate over phones.
        sigma: Standard deviation of the logarithm of either rate, over phones.
        correlation: Correlation of the logarithms of a phone's two rates.
        floor_mbit_per_s: Slowest rate of a phone, before its hours vary.
        ceiling_mbit_per_s: Fastest rate of a phone, before its hours vary.
        down_hourly_cv: Coefficient of variation of a phone's download rate over its hours.
        up_hourly_cv: The same of its upload rate.
        round_trip_s: Time that passes before the first byte of a transfer, at every attempt.
        loss_share: Share of the packets that are lost and sent again.
        failure_share: Probability that one attempt at a transfer breaks.
        retries: How often a broken transfer is tried again before it ends the session.
        retry_wait_s: Wait before each of those.
        transfer: Whether a transfer that broke goes on where it broke (`resume`) or from its first
            byte (`restart`).
    """

    name: str
    title: str
    down_mbit_per_s_median: float
    up_mbit_per_s_median: float
    sigma: float
    correlation: float
    floor_mbit_per_s: float
    ceiling_mbit_per_s: float
    down_hourly_cv: float
    up_hourly_cv: float
    round_trip_s: float
    loss_share: float
    failure_share: float
    retries: int
    retry_wait_s: float
    transfer: str

    @property
    def down_hourly_sigma(self) -> float:
        """Standard deviation of the logarithm of a phone's download rate over its hours."""
        return sqrt(log1p(self.down_hourly_cv**2))

    @property
    def up_hourly_sigma(self) -> float:
        """The same of its upload rate."""
        return sqrt(log1p(self.up_hourly_cv**2))


def load(name: str, read: Read) -> Network:
    """The network of that name. Raises CatalogueError on a malformed entry."""
    entry = Entry(KIND, name, read)
    retries = entry.number("retries", most=_MOST_RETRIES)
    transfer = entry.text("transfer")
    network = Network(
        name=name,
        title=entry.text("title"),
        down_mbit_per_s_median=entry.positive("down_mbit_per_s_median"),
        up_mbit_per_s_median=entry.positive("up_mbit_per_s_median"),
        sigma=entry.number("sigma"),
        correlation=entry.number("correlation", least=-1.0, most=1.0),
        floor_mbit_per_s=entry.positive("floor_mbit_per_s"),
        ceiling_mbit_per_s=entry.positive("ceiling_mbit_per_s"),
        down_hourly_cv=entry.number("down_hourly_cv", most=_MOST_CV),
        up_hourly_cv=entry.number("up_hourly_cv", most=_MOST_CV),
        round_trip_s=entry.number("round_trip_s"),
        loss_share=entry.number("loss_share", most=_MOST_LOSS),
        failure_share=entry.share("failure_share"),
        retries=int(retries),
        retry_wait_s=entry.number("retry_wait_s"),
        transfer=transfer,
    )
    entry.finish()
    if retries != network.retries:
        raise CatalogueError(
            f"{entry.file}: retries = {retries:g} is not allowed: must be a whole number"
        )
    if transfer not in _AFTER_AN_ERROR:
        raise CatalogueError(
            f"{entry.file}: transfer = {transfer!r} is not allowed: must be one of "
            f"{', '.join(_AFTER_AN_ERROR)}"
        )
    if network.floor_mbit_per_s > network.ceiling_mbit_per_s:
        raise CatalogueError(
            f"{entry.file}: floor_mbit_per_s = {network.floor_mbit_per_s} is not allowed: must be "
            f"at most ceiling_mbit_per_s = {network.ceiling_mbit_per_s}"
        )
    return network

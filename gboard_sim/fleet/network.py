"""A kind of network: how fast phones on it send and receive, and how often a transfer fails."""

from dataclasses import dataclass

from gboard_sim.errors import CatalogueError
from gboard_sim.fleet.entry import Entry, Read

KIND = "devices/networks"


@dataclass(frozen=True, slots=True)
class Network:
    """Unmetered links of one kind; each phone has a rate of its own, lognormal over phones.

    Attributes:
        name: Its name in `devices/networks/`.
        title: One line for the reader.
        down_mbit_per_s_median: Median download rate over phones.
        up_mbit_per_s_median: Median upload rate over phones.
        sigma: Standard deviation of the logarithm of either rate.
        correlation: Correlation of the logarithms of a phone's two rates.
        floor_mbit_per_s: Slowest rate.
        ceiling_mbit_per_s: Fastest rate.
        failure_share: Probability that one transfer breaks.
    """

    name: str
    title: str
    down_mbit_per_s_median: float
    up_mbit_per_s_median: float
    sigma: float
    correlation: float
    floor_mbit_per_s: float
    ceiling_mbit_per_s: float
    failure_share: float


def load(name: str, read: Read) -> Network:
    """The network of that name. Raises CatalogueError on a malformed entry."""
    entry = Entry(KIND, name, read)
    network = Network(
        name=name,
        title=entry.text("title"),
        down_mbit_per_s_median=entry.positive("down_mbit_per_s_median"),
        up_mbit_per_s_median=entry.positive("up_mbit_per_s_median"),
        sigma=entry.number("sigma"),
        correlation=entry.number("correlation", least=-1.0, most=1.0),
        floor_mbit_per_s=entry.positive("floor_mbit_per_s"),
        ceiling_mbit_per_s=entry.positive("ceiling_mbit_per_s"),
        failure_share=entry.share("failure_share"),
    )
    entry.finish()
    if network.floor_mbit_per_s > network.ceiling_mbit_per_s:
        raise CatalogueError(
            f"{entry.file}: floor_mbit_per_s = {network.floor_mbit_per_s} is not allowed: must be "
            f"at most ceiling_mbit_per_s = {network.ceiling_mbit_per_s}"
        )
    return network

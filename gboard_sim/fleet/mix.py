"""A fleet's mix: which classes, networks, habits and time zones its phones come from."""

from dataclasses import dataclass

from gboard_sim.fleet import availability, network, phone_class
from gboard_sim.fleet.availability import Availability
from gboard_sim.fleet.entry import Entry, Read
from gboard_sim.fleet.network import Network
from gboard_sim.fleet.phone_class import PhoneClass

KIND = "devices/fleets"


@dataclass(frozen=True, slots=True)
class Mix:
    """What a fleet is drawn from; each list has its shares beside it, which sum to 1.

    Attributes:
        name: Its name in `devices/fleets/`.
        title: One line for the reader.
        classes: Phone classes; their order is the order of `Plan.local`.
        class_shares: Share of phones in each class.
        networks: Kinds of network.
        network_shares: Share of phones on each.
        profiles: Availability profiles.
        profile_shares: Share of phones with each.
        utc_offsets_h: Hours east of UTC of each time zone.
        zone_shares: Share of phones in each.
    """

    name: str
    title: str
    classes: tuple[PhoneClass, ...]
    class_shares: tuple[float, ...]
    networks: tuple[Network, ...]
    network_shares: tuple[float, ...]
    profiles: tuple[Availability, ...]
    profile_shares: tuple[float, ...]
    utc_offsets_h: tuple[float, ...]
    zone_shares: tuple[float, ...]


def load_fleet(name: str, read: Read) -> Mix:
    """The mix of that name with everything that it refers to.

    Args:
        name: A name from `devices/fleets/`.
        read: Gives the TOML data of an entry from its kind and name, as `catalogue.read` does.

    Raises:
        CatalogueError: An entry is missing or malformed; names the file, the key and the value.
    """
    entry = Entry(KIND, name, read)
    title = entry.text("title")
    classes = entry.shares("phones")
    networks = entry.shares("networks")
    profiles = entry.shares("availability")
    zones = entry.zones("time_zones")
    entry.finish()
    return Mix(
        name=name,
        title=title,
        classes=tuple(phone_class.load(key, read) for key in classes),
        class_shares=tuple(classes.values()),
        networks=tuple(network.load(key, read) for key in networks),
        network_shares=tuple(networks.values()),
        profiles=tuple(availability.load(key, read) for key in profiles),
        profile_shares=tuple(profiles.values()),
        utc_offsets_h=tuple(offset for offset, _ in zones.values()),
        zone_shares=tuple(share for _, share in zones.values()),
    )

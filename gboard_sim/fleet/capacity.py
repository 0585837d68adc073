"""What phones share: the server's links, and access points."""

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from gboard_sim.fleet.conditions import DOWNLOAD
from gboard_sim.fleet.population import Population
from gboard_sim.units import mbit_per_s

_SERVER_DOWN, _SERVER_UP, _FIRST_ACCESS_POINT = range(3)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much shared links carry; None is no limit.

    Attributes:
        server_down_mbit_per_s: All downloads together: what leaves the server.
        server_up_mbit_per_s: All uploads together: what enters the server.
        access_point_phones: Phones that share an access point, in the order of their numbers.
        access_point_mbit_per_s: What an access point carries, both ways together, as Wi-Fi does.
    """

    server_down_mbit_per_s: float | None = None
    server_up_mbit_per_s: float | None = None
    access_point_phones: int | None = None
    access_point_mbit_per_s: float | None = None

    @property
    def shared(self) -> bool:
        """Whether any link is shared."""
        limits = (
            self.server_down_mbit_per_s,
            self.server_up_mbit_per_s,
            self.access_point_mbit_per_s,
        )
        return any(limit is not None for limit in limits)

    def alone(self, population: Population) -> Population:
        """A population whose links are no faster than what they share with nobody else on it."""
        point = self.access_point_mbit_per_s
        down, up = (
            min((mbit_per_s(limit) for limit in (server, point) if limit is not None), default=inf)
            for server in (self.server_down_mbit_per_s, self.server_up_mbit_per_s)
        )
        return replace(
            population,
            down_bytes_per_s=np.minimum(population.down_bytes_per_s, down),
            up_bytes_per_s=np.minimum(population.up_bytes_per_s, up),
        )

    def route(self, phase: int, phone: int) -> tuple[int, ...]:
        """The shared links that a phone's download or upload passes."""
        down = phase == DOWNLOAD
        server = self.server_down_mbit_per_s if down else self.server_up_mbit_per_s
        links = [] if server is None else [_SERVER_DOWN if down else _SERVER_UP]
        if self.access_point_mbit_per_s is not None and self.access_point_phones is not None:
            links.append(_FIRST_ACCESS_POINT + phone // self.access_point_phones)
        return tuple(links)

    def bytes_per_s(self, link: int) -> float:
        """What a link of a route carries."""
        limit = {
            _SERVER_DOWN: self.server_down_mbit_per_s,
            _SERVER_UP: self.server_up_mbit_per_s,
        }.get(link, self.access_point_mbit_per_s)
        return inf if limit is None else mbit_per_s(limit)

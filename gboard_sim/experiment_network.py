"""The table of an experiment that is about links that phones share."""

from pydantic import model_validator

from gboard_sim.experiment_values import Count, Positive, Table


class Network(Table):
    """`[network]`: what all phones share, max-min fairly; None is no limit.

    Attributes:
        server_down_mbit_per_s: What the server sends: all downloads together.
        server_up_mbit_per_s: What the server receives: all uploads together.
        access_point_phones: Phones that share one access point; neighbours in the fleet's numbering
            do.
        access_point_mbit_per_s: What an access point carries, both ways together.
    """

    server_down_mbit_per_s: Positive | None = None
    server_up_mbit_per_s: Positive | None = None
    access_point_phones: Count | None = None
    access_point_mbit_per_s: Positive | None = None

    @property
    def limits(self) -> tuple[str, ...]:
        """The keys that limit a link."""
        keys = ("server_down_mbit_per_s", "server_up_mbit_per_s", "access_point_mbit_per_s")
        return tuple(key for key in keys if getattr(self, key) is not None)

    @model_validator(mode="after")
    def _points_have_both(self) -> "Network":
        phones, rate = self.access_point_phones, self.access_point_mbit_per_s
        if (phones is None) != (rate is None):
            raise ValueError(
                f"access_point_phones(={phones}) and access_point_mbit_per_s(={rate}) must be set "
                "together"
            )
        return self

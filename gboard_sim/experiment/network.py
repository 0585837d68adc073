"""The table of an experiment that is about links: what phones share of them, what they spoil."""

from typing import Annotated

from pydantic import Field, model_validator

from gboard_sim.experiment.values import Count, Positive, Table


class Network(Table):
    """`[network]`: what all phones share, max-min fairly; None is no limit. And what links spoil.

    Attributes:
        server_down_mbit_per_s: What the server sends: all downloads together.
        server_up_mbit_per_s: What the server receives: all uploads together.
        access_point_phones: Phones that share one access point; neighbours in the fleet's numbering
            do.
        access_point_mbit_per_s: What an access point carries, both ways together.
        corruption: Probability that a payload which arrived fails its checksum: it is paid for, and
            thrown away. Of packets, TCP's own checksum misses the errors of one in 16 million to
            one in 10 billion (J. Stone, C. Partridge, "When the CRC and TCP Checksum Disagree",
            SIGCOMM 2000): of the 3,900 packets of 5.65 MB, 4e-7 to 2.4e-4. None is the default
            (assumed), since what encrypts a connection finds nearly all of these.
    """

    server_down_mbit_per_s: Positive | None = None
    server_up_mbit_per_s: Positive | None = None
    access_point_phones: Count | None = None
    access_point_mbit_per_s: Positive | None = None
    corruption: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0

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

"""The claim of distributed noise: it composes over the sums that a phone's numbers are part of."""

from dataclasses import dataclass

from gboard_sim.privacy import distributed_accounting
from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.claim import PUBLIC, SAME_SIZE, Claim, Leaving
from gboard_sim.privacy.distributed_calibration import Aggregate, Calibration
from gboard_sim.privacy.mechanisms.distributed import Distributed


@dataclass(frozen=True, slots=True)
class NoisySums:
    """Each sum carries the noise of the honest shares in it.

    Attributes:
        noise: The mechanism's name.
        variance: Of the honest shares together, in whole numbers squared.
        norm: Largest L2 norm of a rounded update, in whole numbers.
        size: Numbers in a vector.
        honest: Fewest shares that nobody knows.
        delta: Probability with which the bound may fail.
    """

    noise: str
    variance: float
    norm: float
    size: int
    honest: int
    delta: float

    def row(self, version: int) -> float:
        """The shares in a sum have noise for that sum alone; see `claim.Accounting`."""
        return 1.0

    def epsilon(self, bounds: Bounds) -> float:
        """Of all sums that one phone takes part in; see `claim.Accounting`."""
        return distributed_accounting.epsilon(
            self.noise,
            variance=self.variance,
            norm=self.norm,
            size=self.size,
            shares=self.honest,
            sums=sums_of(bounds),
            delta=self.delta,
        )


def sums_of(bounds: Bounds) -> int:
    """Most sums that one phone's numbers are part of.

    Raises:
        ValueError: Nothing bounds them.
    """
    known = [bound for bound in (bounds.uses, bounds.uploads) if bound is not None]
    if not known:
        raise ValueError(
            "needs a bound on participation: set protocol.max_participations or run.versions"
        )
    return min(known)


def distributed_claim(
    *,
    kind: type[Distributed],
    made: Calibration,
    about: Aggregate,
    bounds: Bounds,
    clip: float,
    selected: int,
    colluders: int,
    carried_out: bool = False,
) -> Claim:
    """The claim of a calibrated mechanism.

    Args:
        kind: The mechanism.
        made: Its scale and noise.
        about: What a sum is made of.
        bounds: What selection enforces.
        clip: The L2 clip norm.
        selected: Phones that are selected together.
        colluders: Phones that may tell the server what they know.
        carried_out: Whether secure aggregation is, so that no party stands for it.
    """
    accounting = NoisySums(
        noise=kind.name,
        variance=made.share_variance * about.honest,
        norm=made.norm,
        size=about.size,
        honest=about.honest,
        delta=about.delta,
    )
    least = about.honest + colluders
    noise = (
        f"noised by shares of at least {about.honest} phones that do not collude with the server "
        f"to a deviation of {made.noise_multiplier:.6g} times that"
        if made.share_variance
        else "given no noise"
    )
    sums = f"{about.sums} sum" + ("s" if about.sums > 1 else "")
    masked = Leaving(
        "the update",
        "clipped, rounded, given a share of the noise and masked on the phone; secure aggregation "
        f"tells the server sums of at least {least} of the {selected} phones selected, of which at "
        f"most {colluders} may tell it what they know",
    )
    keys = Leaving(
        "keys and shares of secure aggregation", "drawn at random, whatever the phone's text says"
    )
    return Claim(
        mechanism=kind.name,
        epsilon_policy=made.epsilon,
        delta=about.delta,
        relation="zero-out",
        trusted="nobody" if carried_out else "aggregation",
        bounds=bounds,
        bounded=f"at most {sums} contain a phone's update",
        protected=f"each clipped to an L2 norm of {clip:g}, rounded to whole numbers modulo "
        f"2^{about.bits} (a sum wraps around with probability {made.wraps:.1g} at most), and "
        f"{noise}{kind.sampler}",
        noise_multiplier=made.noise_multiplier,
        accounting=accounting,
        leaves_phone=(masked, keys, SAME_SIZE, PUBLIC),
    )

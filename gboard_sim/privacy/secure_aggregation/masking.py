"""Secure aggregation carried out in a run, with phones whose secrets a seed decides."""

from dataclasses import dataclass

from gboard_sim import seeds
from gboard_sim.privacy.secure_aggregation.masked_sum import MaskedSum


@dataclass(frozen=True, slots=True)
class PairwiseMasks:
    """What every cohort of a run has in common.

    A phone has new secrets in each cohort. On a real phone they are its operating system's; here
    they can be drawn again, so that a run can be repeated, and no sum depends on them.

    Attributes:
        threshold: Phones that must send their numbers and stay to the end.
        bits: Of the ring.
        seed: The privacy seed.
    """

    threshold: int
    bits: int
    seed: int

    def begin(self, version: int, phones: int) -> MaskedSum:
        """The sum that makes `version`, of phones that were configured together.

        Raises:
            ValueError: They are fewer than `threshold`.
        """
        return MaskedSum(
            phones,
            self.threshold,
            self.bits,
            lambda place: seeds.stream(self.seed, "secrets", version, place).bytes,
        )

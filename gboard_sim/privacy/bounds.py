"""How often one phone takes part: at most so by the protocol, or in fact by the log."""

from dataclasses import dataclass

import numpy as np

from gboard_sim.seam.records import Flags, Ints

NEVER_AGAIN = 2**31 - 1
"""The separation of phones of which no upload was used twice: more versions than any run makes."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What holds for every phone in the whole run; None where nothing bounds it.

    Attributes:
        uploads: Most payloads of which any byte leaves the phone, used or not.
        participations: Most versions that use an upload of the phone.
        separation: Fewest versions between two of those: 1 allows consecutive ones.
        versions: Versions of the run.
    """

    uploads: int | None = None
    participations: int | None = None
    separation: int = 1
    versions: int | None = None

    @property
    def uses(self) -> int | None:
        """Most versions that can use an upload of one phone, all bounds together."""
        if self.versions is None:
            return self.participations
        apart = -(-self.versions // self.separation)
        return apart if self.participations is None else min(self.participations, apart)

    def broken_by(self, seen: "Bounds") -> str | None:
        """Why a log that shows `seen` did not keep these bounds, or None where it did."""
        if _more(seen.uploads, self.uploads):
            return f"{seen.uploads} payloads left one phone; the claim allows {self.uploads}"
        if _more(seen.participations, self.participations):
            return (
                f"{seen.participations} versions used an upload of one phone; the claim allows "
                f"{self.participations}"
            )
        if seen.separation < self.separation:
            return (
                f"two versions {seen.separation} apart used uploads of one phone; the claim needs "
                f"{self.separation}"
            )
        if _more(seen.versions, self.versions):
            return f"{seen.versions} versions were made; the claim allows {self.versions}"
        return None


def _more(seen: int | None, allowed: int | None) -> bool:
    return allowed is not None and (seen is None or seen > allowed)


def seen_in(
    *, session_phone: Ints, left_phone: Flags, used_phone: Ints, used_version: Ints, versions: int
) -> Bounds:
    """What a run's log shows of its busiest phones.

    Args:
        session_phone: The phone of each session. Shape [n].
        left_phone: Whether any payload byte left it. Shape [n].
        used_phone: The phone of each upload that a version used. Shape [m].
        used_version: That version. Shape [m].
        versions: Versions that the run made.
    """
    order = np.lexsort((used_version, used_phone))
    phone, version = used_phone[order], used_version[order]
    apart = np.diff(version)[np.diff(phone) == 0]
    return Bounds(
        uploads=int(np.bincount(session_phone[left_phone], minlength=1).max()),
        participations=int(np.bincount(used_phone, minlength=1).max()),
        separation=int(apart.min(initial=NEVER_AGAIN)),
        versions=versions,
    )

"""Upload in every k-th window only; in the others the phone trains on and sends nothing."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.seam.records import Flags, Ints, LocalWork


@dataclass(frozen=True, slots=True)
class EveryKth:
    """A cycle of k windows: one download, k stints from the phone's own weights, one upload.

    Windows 1 to k - 1 make no check-in. In window k the phone checks in; if its upload is accepted
    a new cycle starts, otherwise it keeps the stints that it finished, up to k, and tries again in
    the next window, until the version that it started from is more than `max_age` versions old;
    then it starts over. With k = 1 and `max_age` 0 it is the schedule `fixed`.

    With `rebase = "each_window"` the phone downloads the newest version in every window and carries
    its unsent update onto it: it trains on from the newest weights plus its own minus those that it
    held before. The update that it uploads is measured from the last version downloaded, and so are
    its staleness and `max_age`. Every window costs a download, those without a check-in too.

    With `trains = "last"` the phone rests in windows 1 to k - 1, and in window k downloads the
    newest version, trains once and uploads. These are the arms that tell what the other windows'
    training is worth: with the same H as many uploads and a k-th of the work; with k times the H
    the same work, in one window and from a newer version.

    Attributes:
        work: How much each class of phone trains in one window.
        k: Windows in a cycle.
        max_age: Versions for which a phone that was turned away, late or interrupted keeps its
            training; 0 keeps none, None has no limit. It limits retries, not a cycle's first
            upload, which may be older where windows are far apart.
        trains: In which windows of a cycle it trains: `all`, or the `last`.
        rebase: When a phone moves on to a newer version: `never` within a cycle, or `each_window`.
        name: Its name in experiment files.

    Raises:
        ValueError: A value is out of range, or a phone that rests is to move on.
    """

    name: ClassVar[str] = "every_kth"

    work: LocalPlan
    k: int = 1
    max_age: int | None = None
    trains: Literal["all", "last"] = "all"
    rebase: Literal["never", "each_window"] = "never"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k(={self.k}) must be at least 1 window")
        if self.max_age is not None and self.max_age < 0:
            raise ValueError(f"max_age(={self.max_age}) must be at least 0 versions")
        if self.trains not in ("all", "last"):
            raise ValueError(f"trains(={self.trains!r}) must be all or last")
        if self.rebase not in ("never", "each_window"):
            raise ValueError(f"rebase(={self.rebase!r}) must be never or each_window")
        if self.rests and self.rebases:
            raise ValueError(
                'rebase(="each_window") must be never where trains(="last"): a phone that rests '
                "carries nothing on"
            )

    @property
    def rests(self) -> bool:
        """Whether windows without an upload are spent without training."""
        return self.trains == "last"

    @property
    def rebases(self) -> bool:
        """Whether a phone moves on to the newest version in every window."""
        return self.rebase == "each_window"

    @property
    def keeps_unsent(self) -> bool:
        """Whether a phone that was turned away, late or interrupted keeps its training."""
        return self.max_age != 0

    def uploads(self, stints: Ints) -> Flags:
        """Whether the next window ends in an upload, given the windows of the cycle. Shape [n]."""
        return stints >= self.k - 1

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        return self.work.at(version)

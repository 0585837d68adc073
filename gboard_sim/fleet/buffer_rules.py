"""What an asynchronous server wants: its buffer, its concurrency, how stale uploads may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BufferRules:
    """How an asynchronous server works.

    Attributes:
        goal: Uploads in a full buffer, K.
        concurrency: Phones that are at work at any time.
        staleness_exponent: a; 0 weighs all alike (Nguyen et al. use 0.5).
        max_staleness: Staler uploads are rejected; None accepts all.
    """

    goal: int
    concurrency: int
    staleness_exponent: float = 0.5
    max_staleness: int | None = None

    @property
    def selected(self) -> int:
        """Phones that are wanted in the time that a buffer takes to fill."""
        return self.goal

"""Sessions with their inputs: as they were asked, and with what they came to."""

from dataclasses import dataclass

from gboard_sim.fleet.asked import Asked
from gboard_sim.fleet.pricing import Priced
from gboard_sim.seam.records import Ints, Task


@dataclass(frozen=True, slots=True)
class Batch:
    """Sessions of distinct phones that have ended. Shape [n] each.

    Attributes:
        task: What they were asked.
        phone: Phones.
        base: Version that each works from.
        first: First row of the stint.
        last: Last-plus-one row.
        tokens: Tokens of the whole stint, 0 where there is none.
        priced: What the sessions came to.
    """

    task: Task
    phone: Ints
    base: Ints
    first: Ints
    last: Ints
    tokens: Ints
    priced: Priced


@dataclass(frozen=True, slots=True)
class Opened:
    """Sessions as they were asked. Shape [n] each.

    Attributes:
        task: What they are asked.
        asked: Their inputs.
        base: Version that each works from.
        first: First row of the stint, once it has begun.
        last: Last-plus-one row, likewise.
        tokens: Tokens of the whole stint, likewise.
    """

    task: Task
    asked: Asked
    base: Ints
    first: Ints
    last: Ints
    tokens: Ints

    def batch(self, priced: Priced, rows: Ints) -> Batch:
        """Some of them, with what they came to."""
        return Batch(
            self.task,
            self.asked.phone[rows],
            self.base[rows],
            self.first[rows],
            self.last[rows],
            self.tokens[rows],
            priced,
        )

"""Work in numbered parts, whose results come in any order: what judgements of a version are."""

from collections.abc import Sequence
from typing import Generic, TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


class Parts(Generic[Part, Result]):
    """Parts to start one after another, and their results.

    Args:
        jobs: The parts, in their order.
    """

    def __init__(self, jobs: Sequence[Part]) -> None:
        self._jobs = jobs
        self._results: dict[int, Result] = {}
        self._started = 0

    @property
    def pending(self) -> bool:
        """Whether a part has not been started."""
        return self._started < len(self._jobs)

    @property
    def complete(self) -> bool:
        """Whether every result is in."""
        return len(self._results) == len(self._jobs)

    def start(self) -> tuple[int, Part]:
        """Take the next part to start, with its number."""
        number = self._started
        self._started += 1
        return number, self._jobs[number]

    def add(self, number: int, result: Result) -> None:
        """Take the result of a part."""
        self._results[number] = result

    def results(self) -> list[Result]:
        """All results in the order of the parts, once complete."""
        return [self._results[number] for number in range(len(self._jobs))]

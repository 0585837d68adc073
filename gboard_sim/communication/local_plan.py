"""How much each class of phone trains in a stint, version by version."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.seam.records import LocalWork

Amount = int | tuple[int, ...]
"""One number for every version, or one per version from version 0, of which the last one holds."""


@dataclass(frozen=True, slots=True)
class ClassWork:
    """What phones of one class do differently; what is None is as for the rest.

    Attributes:
        epochs: Passes over the cache, in place of the plan's epochs or steps.
        steps: SGD steps, in place of the plan's epochs or steps.
        cap: Most messages of a stint, in place of the plan's cap: smaller for slow phones.

    Raises:
        ValueError: A number is below 1, or both `epochs` and `steps` are given.
    """

    epochs: int | None = None
    steps: int | None = None
    cap: int | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None and self.steps is not None:
            raise ValueError(f"at most one of epochs(={self.epochs}) and steps(={self.steps})")
        _refuse_below_one(epochs=self.epochs, steps=self.steps, cap=self.cap)


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """The local work of every class of phone as a function of the version that a cycle starts from.

    Attributes:
        classes: Names of the phone classes, in the fleet's order.
        batch_size: Messages in an SGD step.
        learning_rate: The phones' step size by version.
        epochs: Passes over the cache; exclusive with `steps`. `(2, 2, 5)` is two passes at
            versions 0 and 1 and five from version 2 on.
        steps: SGD steps H, likewise.
        cap: Most messages that a stint may use, the newest first; None is no cap.
        overrides: What single classes do differently, by name.

    Raises:
        ValueError: A number is outside its range, or an override names no class of the fleet.
    """

    classes: tuple[str, ...]
    batch_size: int
    learning_rate: LearningRate
    epochs: Amount | None = None
    steps: Amount | None = None
    cap: int | None = None
    overrides: Mapping[str, ClassWork] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError(f"one of epochs(={self.epochs}) and steps(={self.steps}) must be set")
        _refuse_below_one(
            epochs=self.epochs, steps=self.steps, cap=self.cap, batch_size=self.batch_size
        )
        if not self.classes:
            raise ValueError("classes(=()) must name at least one phone class")
        for name in self.overrides:
            if name not in self.classes:
                raise ValueError(f"override of {name!r}: must be one of {', '.join(self.classes)}")

    def at(self, version: int) -> tuple[LocalWork, ...]:
        """The work of each class in a cycle that starts from `version`, in the fleet's order."""
        rate = self.learning_rate.at(version)
        epochs, steps = _at(self.epochs, version), _at(self.steps, version)
        works = []
        for name in self.classes:
            own = self.overrides.get(name, ClassWork())
            changed = own.epochs is not None or own.steps is not None
            works.append(
                LocalWork(
                    epochs=own.epochs if changed else epochs,
                    steps=own.steps if changed else steps,
                    batch_size=self.batch_size,
                    learning_rate=rate,
                    cap=self.cap if own.cap is None else own.cap,
                )
            )
        return tuple(works)


def _at(amount: Amount | None, version: int) -> int | None:
    """The amount in force at `version`."""
    if amount is None or isinstance(amount, int):
        return amount
    return amount[min(version, len(amount) - 1)]


def _refuse_below_one(**amounts: Amount | None) -> None:
    """Raises ValueError for the first amount with an entry below 1, or with no entry."""
    for name, amount in amounts.items():
        entries = amount if isinstance(amount, tuple) else (amount,)
        if not entries or any(entry is not None and entry < 1 for entry in entries):
            raise ValueError(f"{name}(={amount}) must be at least 1")

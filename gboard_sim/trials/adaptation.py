"""The join behind `gboard-sim keyboard --people`: does a phone's own training help its user?

The step size is chosen on validation users and the figures are read on test users; both trained on
their earlier messages and judged on their later ones.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gboard_sim import export
from gboard_sim.learning.adaptation import LEARNING_RATES, Adapted, before_and_after, people
from gboard_sim.runlog.directory import RunDirectory


def adaptation(
    run: Path, most: int, tell: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Adapt a run's model to some people.

    Args:
        run: The directory of a finished run.
        most: Most people of each set.
        tell: Told what is being done.

    Raises:
        GboardSimError: The run or its text cannot be used.
    """
    directory = RunDirectory.open(run)
    with tempfile.TemporaryDirectory(prefix="gboard-sim-") as scratch:
        tell("preparing the text for training")
        workshop, text, _ = export.opened(directory, Path(scratch))
        parameters = export.parameters_of(directory, workshop)
        tell("choosing a step size on validation users")
        rows = text.store.validation
        tuned = before_and_after(
            workshop, rows, text.known, people(rows, most), parameters, LEARNING_RATES
        )
        rate = chosen(tuned, LEARNING_RATES)
        tell("adapting to test users")
        rows = text.store.test
        judged = people(rows, most)
        read = before_and_after(workshop, rows, text.known, judged, parameters, [rate])
    return {"learning_rate": rate, "validation_people": len(tuned)} | figures(
        [own[0] for own in read]
    )


def chosen(tuned: Sequence[Sequence[Adapted]], learning_rates: Sequence[float]) -> float:
    """The step size with the most words in the strip, 0 where none is better than before.

    Args:
        tuned: Each person at each step size.
        learning_rates: The step sizes.
    """
    before = sum(own[0].before for own in tuned)
    after = [sum(own[at].after for own in tuned) for at in range(len(learning_rates))]
    best = max(range(len(after)), key=after.__getitem__)
    return learning_rates[best] if after[best] > before else 0.0


def figures(read: Sequence[Adapted]) -> dict[str, Any]:
    """What adaptation did for some people; shares are None without any."""
    words = sum(each.words for each in read)
    return {
        "people": len(read),
        "words": words,
        "recall_at_3_before": sum(each.before for each in read) / words if words else None,
        "recall_at_3_after": sum(each.after for each in read) / words if words else None,
        "helped": sum(each.after > each.before for each in read) / len(read) if read else None,
        "hurt": sum(each.after < each.before for each in read) / len(read) if read else None,
    }

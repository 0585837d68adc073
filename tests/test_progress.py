"""How far a run is, by the limit that it comes nearest to."""

import pytest

from gboard_sim.experiment.experiment import Run
from gboard_sim.progress import Step, Teller
from gboard_sim.units import DAY_S


@pytest.mark.parametrize(
    ("days", "versions", "now_days", "version", "share"),
    [
        (4.0, None, 1.0, 300, 0.25),
        (4.0, 10, 1.0, 5, 0.5),
        (4.0, 10, 3.0, 5, 0.75),
        (4.0, 10, 4.5, 11, 1.0),
    ],
)
def test_the_share_is_that_of_the_nearest_limit(days, versions, now_days, version, share):
    steps: list[Step] = []
    teller = Teller(Run(days=days, versions=versions), steps.append)
    teller.fleet(now_days * DAY_S, version)
    assert steps == [Step("fleet and training", share, now_days * DAY_S, version, None)]


def test_recall_is_looked_up_when_it_is_told():
    steps: list[Step] = []
    recalls = iter([None, 0.25])
    teller = Teller(Run(days=2.0), steps.append)
    teller.tell("reading the text")
    teller.watch_recall(lambda: next(recalls))
    teller.fleet(0.0, 0)
    teller.fleet(DAY_S, 3)
    teller_after = [step.recall_at_3 for step in steps]
    assert teller_after == [None, None, 0.25]
    assert (steps[0].doing, steps[0].share) == ("reading the text", 0.0)


def test_nobody_is_told_where_nobody_watches():
    def ask() -> float:
        raise AssertionError("asked for nobody")

    teller = Teller(Run(days=2.0), None)
    teller.watch_recall(ask)
    teller.fleet(1.0, 1)


def test_a_line_has_time_version_recall_and_what_is_done():
    step = Step("fleet and training", 0.334, 1.25 * DAY_S, 42, 0.2756)
    assert step.line() == " 33%  day  1.25  version   42  recall@3 0.276  fleet and training"
    assert Step("judging", 1.0).line() == "100%  day  0.00  version    0  judging"

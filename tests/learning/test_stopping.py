"""When validation recall ends a run, on sequences worked out by hand."""

import pytest

from gboard_sim.learning.stopping import StopRules, StopState


def judged(rules: StopRules, recalls: list[float]) -> list[str | None]:
    state, reasons = StopState(), []
    for recall in recalls:
        state, reason = rules.judge(state, recall)
        reasons.append(reason)
    return reasons


@pytest.mark.parametrize(
    ("rules", "recalls", "reasons"),
    [
        (StopRules(), [0.1, 0.9, 0.1], [None, None, None]),
        (StopRules(target=0.2), [0.1, 0.19, 0.2], [None, None, "target_recall"]),
        # .1 is the first best; .105 is no gain of .01, .111 is one, then two are not.
        (
            StopRules(patience=2, min_gain=0.01),
            [0.1, 0.105, 0.111, 0.12, 0.1],
            [None, None, None, None, "no_gain"],
        ),
        # Small gains add up: what counts is the best that counted as a gain.
        (
            StopRules(patience=2, min_gain=0.01),
            [0.1, 0.108, 0.1101, 0.115, 0.1202],
            [None, None, None, None, None],
        ),
        (StopRules(patience=1), [0.3, 0.3], [None, "no_gain"]),  # an equal recall is no gain
        (StopRules(target=0.2, patience=1), [0.3], ["target_recall"]),
        (StopRules(target=0.2, patience=1), [0.1, 0.05], [None, "no_gain"]),
    ],
)
def test_the_reasons_are_those_worked_out_by_hand(rules, recalls, reasons):
    assert judged(rules, recalls) == reasons


def test_only_a_rule_that_looks_at_recall_makes_the_fleet_wait():
    assert not StopRules(min_gain=0.5).any
    assert StopRules(target=0.0).any
    assert StopRules(patience=1).any

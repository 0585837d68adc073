"""The tables `[protocol]`, `[allowance]` and `[fleet]`: what becomes of them, what they refuse."""

import pytest

from gboard_sim.errors import ExperimentError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.allowance import AllowanceRules
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.choice import ChoiceRules
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.world import world

BUFFERED = ("protocol.kind=buffered", "protocol.concurrency=9")


def load(*overrides):
    return experiment_file.load("smoke", overrides=list(overrides))


def test_every_key_of_rounds_reaches_the_fleet():
    made = world.build(
        load(
            "protocol.goal=5",
            "protocol.over_selection=1.5",
            "protocol.deadline_s=77.0",
            "protocol.minimum=3",
            "protocol.selection_timeout_s=88.0",
            "protocol.interval_s=99.0",
            "protocol.selector=longest_waiting",
            "protocol.pool=3.0",
            "protocol.pace=steered",
            "protocol.retry_s=[10.0, 20.0]",
            "protocol.round_s=33.0",
            "protocol.meeting_s=44.0",
            "protocol.separation_versions=2",
            "protocol.separation_h=1.5",
            "protocol.max_participations=6",
            "protocol.min_examples=7",
            "protocol.session_timeout_s=240.0",
            "protocol.interruption=pause",
            "allowance.mb_per_day=1.0",
            "allowance.mb_per_month=2.0",
            "allowance.j_per_day=3.0",
            "allowance.j_per_month=4.0",
            "federated_evaluation.every=2",
            "federated_evaluation.goal=3",
        )
    )
    assert made.rules == RoundRules(5, 1.5, 77.0, 3, 88.0, 99.0)
    terms = made.terms
    assert terms.choice == ChoiceRules("longest_waiting", 3.0, 120.0)
    assert terms.pace == PaceRules("steered", (10.0, 20.0), 33.0, 44.0)
    assert terms.admission == AdmissionRules(2, 1.5, 6, None, 7)
    assert terms.allowance == AllowanceRules(1.0, 2.0, 3.0, 4.0)
    assert (terms.session_timeout_s, terms.pauses) == (240.0, True)
    assert terms.evaluation is not None
    assert (terms.evaluation.every, terms.evaluation.goal) == (2, 3)


def test_every_key_of_a_buffer_reaches_the_fleet():
    more = ("protocol.goal=5", "protocol.staleness_exponent=0.25", "protocol.max_staleness=0")
    made = world.build(load(*BUFFERED, *more))
    assert made.rules == BufferRules(5, 9, 0.25, 0)
    assert made.terms.session_timeout_s == float("inf")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("protocol.kind=buffered",), ["kind(='buffered') needs concurrency"]),
        ((*BUFFERED, "protocol.selector=uniform"), ["selector(=uniform) does nothing"]),
        (("protocol.concurrency=3",), ["concurrency(=3) does nothing with kind(='rounds')"]),
        (("protocol.max_staleness=0",), ["max_staleness(=0) does nothing", "leave it out)"]),
        (("protocol.pool=3.0",), ["pool(=3.0) does nothing with selector(='first')"]),
        (
            ("protocol.selector=uniform", "protocol.preferred_s=9.0"),
            ["preferred_s(=9.0) does nothing with selector(='uniform')"],
        ),
        (("protocol.round_s=9.0",), ["round_s(=9.0) does nothing with pace(='window')"]),
        (("protocol.meeting_s=9.0",), ["meeting_s(=9.0) does nothing with pace(='window')"]),
        (("protocol.retry_s=[90.0, 30.0]",), ["retry_s(=(90.0, 30.0))", "(shortest, longest)"]),
        (("protocol.retry_s=[9.9, 30.0]",), ["retry_s", "9.9", "greater than or equal to 10"]),
        (("protocol.again_h=0.009",), ["again_h = 0.009", "greater than or equal to 0.01"]),
        (("protocol.separation_versions=0",), ["separation_versions = 0", "or equal to 1"]),
        (("protocol.separation_h=-1.0",), ["separation_h = -1.0"]),
        (("protocol.separation_h=nan",), ["separation_h = nan"]),
        (("protocol.pace=slow",), ["pace = 'slow'", "window", "steered"]),
        (("allowance.mb_per_day=0.0",), ["allowance.mb_per_day = 0.0", "greater than 0"]),
        (("allowance.mb_a_day=1.0",), ["allowance.mb_a_day"]),
        (("federated_evaluation.goal=3",), ["federated_evaluation.every"]),
        (("server.ema_decay=1.0",), ["server.ema_decay = 1.0", "less than 1"]),
        (("server.ema_decay=0.5", "sync.every_h=6"), ["ema_decay(=0.5)", "with [sync]"]),
        (("server.ema_decay=0.5", "run.arm=local-only"), ["ema_decay(=0.5)", "no versions"]),
        (
            (
                "server.ema_decay=0.5",
                "federated_evaluation.every=2",
                "federated_evaluation.goal=3",
                "text.held_out_share=0.2",
            ),
            ["ema_decay(=0.5)", "with [federated_evaluation]"],
        ),
        (("fleet.trace_end=stop",), ["trace_end", "without trace"]),
    ],
)
def test_what_does_nothing_or_cannot_be_is_refused_by_key_and_value(overrides, said):
    with pytest.raises(ExperimentError) as refused:
        load(*overrides)
    for part in said:
        assert part in str(refused.value)

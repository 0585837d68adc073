import json
import math
from dataclasses import replace

import pytest

from gboard_sim.errors import InvariantError
from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.gaussian_calibration import epsilon_of
from gboard_sim.privacy.ledger import Ledger, RunningLedger, read_event
from gboard_sim.privacy.local_claim import local_gaussian_claim
from gboard_sim.records import PrivacyEvent

CLAIM = local_gaussian_claim(epsilon=8.0, delta=1e-6, clip=0.5, max_uploads=4)
EVENTS = tuple(
    PrivacyEvent("local_gaussian", version, 40, CLAIM.noise_multiplier, 0.5) for version in (1, 2)
)


def sent(payloads, versions=2):
    return Bounds(uploads=payloads, participations=payloads, versions=versions)


@pytest.mark.parametrize("payloads", [1, 2, 3])
def test_fewer_payloads_than_allowed_realise_less_than_the_claim(payloads):
    ledger = Ledger(CLAIM, EVENTS, sent(payloads))
    expected = epsilon_of(CLAIM.noise_multiplier / math.sqrt(payloads), 1e-6)
    assert ledger.epsilon_realised() == pytest.approx(expected, rel=1e-9)
    assert ledger.epsilon_realised() < ledger.epsilon_policy() == CLAIM.epsilon_policy


def test_a_phone_at_the_cap_realises_the_claim():
    assert Ledger(CLAIM, EVENTS, sent(4)).epsilon_realised() == CLAIM.epsilon_policy


def test_a_run_in_which_nothing_left_a_phone_realises_nothing():
    assert Ledger(CLAIM, (), sent(0, versions=0)).epsilon_realised() == 0.0


@pytest.mark.parametrize(
    ("events", "payloads", "reason"),
    [
        (EVENTS, 5, "5 payloads left one phone; the claim allows 4"),
        (
            (replace(EVENTS[0], mechanism="none"), EVENTS[1]),
            1,
            "version 1 ran 'none', not 'local_gaussian'",
        ),
        ((EVENTS[0], replace(EVENTS[1], noise_multiplier=0.1)), 1, "version 2 had noise"),
        (EVENTS[1:], 1, "version 1 has no entry in the ledger"),
    ],
)
def test_a_log_that_shows_a_broken_bound_prints_no_epsilon_but_the_reason(events, payloads, reason):
    ledger = Ledger(CLAIM, events, sent(payloads))
    assert ledger.broken().startswith(reason)
    assert ledger.epsilon_policy() is None
    assert ledger.epsilon_realised() is None
    assert ledger.document()["broken"].startswith(reason)


def test_the_document_is_json_and_says_what_leaves_the_phone():
    document = json.loads(json.dumps(Ledger(CLAIM, EVENTS, sent(3)).document()))
    assert document["claim"]["epsilon_policy"] == pytest.approx(8.0)
    assert document["sentence"] == str(CLAIM)
    assert document["broken"] is None
    assert len(document["events"]) == 2
    assert {leaving["what"] for leaving in document["leaves_phone"]} >= {"the update"}
    assert "treated as public" in json.dumps(document["leaves_phone"])


def test_without_noise_both_epsilons_are_infinite():
    silent = local_gaussian_claim(epsilon=math.inf, delta=1e-6, clip=0.5, max_uploads=4)
    events = (PrivacyEvent("local_gaussian", 1, 40, 0.0, 0.5),)
    ledger = Ledger(silent, events, sent(2, versions=1))
    assert ledger.epsilon_policy() == ledger.epsilon_realised() == math.inf


def test_a_fleet_that_ran_alone_has_no_events_to_hold_against_the_claim():
    assert Ledger(CLAIM, None, sent(4)).broken() is None
    assert Ledger(CLAIM, None, sent(5)).broken().startswith("5 payloads")


def test_events_are_written_down_one_by_one_and_read_back():
    written = []
    ledger = RunningLedger(CLAIM, (), written.append)
    refusing = replace(EVENTS[1], refused=((7, "update holds NaN"),))
    for event in (EVENTS[0], refusing):
        ledger.enter(event)
    assert [len(document["events"]) for document in written] == [1, 2]
    assert written[1]["sentence"] == str(CLAIM)
    rows = json.loads(json.dumps(written[1]["events"]))
    assert tuple(read_event(row) for row in rows) == ledger.events == (EVENTS[0], refusing)


def test_a_resumed_run_repeats_its_events_and_never_changes_one():
    ledger = RunningLedger(CLAIM, EVENTS, lambda _document: None)
    ledger.enter(EVENTS[0])
    assert ledger.events == EVENTS
    with pytest.raises(InvariantError, match="version 2 was released as"):
        ledger.enter(replace(EVENTS[1], clip=0.4))

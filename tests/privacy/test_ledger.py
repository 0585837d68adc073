import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from gboard_sim.errors import InvariantError
from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.central_claim import central_claim
from gboard_sim.privacy.claim import Extrapolated
from gboard_sim.privacy.gaussian_calibration import epsilon_of
from gboard_sim.privacy.ledger import Ledger, RunningLedger, read_event
from gboard_sim.privacy.local_claim import local_gaussian_claim
from gboard_sim.privacy.mechanisms.adaptive_clip import AdaptiveClip
from gboard_sim.privacy.mechanisms.server_sums import ServerSums
from gboard_sim.privacy.mechanisms.tree import Tree
from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.seam.privacy_protocols import Summed

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
    assert ledger.facts()["broken"].startswith(reason)


def test_the_document_is_json_and_says_what_leaves_the_phone():
    document = json.loads(json.dumps(Ledger(CLAIM, EVENTS, sent(3)).facts()))
    assert document["claim"]["epsilon_policy"] == pytest.approx(8.0)
    assert document["sentence"] == str(CLAIM)
    assert document["broken"] is None
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
    ledger = RunningLedger((), written.append)
    refusing = replace(EVENTS[1], refused=((7, "update holds NaN"),))
    for event in (EVENTS[0], refusing):
        ledger.enter(event)
    assert written == [EVENTS[0], refusing]
    rows = json.loads(json.dumps([asdict(event) for event in written]))
    assert tuple(read_event(row) for row in rows) == ledger.events == (EVENTS[0], refusing)


def test_a_resumed_run_repeats_its_events_and_never_changes_one():
    written = []
    ledger = RunningLedger(EVENTS, written.append)
    ledger.enter(EVENTS[0])
    assert ledger.events == EVENTS
    assert written == []
    with pytest.raises(InvariantError, match="version 2 was released as"):
        ledger.enter(replace(EVENTS[1], clip=0.4))


TREE_BOUNDS = Bounds(participations=1, versions=4)


def tree_run(share=1.0, adaptive=None, multiplier=1.0):
    """A claim of tree noise, and the events of a run of it whose updates were all zero."""
    extrapolated = None if share == 1.0 else Extrapolated(1000, 100, share)
    claim = central_claim(
        noise=Tree(), bounds=TREE_BOUNDS, delta=1e-6, clip=0.5, denominator=10.0, epsilon=None,
        noise_multiplier=multiplier, adaptive=adaptive, extrapolated=extrapolated,
    )  # fmt: skip
    runs = ServerSums(Tree(), multiplier, 0.5, 10.0, 3, adaptive, noise_share=share)
    state, events = runs.start(), []
    for version in range(1, 5):
        released = runs.release(state, Summed(version, np.zeros(2000), 10, 5))
        state = released.state
        events.append(released.event)
        added = released.mean * 10.0
        assert released.event.applied == pytest.approx(math.sqrt(np.mean(added**2)))
    return claim, tuple(events)


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_the_noise_of_each_version_is_held_against_the_claims_own_matrix(share):
    claim, events = tree_run(share)
    assert Ledger(claim, events, TREE_BOUNDS).broken() is None
    # Rows of the tree's B^-1 have norms that differ, so a row that is another version's shows.
    rows = [claim.accounting.row(version) for version in range(1, 5)]
    assert rows[0] > 1.01 * rows[3] or rows[3] > 1.01 * rows[0]
    loud, quiet = (0, 3) if rows[0] > rows[3] else (3, 0)
    swapped = list(events)
    swapped[loud] = replace(events[quiet], version=loud + 1)
    broken = Ledger(claim, tuple(swapped), TREE_BOUNDS).broken()
    assert f"version {loud + 1} had noise of deviation {events[quiet].deviation}" in broken


def test_noise_that_was_not_drawn_as_the_ledger_says_breaks_the_claim():
    claim, events = tree_run()
    for applied in (0.0, 0.8 * events[1].applied):
        told = (events[0], replace(events[1], applied=applied), *events[2:])
        broken = Ledger(claim, told, TREE_BOUNDS).broken()
        assert broken.startswith(f"version 2 was given noise of deviation {applied}")
    silent = (events[0], replace(events[1], deviation=None), *events[2:])
    assert "version 2 had noise of deviation 0.0" in Ledger(claim, silent, TREE_BOUNDS).broken()


def test_bits_take_their_part_of_the_noise_and_the_sums_have_more():
    claim, events = tree_run(adaptive=AdaptiveClip(0.5, 0.2, bit_noise=2.0))
    assert Ledger(claim, events, TREE_BOUNDS).broken() is None
    bare = ServerSums(Tree(), 1.0, 0.5, 10.0, 3)
    first = bare.release(bare.start(), Summed(1, np.zeros(2000), 10, 5)).event
    assert events[0].deviation > first.deviation


def test_without_noise_there_is_none_to_hold_against_anything():
    claim, events = tree_run(multiplier=0.0)
    assert [event.applied for event in events] == [0.0] * 4
    assert Ledger(claim, events, TREE_BOUNDS).broken() is None

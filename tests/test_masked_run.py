"""Secure aggregation carried out in whole runs: the bits and bytes of a price, and drop-outs."""

import json

import numpy as np
import pytest
from scipy import stats

import gboard_sim
from gboard_sim import simulate
from gboard_sim.claims.distributed import mechanism_of
from gboard_sim.errors import ExperimentError, IncompatibleError
from gboard_sim.learning.hidden_payloads import HiddenPayloads
from gboard_sim.privacy.secure_aggregation import cost
from tests.run_bits import bits
from tests.test_distributed_privacy_run import BOTH, PARAMETERS, KilledError, load

pytestmark = pytest.mark.usefixtures("trains_here")

MASKED = "privacy.secure_aggregation=masked"
MOVED = "secure_aggregation_bytes"
FULL = 11

# Of the rounds some select eleven phones and some fewer, since time runs out; phones drop out of
# all of them, two are abandoned.
LONG = ["protocol.selection_timeout_s=20000", "run.days=4"]


def asked(*more):
    return load(BOTH[0], *LONG, *more)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same experiment with a price for secure aggregation, and with its messages."""
    folder = tmp_path_factory.mktemp("pair")
    return [
        gboard_sim.run(asked(*more), out=folder / name)
        for name, more in (("priced", ()), ("masked", (MASKED,)))
    ]


def sums(run):
    """What came from under masks, version by version."""
    ledger = json.loads((run.directory.path / "ledger.json").read_text())
    return [event["unmasked"] for event in ledger["events"]]


def test_the_model_has_the_same_bits_and_the_ledger_one_party_less(pair):
    priced, masked = pair
    told, hidden = bits(priced.directory.path), bits(masked.directory.path)
    ledgers = [json.loads(files.pop("ledger.json")) for _, files in (told, hidden)]
    assert hidden[1] == told[1]
    assert hidden[0].pop("privacy_trusted") == "nobody"
    assert told[0].pop("privacy_trusted") == "aggregation"
    assert hidden[0].pop(MOVED) is not None
    assert told[0].pop(MOVED) is None
    assert hidden[0] == told[0]
    assert hidden[0]["rounds_abandoned"] > 0
    assert "trusted: secure aggregation, through which" in ledgers[0]["sentence"]
    assert "trusted: nobody with an update: secure aggregation" in ledgers[1]["sentence"]
    assert sums(priced) == [None] * 3


def test_sums_are_those_of_the_phones_that_the_fleet_did_not_lose(pair):
    _, masked = pair
    sessions = masked.table("sessions").to_pylist()
    for version, made in enumerate(sums(masked), start=1):
        used = [each for each in sessions if each["used_in"] == version]
        configured = [each for each in sessions if each["shape"].startswith("-v")]
        at_s = np.array([each["began_s"] + each["wait_s"] for each in configured])
        together = np.abs(at_s - used[0]["began_s"] - used[0]["wait_s"]) < 1e-6
        assert (made["phones"], made["sent"]) == (together.sum(), len(used))
    assert any(made["phones"] > made["sent"] for made in sums(masked))


def test_the_bytes_are_those_priced(pair):
    # To the byte where a selection is full, as it is priced; one that was cut short moves less, by
    # the keys and shares of phones that are not there. The lost moved keys and shares.
    _, masked = pair
    payloads = masked.table("cohorts")
    full = cost.beside_bytes(FULL)
    for version, made in enumerate(sums(masked), start=1):
        own = [
            row["payload_bytes"] for row in payloads.to_pylist() if row["makes_version"] == version
        ]
        assert own == [16 + 2 * PARAMETERS + full[0]] * made["sent"]
        up, down = cost.beside_bytes(made["phones"])
        assert made["uplink_bytes"] == sum(own) - made["sent"] * (full[0] - up)
        assert made["downlink_bytes"] == made["sent"] * down
        lost, told = made["phones"] - made["sent"], 32 * made["phones"]
        assert made["lost_uplink_bytes"] == lost * (up - told)
        assert made["lost_downlink_bytes"] == lost * down
    assert {made["phones"] for made in sums(masked)} > {FULL}
    assert masked.summary[MOVED] == {
        "uplink": sum(made["uplink_bytes"] for made in sums(masked)),
        "downlink": sum(made["downlink_bytes"] for made in sums(masked)),
        "uplink_lost": sum(made["lost_uplink_bytes"] for made in sums(masked)),
        "downlink_lost": sum(made["lost_downlink_bytes"] for made in sums(masked)),
    }


def test_workers_and_being_killed_leave_the_bits_alone(pair, tmp_path):
    _, masked = pair
    again = gboard_sim.run(asked(MASKED, "run.workers=2", "run.lookahead=0"), out=tmp_path / "two")
    assert bits(again.directory.path) == bits(masked.directory.path)

    def kill(step):
        if step.version == 2:
            raise KilledError

    with pytest.raises(KilledError):
        simulate.run(asked(MASKED), out=tmp_path / "k", watch=kill)
    simulate.resume(tmp_path / "k")
    assert bits(tmp_path / "k") == bits(masked.directory.path)


def test_a_recorded_fleet_knows_who_was_selected_together(pair, tmp_path):
    priced, masked = pair
    made = simulate.relearn(asked(MASKED), priced.directory.path, out=tmp_path / "again")
    assert bits(made.directory.path) == bits(masked.directory.path)


def test_what_reaches_the_server_is_even(tmp_path, monkeypatch):
    # Chi-square over 1,024 cells of payloads of 67,152 numbers. The shares behind the masks lie in
    # a part of the ring, so that a payload of which 3% had no mask would pass once in 10^4 times.
    seen = []
    take = HiddenPayloads.take

    def look(self, payloads):
        seen.extend(self._codec.decode(payload).astype(np.int64) for payload in payloads)
        take(self, payloads)

    monkeypatch.setattr(HiddenPayloads, "take", look)
    asked = load(BOTH[0], MASKED, "run.versions=1")
    made = gboard_sim.run(asked, out=tmp_path / "run")
    assert len(seen) == made.table("cohorts").num_rows
    for payload in [*seen, seen[0] - seen[1], seen[0] + seen[1]]:
        observed = np.bincount(payload % 2**16 >> 6, minlength=CELLS)
        assert stats.chisquare(observed).pvalue > REFUSED

    hidden = mechanism_of(asked, PARAMETERS)
    share = hidden.share(np.zeros(PARAMETERS, np.float32), 0, 0, 1).astype(np.int64)
    part = np.bincount(share >> 6, minlength=CELLS) / PARAMETERS
    shown = PARAMETERS * 0.03**2 * (CELLS * (part**2).sum() - 1.0)
    limit = stats.chi2.isf(REFUSED, CELLS - 1)
    assert stats.ncx2.cdf(limit, CELLS - 1, shown) < 1e-4


CELLS = 2**10
REFUSED = 1e-5
"""A payload whose chi-square is so unlikely is not even."""


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["protocol.goal=77", "fleet.phones=200"], r"with 101 phones selected .*: at most 100"),
        (["privacy.mechanism=local_gaussian", "codec.name=fp32"], "does nothing with mechanism"),
        (["privacy.secure_aggregation=real"], "'priced' or 'masked'"),
    ],
)
def test_what_cannot_be_masked_is_refused(tmp_path, overrides, message):
    with pytest.raises((ExperimentError, IncompatibleError), match=message):
        gboard_sim.run(load(BOTH[0], MASKED, *overrides), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()

import pytest

from gboard_sim.report import headline
from gboard_sim.report.contents import Contents

CLAIM = {"claim": {}, "sentence": "epsilon 8 at delta 1e-06 for one phone.", "broken": None}


def rows(directory):
    return {
        row.label: row
        for section in headline.sections(Contents.read(directory))
        for row in section.rows
    }


def values(directory):
    return {label: row.value for label, row in rows(directory).items()}


def test_every_figure_has_its_value_and_unit(four):
    assert values(four()) == {
        "recall@3": "0.240",
        "recall@1": "0.120",
        "share of the ceiling": "81.2%",
        "n-gram recall@3": "0.200",
        "unigram recall@3": "0.100",
        "recall@3 at version 0": "0.040",
        "perplexity": "61.80",
        "simulated days": "1.00",
        "versions": "2",
        "phones that took part": "2",
        "uplink per phone": "2.00 MB",
        "downlink per phone": "1.00 MB",
        "energy per phone": "3.00 J",
        "epsilon": "none",
    }


def test_ranges_and_totals_stand_beside_them(four):
    found = rows(four())
    assert found["energy per phone"].note == "between 1.75 J and 5.25 J; mean over the fleet"
    assert found["phones that took part"].note == "of 4, in 6 sessions"
    assert "0.300" in found["share of the ceiling"].note


def test_an_unknown_ceiling_is_a_hyphen(four):
    found = rows(four(summary={"ceiling_share": None, "ceiling_recall_at_3": None}))
    assert found["share of the ceiling"].value == "-"
    assert "not known" in found["share of the ceiling"].note


def test_a_fleet_alone_says_nothing_of_learning(four_alone):
    found = values(four_alone())
    assert not [label for label in found if "recall" in label or "perplexity" in label]
    assert found["uplink per phone"] == "2.00 MB"


def test_a_claim_comes_with_its_sentence(four):
    found = rows(four(summary={"epsilon_policy": 7.99999}, ledger=CLAIM))
    assert (found["epsilon"].value, found["epsilon"].note) == ("8", CLAIM["sentence"])


def test_clipping_without_noise_promises_nothing(four):
    found = rows(four(summary={"epsilon_policy": "infinity"}, ledger=CLAIM))
    assert found["epsilon"].value == "infinite"


def test_a_broken_claim_is_no_claim(four):
    found = rows(four(ledger=CLAIM | {"broken": "3 payloads left one phone"}))
    assert found["epsilon"].value == "-"
    assert "3 payloads left one phone" in found["epsilon"].note


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("days", "the simulated days were over"),
        ("budget:energy_j_per_phone", "a budget was spent: energy j per phone"),
        ("something_new", "something new"),
    ],
)
def test_the_end_is_said_in_words(four, reason, said):
    contents = Contents.read(four(summary={"stop_reason": reason}))
    assert headline.stop_reason(contents) == said

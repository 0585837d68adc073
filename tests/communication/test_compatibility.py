from itertools import product

import pytest

from gboard_sim.communication.codecs import CODECS
from gboard_sim.communication.compatibility import ENTRIES, check, table
from gboard_sim.communication.schedules import SCHEDULES
from gboard_sim.errors import IncompatibleError
from gboard_sim.privacy.mechanisms import MECHANISMS

WEIGHTS = ("examples", "tokens", "uniform")
ALLOWED = {name: {"uniform"} for name in MECHANISMS} | {"none": set(WEIGHTS)}
IN_SUMS = {"distributed_skellam", "distributed_discrete_gaussian"}
LOOKS_AT_CONTENT = {
    "adacomm": "training loss, which would leave them without noise",
    "norm_triggered": "its silence would leave it without noise",
    "lazy": "its silence would leave it without noise",
    "cmfl": "its silence would leave it without noise",
}


def test_the_table_has_each_combination_of_the_catalogues_exactly_once():
    cells = [(cell.schedule, cell.codec, cell.mechanism) for cell in table()]
    assert sorted(cells) == sorted(product(SCHEDULES, CODECS, MECHANISMS))


def reason(schedule, codec, mechanism, weights):
    """Why a cell must be refused; nothing where it composes."""
    if (codec == "modular") != (mechanism in IN_SUMS):
        return "whole numbers modulo 2^bits"
    if mechanism != "none" and schedule in LOOKS_AT_CONTENT:
        return LOOKS_AT_CONTENT[schedule]
    return "" if weights in ALLOWED[mechanism] else "would leave the phone without noise"


def said(schedule, codec, mechanism, weights):
    """With which words a cell is refused; nothing where it is not."""
    try:
        check(schedule, codec, mechanism, weights=weights)
    except IncompatibleError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_each_cell_composes_with_just_the_weights_that_keep_the_claim(schedule, mechanism):
    cells = [(schedule, codec, mechanism, each) for codec, each in product(CODECS, WEIGHTS)]
    found = {cell: (reason(*cell), said(*cell)) for cell in cells}
    wrong = {
        cell: (why, told)
        for cell, (why, told) in found.items()
        if why not in told or bool(why) != bool(told)
    }
    assert wrong == {}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_that_refuses_anything_says_why(entry):
    assert bool(entry.reason) == (set(entry.weights) != set(WEIGHTS))


@pytest.mark.parametrize(
    ("schedule", "codec", "mechanism"),
    [("often", "fp32", "none"), ("fixed", "fp8", "none"), ("fixed", "fp32", "hope")],
)
def test_what_the_table_does_not_name_is_refused(schedule, codec, mechanism):
    with pytest.raises(IncompatibleError, match="not in the table"):
        check(schedule, codec, mechanism, weights="uniform")


def some_codec(mechanism):
    """A codec that composes with the mechanism."""
    return "modular" if mechanism.startswith("distributed") else "fp32"


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
def test_phones_keep_residuals_under_no_claim(mechanism):
    if mechanism == "none":
        check("fixed", "one_bit", mechanism, weights="uniform", error_feedback=True)
    else:
        with pytest.raises(IncompatibleError, match="outside the clip that the claim counts on"):
            check("fixed", some_codec(mechanism), mechanism, weights="uniform", error_feedback=True)


def test_weights_that_do_not_exist_are_refused_with_those_that_do():
    with pytest.raises(IncompatibleError, match="must be one of examples, tokens, uniform"):
        check("fixed", "fp32", "none", weights="lines")


@pytest.mark.parametrize("word_rows", ["all", "typed", "frozen"])
@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
def test_rows_of_typed_words_travel_under_no_claim(mechanism, word_rows):
    if mechanism == "none" or word_rows != "typed":
        check("fixed", some_codec(mechanism), mechanism, weights="uniform", word_rows=word_rows)
    else:
        with pytest.raises(IncompatibleError, match="tells which words it typed"):
            check("fixed", some_codec(mechanism), mechanism, weights="uniform", word_rows=word_rows)

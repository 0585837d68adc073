"""The join behind `gboard-sim keyboard --trigger`: is a proposal worth showing?

The run's phones train the trigger on what they may train on. Its step size and the threshold from
which a proposal is shown are chosen on validation users, and precision is read on test users: no
phone that judges has trained.
"""

from collections.abc import Callable
from itertools import pairwise
from math import ceil, exp
from pathlib import Path
from typing import Any

import numpy as np

from gboard_sim.course.text import experiment_with_text
from gboard_sim.keyboard.keyboard import Keyboard
from gboard_sim.keyboard.offers import wilson_low
from gboard_sim.keyboard.proposals import FEATURES, Proposals, baseline, proposals
from gboard_sim.learning.text.corpus import Corpus
from gboard_sim.learning.text.divided_corpus import read_divided
from gboard_sim.learning.text.user_sets import later
from gboard_sim.learning.trigger import Plan, chances, federated, log_loss
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.plain import plain
from gboard_sim.seam.records import Flags, Floats, Ints

MESSAGES = 4000
"""Messages of each set of users (assumed): a minute or two in all."""

BASELINE_MESSAGES = 300
"""Messages of validation users on which the baseline's rule is chosen (assumed)."""

OF_A_PERSON = 40
"""Most messages of one person (assumed)."""

ROUNDS = 100
"""Server steps (assumed): more than a dozen weights need."""

COHORT = 20
"""Phones in a round (assumed)."""

BATCH = 16
"""Proposals in a local step (assumed)."""

LEARNING_RATES = (0.03, 0.1, 0.3, 1.0)
"""Local step sizes that are chosen from (assumed)."""

CLICKS_KEPT = 0.8
"""Least share of the baseline's clicks that a threshold keeps on validation users (assumed)."""

RETAINED = np.round(np.arange(0.05, 1.001, 0.05), 2)
"""Shares of the proposals shown, of the curve."""


def trigger(
    run: Path,
    artefact: Path,
    messages: int = MESSAGES,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any] | None:
    """Train a trigger across a run's phones and judge it.

    Args:
        run: The directory of a finished run.
        artefact: The keyboard that proposes.
        messages: Most messages of each set of users.
        tell: Told what is being done.

    Raises:
        GboardSimError: The run, its text or the artefact cannot be used.
    """
    experiment = experiment_with_text(RunDirectory.open(run))
    keyboard = Keyboard.load(artefact)
    divided = read_divided(experiment.text, experiment.fleet.phones, experiment.run.seed)
    corpus, sets = divided.corpus, divided.sets
    trained_on = ~later(corpus, experiment.text.held_out_share)
    tell("proposing words to phones' users, validation users and test users")
    every = np.ones(corpus.messages, np.bool_)
    chosen_on = _people(corpus, sets.validation, BASELINE_MESSAGES, every)
    least = baseline(keyboard.following, [words for own in chosen_on for words, _ in own])
    fleet, validation, test = (
        proposals(keyboard.following, _people(corpus, users, messages, kept), least)
        for users, kept in (
            (divided.fleet, trained_on),
            (sets.validation, every),
            (sets.test, every),
        )
    )
    tell("training the trigger across the run's phones")
    found = judged(fleet, validation, test, experiment.run.seed)
    if found is None:
        tell("no trigger: of some set of users, nobody typed a proposed word next")
    told: dict[str, Any] | None = plain(found and {"least_probability": exp(least)} | found)
    return told


def _people(
    corpus: Corpus, users: Ints, most: int, kept: Flags
) -> list[list[tuple[list[str], float]]]:
    """The latest messages of the first people, at most `most` in all."""
    first, number = corpus.messages_of(users)
    people: list[list[tuple[list[str], float]]] = []
    left = most
    for begin, end in pairwise(first):
        own = number[begin:end]
        own = own[kept[own]][-OF_A_PERSON:]
        if left < len(own):
            break
        left -= len(own)
        spelt = [
            [corpus.lexicon[w] for w in corpus.words[corpus.offsets[m] : corpus.offsets[m + 1]]]
            for m in own
        ]
        people.append(list(zip(spelt, corpus.time_s[own].tolist(), strict=True)))
    return people


def judged(
    fleet: Proposals, validation: Proposals, test: Proposals, seed: int
) -> dict[str, Any] | None:
    """Train, choose and judge; None where a set has no clicks to learn from or judge by.

    Args:
        fleet: What phones train on.
        validation: What is chosen on.
        test: What is judged on.
        seed: The experiment's seed.
    """
    if not all(each.clicked.any() for each in (fleet, validation, test)):
        return None
    tried = []
    for rate in LEARNING_RATES:
        plan = Plan(ROUNDS, COHORT, BATCH, 1, rate)
        weights = federated(fleet.features, fleet.clicked, fleet.first, plan, seed)
        loss = log_loss(weights, validation.features, validation.clicked)
        tried.append((loss, rate, weights))
    _, rate, weights = min(tried, key=lambda each: each[0])
    threshold = chosen(chances(weights, validation.features), validation.clicked)
    chance = chances(weights, test.features)
    shown = chance >= threshold
    score = test.features[:, FEATURES.index("score")]
    alone = surest(score, int(shown.sum()))
    return {
        "phones": int((np.diff(fleet.first) > 0).sum()),
        "examples": len(fleet.clicked),
        "rounds": ROUNDS,
        "learning_rate": rate,
        "weights": dict(zip(FEATURES, weights.tolist(), strict=True)),
        "threshold": threshold,
        "boundaries": test.boundaries,
        "proposed": len(test.clicked),
        "shown": int(shown.sum()),
        "precision_without": _share(test.clicked),
        "precision_with": _share(test.clicked[shown]),
        "precision_with_low": wilson_low(int(test.clicked[shown].sum()), int(shown.sum())),
        "precision_score_alone": _share(test.clicked[alone]),
        "clicks_kept": float(test.clicked[shown].sum() / test.clicked.sum()),
        "log_loss": log_loss(weights, test.features, test.clicked),
        "curve": [
            {
                "retained": retained,
                "precision": _share(test.clicked[surest(chance, many)]),
                "precision_score_alone": _share(test.clicked[surest(score, many)]),
            }
            for retained in RETAINED.tolist()
            if (many := round(retained * len(chance)))
        ],
    }


def chosen(chance: Floats, clicked: Flags) -> float:
    """The highest threshold that keeps `CLICKS_KEPT` of the clicks.

    Args:
        chance: Of each proposal. Shape [proposals].
        clicked: At least one. Shape [proposals].
    """
    of_clicks = np.sort(chance[clicked])
    return float(of_clicks[len(of_clicks) - ceil(CLICKS_KEPT * len(of_clicks))])


def surest(chance: Floats, many: int) -> Ints:
    """The places of the largest values, the first of equals. Shape [many]."""
    return np.argsort(-chance, kind="stable")[:many]


def _share(flags: Flags) -> float:
    return float(flags.mean()) if len(flags) else float("nan")

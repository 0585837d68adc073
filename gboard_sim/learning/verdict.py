"""The last judgement of a run: test users once, training users' later text, and what to beat."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gboard_sim.experiment.experiment import Evaluation
from gboard_sim.learning.baselines.kneser_ney_tuning import tune
from gboard_sim.learning.baselines.unigram import Unigram
from gboard_sim.learning.evaluation.evaluation import EvaluationSet, Metrics, Scoring
from gboard_sim.learning.law.ceiling import ceiling, true_mass
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.text.prepared import PreparedText
from gboard_sim.learning.text.store import RowSet
from gboard_sim.seam.records import Ints

TRAINED_ROWS = 2000
"""Trained-on messages that are judged, beside the held-out ones (assumed: a spot check)."""


@dataclass(frozen=True, slots=True)
class Baselines:
    """Recall at 3 of models that count words, on the same test positions and vocabulary.

    Attributes:
        unigram: The most frequent words, whatever came before.
        ngram: The tuned Kneser-Ney on public text and what training users had typed by the end.
        ngram_public: The same on public text alone.
        ngram_order: The order that validation text chose for `ngram`.
    """

    unigram: float
    ngram: float
    ngram_public: float
    ngram_order: int


class FinishedLearner(Protocol):
    """A learner that has made its last version, to be judged."""

    @property
    def state(self) -> LearnerState:
        """Its last version, and what it took."""
        ...

    def scoring(self, evaluation_set: EvaluationSet) -> Scoring | None:
        """The judgement of a set; None where there is no model for that set's users."""
        ...

    def score(self, scoring: Scoring) -> Metrics:
        """Carry a judgement out; waits."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run's last version is worth.

    Attributes:
        sets: The figures by set: `test` (unseen users, earlier and later text), `later` (training
            users' own later text, by phone class) and `fleet` (a sample of what was trained on);
            `later` alone where phones train alone.
        first: The test figures of version 0.
        baselines: What counting words reaches; None where that was not asked for.
        ceiling: Test recall at 3 of the best possible predictor; None for real text.
        ceiling_share: The model's share of it, at the same positions.
    """

    sets: dict[RowSet, Metrics]
    first: Metrics
    baselines: Baselines | None
    ceiling: float | None
    ceiling_share: float | None


def judge(
    text: PreparedText,
    learner: FinishedLearner,
    settings: Evaluation,
    *,
    ended_s: float,
    phone_class: Ints,
    classes: tuple[str, ...],
) -> Verdict:
    """Judge a finished learner.

    Args:
        text: The run's text.
        learner: It has made its last version.
        settings: The table `[evaluation]`.
        ended_s: When the run ended: baselines may read what had been typed by then.
        phone_class: The class of each phone. Shape [phones].
        classes: Names of the classes.
    """
    store = text.store
    by_class = {
        f"class:{name}": phone_class[store.later.owner()] == number
        for number, name in enumerate(classes)
    }
    test = text.evaluation_set(
        "test",
        settings.test_messages,
        {"earlier": ~store.test.later, "later": store.test.later},
    )
    judged: dict[RowSet, EvaluationSet] = {
        "test": test,
        "later": text.evaluation_set("later", settings.test_messages, by_class),
        "fleet": text.evaluation_set("fleet", TRAINED_ROWS),
    }
    scorings = {name: learner.scoring(which) for name, which in judged.items()}
    sets = {name: learner.score(found) for name, found in scorings.items() if found is not None}
    if learner.state.version == 0 and "test" in sets:
        first = sets["test"]
    else:
        first = learner.score(Scoring.at(0, test))
    best = share = None
    if text.law is not None:
        best = ceiling(text.law, test.words, test.offsets, text.known).recall_at_3
        if "test" in sets:
            mass = true_mass(text.law, test.words, test.offsets, sets["test"].shown)
            share = float(mass.sum(1).mean()) / best
    return Verdict(
        sets=sets,
        first=first,
        baselines=_baselines(text, test, ended_s) if settings.baselines else None,
        ceiling=best,
        ceiling_share=share,
    )


def _baselines(text: PreparedText, test: EvaluationSet, ended_s: float) -> Baselines:
    """What counting words reaches on the test positions."""
    store = text.store
    public = (store.public.words, store.public.word_offsets)
    typed = text.corpus.gather(store.fleet.message[text.typing.time_s <= ended_s])
    both = (
        np.concatenate([public[0], typed[0]]),
        np.concatenate([public[1], public[1][-1] + typed[1][1:]]),
    )
    validation = (store.validation.words, store.validation.word_offsets)
    best = tune(both, validation, text.known)
    best_public = tune(public, validation, text.known)
    return Baselines(
        unigram=test.recall(Unigram.fit(both[0], text.known).top(test.words)),
        ngram=test.recall(best.top(test.words, test.offsets)),
        ngram_public=test.recall(best_public.top(test.words, test.offsets)),
        ngram_order=best.order,
    )

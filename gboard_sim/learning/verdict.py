"""The last judgement of a run: test users once, training users' later text, and what to beat."""

from dataclasses import dataclass

import numpy as np

from gboard_sim.learning.ceiling import ceiling, true_mass
from gboard_sim.learning.evaluation import EvaluationSet, Metrics, Scoring, recall_of
from gboard_sim.learning.learner import FederatedLearner
from gboard_sim.learning.ngram_tuning import tuned
from gboard_sim.learning.text import PreparedText
from gboard_sim.learning.text_store import RowSet, TextRows
from gboard_sim.learning.unigram import most_frequent
from gboard_sim.records import Flags, Ints

TRAINED_ROWS = 2000
"""Trained-on messages that are judged, beside the held-out ones (assumed: a spot check)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run's last version is worth.

    Attributes:
        sets: The figures by set: `test` (unseen users, earlier and later text), `later` (training
            users' own later text, by phone class) and `fleet` (a sample of what was trained on).
        first: The test figures of version 0.
        unigram: Test recall at 3 of the most frequent words; None where baselines are off.
        ngram: Test recall at 3 of the tuned Kneser-Ney on public text and what was typed.
        ngram_public: The same on public text alone.
        ngram_order: The order that validation text chose.
        ceiling: Test recall at 3 of the best possible predictor; None for real text.
        ceiling_share: The model's share of it, at the same positions.
    """

    sets: dict[RowSet, Metrics]
    first: Metrics
    unigram: float | None
    ngram: float | None
    ngram_public: float | None
    ngram_order: int | None
    ceiling: float | None
    ceiling_share: float | None

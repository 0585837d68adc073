"""What phones report of a version that they judged: sums over their own text, and no word of it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.text.corpus import WordIds
from gboard_sim.seam.records import Flags, Floats, Ints


@dataclass(frozen=True, slots=True)
class Tally:
    """The sums of n phones. Shape [n] each.

    FedJAX's accuracy needs no sum of its own: its hits are those at 1.

    Attributes:
        positions: Words typed.
        in_vocabulary: Those that are in the vocabulary.
        hits_at_1: Words that were the first one shown.
        hits_at_3: Words that were among the three shown.
        answers_right: Words inside the vocabulary that were the most probable symbol (TFF).
        nats: Negative log-probabilities, summed.
        nats_in_vocabulary: Those of words inside the vocabulary.
    """

    positions: Ints
    in_vocabulary: Ints
    hits_at_1: Ints
    hits_at_3: Ints
    answers_right: Ints
    nats: Floats
    nats_in_vocabulary: Floats

    @classmethod
    def of(
        cls, scored: Scored, targets: WordIds, known: Flags, phone: Ints, phones: int
    ) -> "Tally":
        """The sums of what a model said.

        Args:
            scored: What it said at every word.
            targets: The words typed, as lexicon ids. Shape [words].
            known: Which of them are in the vocabulary. Shape [words].
            phone: Whose word each is, from 0. Shape [words].
            phones: How many phones there are.
        """
        hits = (scored.shown == targets[:, None]) & known[:, None]
        nats = -scored.logprob.astype(np.float64)

        def count(of: Flags) -> Ints:
            return np.bincount(phone[of], minlength=phones)

        def total(whose: Ints, values: Floats) -> Floats:
            return np.bincount(whose, weights=values, minlength=phones).astype(np.float64)

        return cls(
            positions=np.bincount(phone, minlength=phones),
            in_vocabulary=count(known),
            hits_at_1=count(hits[:, 0]),
            hits_at_3=count(hits.any(axis=1)),
            answers_right=count(known & (scored.answer == targets)),
            nats=total(phone, nats),
            nats_in_vocabulary=total(phone[known], nats[known]),
        )

    @classmethod
    def joined(cls, parts: Sequence["Tally"]) -> "Tally":
        """Those of several parts of the phones, one part after the other."""
        names = (column.name for column in fields(cls))
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})

"""The synthetic law of language, which knows the exact probability of every next word.

So the best possible recall can be computed and a trained model measured against it.

A user has a mixture of topics, drawn from a Dirichlet distribution. A message has one topic, drawn
from its user's mixture, and a length that does not depend on the topic. Each word follows the word
before it: the previous word (or `<s>`) decides a word class, class and topic decide the word. So

    P_z(w | v) = sum over classes k of P(k | v) P_z(w | k),

an aggregate Markov model (Saul and Pereira, EMNLP 1997) whose classes each topic tilts in its own
way. It is low-rank, so a small neural model can learn it; and no n-gram can, because the topic
shows only in the whole of a message. It is not English, though it is built on English counts.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gboard_sim.catalogue import locate
from gboard_sim.learning.law.factors import Factors
from gboard_sim.seam.records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """The law. Its word ids are places in `words`; the id after the last stands for `<s>`.

    Attributes:
        words: The words, most frequent first. Length W.
        topic_share: Topic proportions over all users (pi). Shape [Z].
        concentration: The sum of the Dirichlet parameters (alpha): users' mixtures are drawn from
            Dirichlet(alpha * pi).
        length_share: `length_share[n]` is the share of messages that have n words. Shape [cap + 1].
        class_after: Probability of each class after each word, `<s>` last. Shape [W + 1, K].
        word_in: Probability of each word in each class, by topic. Shape [Z, K, W].
    """

    words: tuple[str, ...]
    topic_share: Floats
    concentration: float
    length_share: Floats
    class_after: Floats
    word_in: Floats

    @classmethod
    def of(cls, factors: Factors) -> "Law":
        """The law of its factors: P_z(w | k) is P(w | k) exp(tilt_z(w)), scaled to sum to one."""
        return cls(
            factors.words,
            _normalised(factors.topic_share),
            factors.concentration,
            _normalised(factors.length_share),
            _normalised(factors.class_after),
            _normalised(factors.word_in * np.exp(factors.tilt)[:, None, :]),
        )

    @classmethod
    def load(cls, folder: Path | None = None) -> "Law":
        """The law of a folder that `law_from_bigrams` wrote, by default the one that ships.

        Raises:
            CatalogueError: A file is missing or damaged, or the shapes do not agree.
        """
        return cls.of(Factors.read(locate("models", "law") if folder is None else folder))

    @property
    def start(self) -> int:
        """The id of `<s>`, which comes before the first word of every message."""
        return len(self.words)

    def after(self, previous: int) -> Floats:
        """Probability of every word after `previous`, by topic. Shape [Z, W]."""
        following: Floats = np.matmul(self.class_after[previous], self.word_in)
        return following


def _normalised(weights: Floats) -> Floats:
    """Weights scaled so that the last axis sums to one."""
    shares: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return shares

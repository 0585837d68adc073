"""The synthetic law of language: an exact probability for every next word, so that the best
possible recall can be computed and a trained model measured against it.

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
from zipfile import BadZipFile

import numpy as np

from gboard_sim.errors import CatalogueError
from gboard_sim.records import Floats

_ARRAYS = "law.npz"
_WORDS = "words.txt"


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

    @property
    def start(self) -> int:
        """The id of `<s>`, which comes before the first word of every message."""
        return len(self.words)

    def after(self, previous: int) -> Floats:
        """Probability of every word after `previous`, by topic. Shape [Z, W]."""
        following: Floats = np.matmul(self.class_after[previous], self.word_in)
        return following

    @classmethod
    def tilted(
        cls,
        *,
        words: tuple[str, ...],
        topic_share: Floats,
        concentration: float,
        length_share: Floats,
        class_after: Floats,
        word_in: Floats,
        tilt: Floats,
    ) -> "Law":
        """The law whose topics tilt common classes: P_z(w | k) is P(w | k) exp(tilt_z(w)), scaled.

        Args:
            words: The words. Length W.
            topic_share: Positive, any scale. Shape [Z].
            concentration: Of the users' mixtures.
            length_share: Any scale. Shape [cap + 1].
            class_after: Positive, rows of any scale. Shape [W + 1, K].
            word_in: The classes without a topic, rows of any scale. Shape [K, W].
            tilt: Logarithms of what a topic multiplies words by. Shape [Z, W].
        """
        return cls(
            words,
            _normalised(topic_share),
            concentration,
            _normalised(length_share),
            _normalised(class_after),
            _normalised(word_in * np.exp(tilt.astype(np.float64))[:, None, :]),
        )

    @classmethod
    def load(cls, folder: Path) -> "Law":
        """The law of a folder such as `models/law`, as `law_from_bigrams` writes it.

        Raises:
            CatalogueError: A file is missing or damaged, or the shapes do not agree.
        """
        try:
            words = tuple((folder / _WORDS).read_text(encoding="utf-8").split())
            with np.load(folder / _ARRAYS, allow_pickle=False) as read:
                arrays = {name: read[name].astype(np.float64) for name in read.files}
            law = cls.tilted(
                words=words,
                topic_share=arrays["topic_share"],
                concentration=float(arrays["concentration"]),
                length_share=arrays["length_share"],
                class_after=arrays["class_after"],
                word_in=arrays["word_in"],
                tilt=arrays["tilt"],
            )
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise CatalogueError(
                f"{folder}: not a law: {error}; it needs {_WORDS} and {_ARRAYS} as "
                "`python -m gboard_sim.learning.law_from_bigrams` writes them"
            ) from error
        topics, classes, width = law.word_in.shape
        if (len(words), topics, (width + 1, classes)) != (
            width,
            len(law.topic_share),
            law.class_after.shape,
        ):
            raise CatalogueError(
                f"{folder}: {len(words)} words, {len(law.topic_share)} topics, class_after "
                f"{law.class_after.shape} and word_in {law.word_in.shape} do not agree"
            )
        return law


def write(
    folder: Path,
    *,
    words: tuple[str, ...],
    topic_share: Floats,
    concentration: float,
    length_share: Floats,
    class_after: Floats,
    word_in: Floats,
    tilt: Floats,
) -> None:
    """Write what `Law.tilted` takes into a folder, rounded to the precision that is shipped."""
    (folder / _WORDS).write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    np.savez_compressed(
        folder / _ARRAYS,
        topic_share=topic_share,
        concentration=np.float64(concentration),
        length_share=length_share,
        class_after=class_after.astype(np.float32),
        word_in=word_in.astype(np.float32),
        tilt=tilt.astype(np.float32),
    )


def _normalised(weights: Floats) -> Floats:
    """Weights scaled so that the last axis sums to one."""
    return weights / weights.sum(axis=-1, keepdims=True)

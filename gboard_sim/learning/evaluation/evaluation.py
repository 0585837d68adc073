"""How well a version predicts: recall by the Gboard rule, accuracies by others' rules, perplexity.

Every word of a message is a target, the first included, never the end of the message.

- `recall_at_k`: targets among the k words shown, over all targets. A target outside the vocabulary
  is a miss, and `<unk>` is never shown (Hard et al. 2018, arXiv 1811.03604).
- `accuracy_tff`: the most probable symbol is the target, over targets inside the vocabulary, with
  `<unk>` allowed as an answer (`accuracy_without_out_of_vocab` of TensorFlow Federated).
- `accuracy_fedjax`: special symbols barred as answers, targets outside the vocabulary kept as
  errors (`accuracy_in_vocab` of FedJAX). Without an end-of-sentence symbol that is `recall_at_1`.
- `perplexity`: exp of the mean negative log-probability of targets, where a word outside the
  vocabulary counts as `<unk>`; `perplexity_in_vocabulary` leaves those words out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.evaluation.parts import Parts
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.jobs import Job, ScoreRows
from gboard_sim.learning.text.store import RowSet
from gboard_sim.seam.records import Flags, Ints

ROWS = 256
"""Messages that one job scores (assumed; never changes a result)."""


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Messages to be judged on.

    Attributes:
        name: `validation`; `test`; `later`, what training users typed after what they trained on;
            or `fleet`, what they trained on.
        rows: Rows of the set's store. Shape [messages].
        words: Lexicon ids of the targets. Shape [words].
        offsets: Message `m` is `words[offsets[m]:offsets[m + 1]]`. Shape [messages + 1].
        known: Which lexicon words are in the vocabulary. Shape [lexicon].
        groups: Masks over the messages, by name, such as `class:low`. Each of shape [messages].
        targets: Groups of the positions whose target is one word, as lexicon ids, by name.
    """

    name: RowSet
    rows: Ints
    words: npt.NDArray[np.int32]
    offsets: Ints
    known: Flags
    groups: Mapping[str, Flags]
    targets: Mapping[str, int] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        """Number of messages."""
        return len(self.offsets) - 1

    def hits(self, shown: npt.NDArray[np.integer[Any]]) -> Flags:
        """Which of the words shown at each position is the target, by the Gboard rule. [words, k].

        Args:
            shown: Lexicon ids, -1 for none. Shape [words, k].
        """
        right: Flags = (shown == self.words[:, None]) & self.known[self.words][:, None]
        return right

    def recall(self, shown: npt.NDArray[np.integer[Any]]) -> float:
        """Recall of whatever was shown, by the Gboard rule; see `hits`."""
        return _mean(self.hits(shown).any(axis=1))


@dataclass(frozen=True, slots=True)
class Recall:
    """The figures of one group of messages; NaN where it holds no such target."""

    positions: int
    recall_at_1: float
    recall_at_3: float
    accuracy_tff: float
    accuracy_fedjax: float
    perplexity: float
    perplexity_in_vocabulary: float
    oov_share: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of a set at one version.

    Attributes:
        overall: All messages.
        groups: Each group of messages, or of targets.
        shown: The three words shown at every position, as lexicon ids, -1 for none. [words, 3].
    """

    overall: Recall
    groups: Mapping[str, Recall]
    shown: npt.NDArray[np.int32]

    def rows(self, version: int, name: str) -> list[dict[str, Any]]:
        """The figures as rows of the table `evaluations`."""
        head = {"version": version, "set": name}
        every = {"all": self.overall, **self.groups}
        return [
            head | {"group": group} | {key: getattr(recall, key) for key in Recall.__slots__}
            for group, recall in every.items()
        ]


class Scoring(Parts[Job, Scored]):
    """The judgement of one set, as its parts come in.

    Args:
        evaluation_set: The set.
        jobs: What scores its messages, part by part, in their order.
    """

    def __init__(self, evaluation_set: EvaluationSet, jobs: Sequence[Job]) -> None:
        super().__init__(jobs)
        self._set = evaluation_set

    @classmethod
    def at(cls, version: int, evaluation_set: EvaluationSet) -> "Scoring":
        """The judgement of a set at one version."""
        rows = evaluation_set.rows
        parts = (rows[first : first + ROWS] for first in range(0, len(rows), ROWS))
        return cls(evaluation_set, [ScoreRows(version, evaluation_set.name, p) for p in parts])

    @property
    def name(self) -> str:
        """The set's name."""
        return self._set.name

    def metrics(self) -> Metrics:
        """The figures, once complete."""
        scored = Scored.joined(self.results())
        targets = self._set.words
        hits = self._set.hits(scored.shown)
        lengths = np.diff(self._set.offsets)
        known = self._set.known[targets]

        def recall(of: Flags) -> Recall:
            """The figures over some positions."""
            inside = of & known
            return Recall(
                positions=int(of.sum()),
                recall_at_1=_mean(hits[of, 0]),
                recall_at_3=_mean(hits[of].any(axis=1)),
                accuracy_tff=_mean(scored.answer[inside] == targets[inside]),
                accuracy_fedjax=_mean(hits[of, 0]),
                perplexity=_perplexity(scored.logprob[of]),
                perplexity_in_vocabulary=_perplexity(scored.logprob[inside]),
                oov_share=_mean(~known[of]),
            )

        groups = {name: recall(np.repeat(mask, lengths)) for name, mask in self._set.groups.items()}
        groups |= {name: recall(targets == word) for name, word in self._set.targets.items()}
        return Metrics(recall(np.ones(len(targets), bool)), groups, scored.shown)


def _mean(values: Any) -> float:
    """The mean in float64; NaN of nothing."""
    return float(values.mean(dtype=np.float64)) if len(values) else float("nan")


def _perplexity(logprob: npt.NDArray[np.float32]) -> float:
    """Perplexity of some targets; infinite where a model has gone so wrong that it overflows."""
    with np.errstate(over="ignore"):
        return float(np.exp(-np.float64(_mean(logprob))))

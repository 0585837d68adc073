"""Versions judged on phones: each scores its own held-out text, and the server adds up sums.

A mean over the pooled text is a ratio of sums, so the phones' sums give it whatever the phones'
shares of the text are. Weights stay on the phone, and so does the text.

Groups of phones, beside `all`: `class:<name>`; `activity:low`, `mid` and `high`, thirds of the
fleet by how much a phone's user typed; and `never trained`, phones whose update no version up to
the judged one had used. Central training uses nobody's update; there the group is that of the same
phones as in a federated run, whose cohorts it trains in place of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gboard_sim import ranges
from gboard_sim.learning.evaluation.evaluation import ROWS, Recall
from gboard_sim.learning.evaluation.parts import Parts
from gboard_sim.learning.evaluation.tally import Tally
from gboard_sim.learning.text.store import TextRows
from gboard_sim.learning.workshop import Workshop
from gboard_sim.seam.records import Cohort, Flags, Floats, Ints
from gboard_sim.seam.uploads import Uploads

NEVER = np.iinfo(np.int64).max
"""The first version of a phone that no version used."""


@dataclass(frozen=True, slots=True)
class TallyPhones:
    """Have some phones score their held-out text at one version.

    Attributes:
        version: The version.
        phones: The phones. Shape [n].
    """

    version: int
    phones: Ints

    def versions(self) -> frozenset[int]:
        """The one that is judged."""
        return frozenset((self.version,))

    def work(self, workshop: Workshop) -> Tally:
        """The phones' sums."""
        rows = workshop.rows("later")
        chosen = ranges.owned(rows.first, self.phones)
        words = ranges.owned(rows.word_offsets, chosen)
        scored = workshop.scorer.score(rows, chosen, workshop.snapshots.read(self.version))
        targets = rows.words[words]
        typed = rows.word_offsets[rows.first[self.phones + 1]]
        counts = typed - rows.word_offsets[rows.first[self.phones]]
        return Tally.of(
            scored,
            targets,
            known=np.isin(targets, workshop.word_ids),
            phone=np.repeat(np.arange(len(self.phones)), counts),
            phones=len(self.phones),
        )


class Reporting(Parts[TallyPhones, Tally]):
    """The judgement of one version by phones, as their reports come in.

    Args:
        number: Of the judgement, counted from 0.
        version: The version that is judged.
        after: The newest version when the reports were handed over: it is entered before this.
        phones: The phones, in order. Shape [n].
        groups: Masks over them, by name. Each of shape [n].
        rows: Messages in each phone's held-out text. Shape [n].
    """

    def __init__(
        self,
        number: int,
        version: int,
        after: int,
        phones: Ints,
        groups: Mapping[str, Flags],
        rows: Ints,
    ) -> None:
        # Phones are cut into parts where another `ROWS` messages are full.
        part = np.cumsum(rows) // ROWS
        cuts = np.flatnonzero(np.diff(part)) + 1
        super().__init__([TallyPhones(version, some) for some in np.split(phones, cuts)])
        self.number = number
        self.version = version
        self.after = after
        self._groups = groups

    def rows(self) -> list[dict[str, Any]]:
        """Rows of the table `evaluations`, once complete; none for a group without text."""
        tally = Tally.joined(self.results())
        everyone = np.ones(len(tally.positions), np.bool_)
        found = {
            name: pooled(tally, mask) for name, mask in {"all": everyone, **self._groups}.items()
        }
        head = {"version": self.version, "set": "phones"}
        return [
            head | {"group": name} | {key: getattr(recall, key) for key in Recall.__slots__}
            for name, recall in found.items()
            if recall.positions
        ]


def pooled(tally: Tally, of: Flags) -> Recall:
    """The figures over the text of some phones, from their sums alone. Shape of `of`: [n]."""
    positions = int(tally.positions[of].sum())
    inside = int(tally.in_vocabulary[of].sum())

    def share(part: Ints, whole: int) -> float:
        return int(part[of].sum()) / whole if whole else float("nan")

    def perplexity(nats: Floats, whole: int) -> float:
        with np.errstate(over="ignore"):
            return float(np.exp(nats[of].sum() / whole)) if whole else float("nan")

    first = share(tally.hits_at_1, positions)
    return Recall(
        positions=positions,
        recall_at_1=first,
        recall_at_3=share(tally.hits_at_3, positions),
        accuracy_tff=share(tally.answers_right, inside),
        accuracy_fedjax=first,
        perplexity=perplexity(tally.nats, positions),
        perplexity_in_vocabulary=perplexity(tally.nats_in_vocabulary, inside),
        oov_share=share(tally.positions - tally.in_vocabulary, positions),
    )


class HeldOutText:
    """The fleet's held-out text: whose it is, and which phones' updates were used.

    Args:
        text: The set `later`.
        groups: Masks over the phones, by name. Each of shape [phones].
        first_used: The first version that used an update of each phone, `NEVER` where none did.
            Shape [phones]; changed in place.
    """

    def __init__(self, text: TextRows, groups: Mapping[str, Flags], first_used: Ints) -> None:
        self._rows = np.diff(text.first)
        self._groups = groups
        self._first_used = first_used
        self._judged = 0

    def used(self, cohort: Cohort) -> None:
        """Take note of the phones whose updates a version uses."""
        phone = Uploads.of(cohort.uploads).phone
        self._first_used[phone] = np.minimum(self._first_used[phone], cohort.makes_version)

    def reporting(self, cohort: Cohort, after: int) -> Reporting:
        """The judgement that a cohort of reports asks for; see `Reporting`."""
        phones, version = Uploads.of(cohort.uploads).phone, cohort.makes_version
        groups = {name: mask[phones] for name, mask in self._groups.items()}
        groups["never trained"] = self._first_used[phones] > version
        self._judged += 1
        return Reporting(self._judged - 1, version, after, phones, groups, self._rows[phones])


def phone_groups(phone_class: Ints, classes: tuple[str, ...], typed: Ints) -> dict[str, Flags]:
    """The groups that a phone is in for good.

    Args:
        phone_class: The class of each phone. Shape [phones].
        classes: Their names.
        typed: Tokens that each phone's user typed. Shape [phones]. Phones that typed equally much
            are in one group, so the thirds are equal only where there are few ties.
    """
    groups = {f"class:{name}": phone_class == number for number, name in enumerate(classes)}
    low, high = np.quantile(typed, [1 / 3, 2 / 3])
    groups["activity:low"] = typed <= low
    groups["activity:mid"] = (typed > low) & (typed <= high)
    groups["activity:high"] = typed > high
    return groups

"""What `gboard-sim corpus inspect` says of a corpus."""

from dataclasses import dataclass, fields
from math import floor
from typing import Any

import numpy as np

from gboard_sim.learning.text.corpus import Corpus


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """A corpus in numbers; None where there is nothing to measure.

    Attributes:
        source: The file.
        lines: Lines that are not blank.
        users: Users with at least one word.
        utterances: Messages with at least one word.
        words: Words in them.
        distinct_words: Different words.
        utterances_per_user_min: Messages of the smallest user.
        utterances_per_user_median: Of the median user.
        utterances_per_user_mean: Mean over the users.
        utterances_per_user_p90: Nine users in ten have at most this.
        utterances_per_user_max: Messages of the largest user.
        words_per_utterance_mean: Mean over the messages.
        first_time: The earliest time, ISO 8601 in UTC.
        last_time: The latest time.
        timeless_utterances: Messages without a time.
        wordless_utterances: Messages left out because no word is in them.
        textless_users: Users left out because none of their messages has a word.
        bad_lines: Lines that hold no message.
        first_bad_lines: The first few, with their numbers and what is wrong.
    """

    source: str
    lines: int
    users: int
    utterances: int
    words: int
    distinct_words: int
    utterances_per_user_min: int | None
    utterances_per_user_median: float | None
    utterances_per_user_mean: float | None
    utterances_per_user_p90: float | None
    utterances_per_user_max: int | None
    words_per_utterance_mean: float | None
    first_time: str | None
    last_time: str | None
    timeless_utterances: int
    wordless_utterances: int
    textless_users: int
    bad_lines: int
    first_bad_lines: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The facts as plain values, for a table or JSON."""
        plain = {column.name: getattr(self, column.name) for column in fields(self)}
        return plain | {"first_bad_lines": list(self.first_bad_lines)}


def measure(
    corpus: Corpus,
    *,
    lines: int,
    wordless_messages: int,
    textless_users: int,
    bad_lines: int,
    first_bad_lines: tuple[str, ...],
) -> CorpusFacts:
    """Measure a corpus, which may be empty; the rest is what its reader counted."""
    sizes = np.diff(corpus.first())
    times_s = corpus.time_s[~np.isnan(corpus.time_s)]
    return CorpusFacts(
        source=corpus.source,
        lines=lines,
        users=len(corpus.users),
        utterances=corpus.messages,
        words=len(corpus.words),
        distinct_words=len(corpus.lexicon),
        utterances_per_user_min=int(sizes.min()) if len(sizes) else None,
        utterances_per_user_median=float(np.median(sizes)) if len(sizes) else None,
        utterances_per_user_mean=round(float(sizes.mean()), 2) if len(sizes) else None,
        utterances_per_user_p90=round(float(np.quantile(sizes, 0.9)), 2) if len(sizes) else None,
        utterances_per_user_max=int(sizes.max()) if len(sizes) else None,
        words_per_utterance_mean=(
            round(len(corpus.words) / corpus.messages, 2) if corpus.messages else None
        ),
        first_time=_iso(times_s.min()) if len(times_s) else None,
        last_time=_iso(times_s.max()) if len(times_s) else None,
        timeless_utterances=corpus.messages - len(times_s),
        wordless_utterances=wordless_messages,
        textless_users=textless_users,
        bad_lines=bad_lines,
        first_bad_lines=first_bad_lines,
    )


def _iso(time_s: float) -> str:
    """Seconds since 1970 as ISO 8601."""
    return f"{np.datetime64(floor(time_s), 's')}+00:00"  # a datetime would end with the year 9999

"""What this person has typed on this phone before, and may be typing again; it never leaves it.

After `CONTEXT` words that were typed before, its message's beginning counting as one, the phrases
that followed them then are likely to follow again: what followed n times of N, the message's end
counting as what follows, has a probability of (n - `DISCOUNT`) / N. No model is so sure of what
people say for the first time.
"""

from collections import Counter
from collections.abc import Sequence

from gboard_sim.keyboard.compose import FEWEST, MOST, Continuation

CONTEXT = 4
"""Words that must be the same (assumed: fewer are often followed by something else)."""

DISCOUNT = 0.3
"""What is taken from each count, as for n-grams (assumed)."""


class Phrases:
    """The phrases of one person."""

    def __init__(self) -> None:
        self._after: dict[tuple[str, ...], list[tuple[str, ...]]] = {}

    def remember(self, message: Sequence[str]) -> None:
        """Keep what followed what in a message that has been typed."""
        symbols = ("", *message)  # the beginning
        for place in range(CONTEXT, len(symbols) + 1):  # the end follows too
            context, following = symbols[place - CONTEXT : place], symbols[place : place + MOST]
            self._after.setdefault(context, []).append(following)

    def continuations(self, before: Sequence[str]) -> list[Continuation]:
        """The most frequent phrase of each length after some words, the shortest first.

        Args:
            before: The message's words so far.
        """
        past = self._after.get(("", *before)[-CONTEXT:], [])
        found = []
        for length in range(FEWEST, MOST + 1):
            phrases = Counter(words[:length] for words in past if len(words) >= length)
            if not phrases:
                break
            [(words, many)] = phrases.most_common(1)
            found.append(Continuation(words, (many - DISCOUNT) / len(past)))
        return found

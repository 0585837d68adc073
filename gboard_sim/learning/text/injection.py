"""A word that nobody used, put into what people type from a day on: how news reaches a model.

Draws are keyed by the user, who is a phone or is judged on, and by the user's own count of
messages, so the same messages carry the word whatever the schedule. No other word changes.
"""

from dataclasses import replace

import numpy as np

from gboard_sim import seeds
from gboard_sim.errors import CorpusError, ExperimentError
from gboard_sim.experiment.text import Injection
from gboard_sim.keyboard.words import words
from gboard_sim.learning.text.corpus import Corpus
from gboard_sim.seam.records import Ints


def check(corpus: Corpus, word: str) -> None:
    """Refuses what is no word by the word rule, or one that the corpus has already.

    Raises:
        ExperimentError: It is no word.
        CorpusError: The corpus has it.
    """
    if words(word) != [word]:
        raise ExperimentError(
            f"text.injection.word = {word!r} is not allowed: one word in lower case, without white "
            f"space or punctuation around it; the word rule makes {words(word)} of it"
        )
    if word in corpus.lexicon:
        raise CorpusError(
            f"{corpus.source}: text.injection.word = {word!r} is a word of the corpus already; "
            "allowed: one that occurs nowhere in it; hint: make one up"
        )


def inject(corpus: Corpus, settings: Injection, messages: Ints, seed: int) -> Corpus:
    """The corpus with the word in a share of some messages, at a place drawn for each.

    The word is the last of the lexicon. Messages keep their numbers.

    Args:
        corpus: The corpus, which does not have the word.
        settings: The table `[text.injection]`.
        messages: Messages typed when the word was in use. Shape [n].
        seed: The experiment's seed.
    """
    messages = np.sort(messages)
    user = corpus.user[messages]
    nth = messages - corpus.first()[user]
    chosen = seeds.uniforms(seed, "injection/message", user, nth) < settings.share
    messages, user, nth = messages[chosen], user[chosen], nth[chosen]
    begins = corpus.offsets[messages]
    places = corpus.offsets[messages + 1] - begins + 1  # before any word, or after the last
    drawn = seeds.uniforms(seed, "injection/place", user, nth)
    at = begins + np.floor(drawn * places).astype(np.int64)
    longer = np.zeros(corpus.messages, np.int64)
    longer[messages] = 1
    return replace(
        corpus,
        lexicon=(*corpus.lexicon, settings.word),
        offsets=corpus.offsets + np.concatenate([[0], np.cumsum(longer)]),
        words=np.insert(corpus.words, at, np.int32(len(corpus.lexicon))),
    )

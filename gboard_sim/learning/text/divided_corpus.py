"""A corpus whose users are divided into the four sets, and the users behind a fleet's phones."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gboard_sim import catalogue
from gboard_sim.errors import ExperimentError
from gboard_sim.experiment.text import Text as Settings
from gboard_sim.learning.law.law import Law
from gboard_sim.learning.law.sampling import MessageCounts, sample
from gboard_sim.learning.text.corpus import Corpus, arrange
from gboard_sim.learning.text.corpus_reader import read_corpus
from gboard_sim.learning.text.user_sets import UserSets, divide
from gboard_sim.seam.records import Ints

SPARE_USERS = 1.1
"""Synthetic users drawn per user needed on average (assumed: the sets' sizes vary by chance)."""

LEAST_USERS = 100
"""Fewest synthetic users: among 54 or fewer, no name hashes into a test set of 5% (assumed)."""

MESSAGES_SIGMA = 0.6
"""Sigma of the lognormal number of a synthetic user's messages (assumed: milder than real text)."""

MOST_MESSAGES = 1000
"""Most messages of a synthetic user: the cap of Reddi et al. (ICLR 2021)."""


@dataclass(frozen=True, slots=True)
class DividedCorpus:
    """A corpus and what its users are to a run.

    Attributes:
        corpus: The messages.
        sets: Which users are public, training, validation and test.
        fleet: The training user behind each phone. Shape [phones].
        law: The law that the text was drawn from, None for real text.
    """

    corpus: Corpus
    sets: UserSets
    fleet: Ints
    law: Law | None


def read_divided(settings: Settings, phones: int | Literal["all"], seed: int) -> DividedCorpus:
    """Read or draw the corpus and divide its users.

    Args:
        settings: The table `[text]`.
        phones: Phones in the fleet; `all` takes every training user of a file.
        seed: The experiment's seed, which a synthetic corpus is drawn with.

    Raises:
        ExperimentError: There would be nobody to choose or to judge by.
        CorpusError: The text cannot be used, or has fewer training users than there are phones.
    """
    for key in ("validation_share", "test_share"):
        if not getattr(settings, key):
            raise ExperimentError(
                f"text.{key} = 0 is not allowed: above 0 and below 1; hint: choices are made on "
                "validation users and the headline is read on test users, so both must exist"
            )
    law = None
    if settings.source == "synthetic":
        if phones == "all":
            raise ExperimentError(
                'fleet.phones = "all" is not allowed with synthetic text, which has as many users '
                "as are asked for; hint: give a number, or a corpus"
            )
        law = Law.load(catalogue.locate("models", "law"))
        corpus = _drawn(law, settings, phones, seed)
    else:
        corpus = read_corpus(settings.source, skip_bad_lines=settings.skip_bad_lines).corpus
    sets = divide(
        corpus,
        public_share=settings.public_share,
        validation_share=settings.validation_share,
        test_share=settings.test_share,
        min_messages=settings.min_messages,
    )
    fleet = sets.training if phones == "all" else sets.fleet(phones, corpus.source)
    return DividedCorpus(corpus, sets, fleet, law)


def _drawn(law: Law, settings: Settings, phones: int, seed: int) -> Corpus:
    """A corpus from the law, with as many users as leave one for every phone."""
    taken = settings.public_share + settings.validation_share + settings.test_share
    users = max(LEAST_USERS, int(np.ceil(SPARE_USERS * phones / (1.0 - taken))) + 20)
    counts = MessageCounts(settings.messages_per_user, MESSAGES_SIGMA, least=1, most=MOST_MESSAGES)
    text = sample(law, users, counts, seed)
    return arrange(
        source="the synthetic law",
        lexicon=law.words,
        users=tuple(f"synthetic-{number:07d}" for number in range(users)),
        user=text.user,
        time_s=np.full(len(text.user), np.nan),
        offsets=text.offsets,
        words=text.words,
    )

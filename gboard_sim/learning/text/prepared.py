"""From an experiment's `[text]` to what phones train on and versions are judged on."""

from dataclasses import dataclass

import numpy as np

from gboard_sim import catalogue, seeds
from gboard_sim.errors import ExperimentError
from gboard_sim.experiment import Text as Settings
from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.evaluation.evaluation import EvaluationSet
from gboard_sim.learning.law.law import Law
from gboard_sim.learning.law.sampling import MessageCounts, sample
from gboard_sim.learning.text import arrival
from gboard_sim.learning.text.corpus import Corpus, WordIds, arrange
from gboard_sim.learning.text.corpus_reader import read_corpus
from gboard_sim.learning.text.store import RowSet, TextRows, TextStore, build_store
from gboard_sim.learning.text.user_sets import UserSets, divide, later
from gboard_sim.learning.text.vocabulary import Vocabulary, train_vocabulary
from gboard_sim.records import Flags, Floats, Typing
from gboard_sim.units import DAY_S

SPARE_USERS = 1.1
"""Synthetic users drawn per user needed on average (assumed: the sets' sizes vary by chance)."""

LEAST_USERS = 100
"""Fewest synthetic users: among 54 or fewer, no name hashes into a test set of 5% (assumed)."""

MESSAGES_SIGMA = 0.6
"""Sigma of the lognormal number of a synthetic user's messages (assumed: milder than real text)."""

MOST_MESSAGES = 1000
"""Most messages of a synthetic user: the cap of Reddi et al. (ICLR 2021)."""


@dataclass(frozen=True, slots=True)
class PreparedText:
    """Everything that a run needs of its text.

    Attributes:
        corpus: The messages.
        sets: Which users are public, training, validation and test.
        law: The law that the text was drawn from, None for real text.
        vocabulary: The tokenizer and the public word list.
        word_ids: Lexicon id of each word in the list. Shape [listed words].
        known: Which lexicon words are in the public word list. Shape [lexicon].
        store: The rows as tokens.
        typing: The rows that phones may train on, as the fleet sees them.
    """

    corpus: Corpus
    sets: UserSets
    law: Law | None
    vocabulary: Vocabulary
    word_ids: WordIds
    known: Flags
    store: TextStore
    typing: Typing

    def evaluation_set(
        self, name: RowSet, most: int, groups: dict[str, Flags] | None = None
    ) -> EvaluationSet:
        """A set to judge versions on: at most `most` of its messages, chosen evenly by hash.

        Args:
            name: The set.
            most: Most messages.
            groups: Masks over all the set's rows, by name.
        """
        rows: TextRows = getattr(self.store, name)
        chosen = np.sort(np.argsort(seeds.bits(0, "evaluation", np.arange(rows.rows)))[:most])
        lengths = np.diff(rows.word_offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return EvaluationSet(
            name=name,
            rows=chosen,
            words=rows.words[np.repeat(rows.word_offsets[chosen], lengths) + within],
            offsets=offsets,
            known=self.known,
            groups={group: mask[chosen] for group, mask in (groups or {}).items()},
        )


def prepare(
    settings: Settings,
    *,
    phones: int,
    days: float,
    utc_offset_s: Floats,
    seed: int,
) -> PreparedText:
    """Read or draw the corpus, divide its users, train the tokenizer, and place it in time.

    Args:
        settings: The table `[text]`.
        phones: Phones in the fleet.
        days: Length of the experiment.
        utc_offset_s: What each phone's clock shows at simulated time 0. Shape [phones].
        seed: The experiment's seed.

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
    law = Law.load(catalogue.locate("models", "law")) if settings.source == "synthetic" else None
    if law is None:
        corpus = read_corpus(settings.source, skip_bad_lines=settings.skip_bad_lines).corpus
    else:
        corpus = _drawn(law, settings, phones, seed)
    sets = divide(
        corpus,
        public_share=settings.public_share,
        validation_share=settings.validation_share,
        test_share=settings.test_share,
        min_messages=settings.min_messages,
    )
    fleet = sets.fleet(phones, corpus.source)
    vocabulary = train_vocabulary(
        corpus,
        corpus.messages_of(sets.public)[1],
        kind=settings.tokenizer,
        size=settings.vocabulary,
    )
    known = np.zeros(len(corpus.lexicon), np.bool_)
    word_ids = corpus.ids_of(vocabulary.words)
    known[word_ids] = True
    table = Tokenizer(vocabulary.model).table(corpus.lexicon)
    store = build_store(corpus, sets, fleet, table, later(corpus, settings.held_out_share))
    return PreparedText(
        corpus=corpus,
        sets=sets,
        law=law,
        vocabulary=vocabulary,
        word_ids=word_ids,
        known=known,
        store=store,
        typing=Typing(
            first=store.fleet.first,
            time_s=_arrival(settings, corpus, store.fleet, days, utc_offset_s, seed),
            tokens=store.fleet.lengths(),
            cache_rows=settings.cache_rows,
            expiry_s=settings.expiry_days * DAY_S,
        ),
    )


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


def _arrival(
    settings: Settings,
    corpus: Corpus,
    rows: TextRows,
    days: float,
    utc_offset_s: Floats,
    seed: int,
) -> Floats:
    """When each row reaches its phone. Shape [rows]."""
    recorded_s = corpus.time_s[rows.message]
    calendar = {
        "days": days,
        "history_days": settings.history_days,
    }
    match settings.arrival or ("habit" if settings.source == "synthetic" else "compressed"):
        case "at_start":
            return arrival.at_start(rows.first)
        case "recorded":
            return arrival.recorded(rows.first, recorded_s, corpus.source)
        case "habit":
            return arrival.habit(rows.first, **calendar, offset_s=utc_offset_s, seed=seed)
        case "compressed":
            return arrival.compressed(
                rows.first, recorded_s, **calendar, offset_s=utc_offset_s, seed=seed
            )

"""From an experiment's `[text]` to what phones train on and versions are judged on."""

from dataclasses import dataclass

import numpy as np

from gboard_sim import ranges, seeds
from gboard_sim.experiment.text import Text as Settings
from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.evaluation.evaluation import EvaluationSet
from gboard_sim.learning.law.law import Law
from gboard_sim.learning.text import arrival
from gboard_sim.learning.text.corpus import Corpus, WordIds
from gboard_sim.learning.text.divided_corpus import DividedCorpus
from gboard_sim.learning.text.injection import check, inject
from gboard_sim.learning.text.store import RowSet, TextRows, TextStore, build_store, rows_of
from gboard_sim.learning.text.user_sets import UserSets, later
from gboard_sim.learning.text.vocabulary import Vocabulary, train_vocabulary
from gboard_sim.seam.records import Flags, Floats, Ints
from gboard_sim.seam.typing_record import Typing
from gboard_sim.units import DAY_S


@dataclass(frozen=True, slots=True)
class PreparedText:
    """Everything that a run needs of its text.

    Attributes:
        corpus: The messages.
        sets: Which users are public, training, validation and test.
        law: The law that the text was drawn from, None for real text and for text with a word
            injected, which no law knows.
        vocabulary: The tokenizer and the public word list.
        word_ids: Lexicon id of each word in the list. Shape [listed words].
        known: Which lexicon words are in the public word list. Shape [lexicon].
        store: The rows as tokens.
        typing: The rows that phones may train on, as the fleet sees them.
        injected: Lexicon id of the injected word, None without one.
    """

    corpus: Corpus
    sets: UserSets
    law: Law | None
    vocabulary: Vocabulary
    word_ids: WordIds
    known: Flags
    store: TextStore
    typing: Typing
    injected: int | None = None

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
        return EvaluationSet(
            name=name,
            rows=chosen,
            words=rows.words[ranges.owned(rows.word_offsets, chosen)],
            offsets=offsets,
            known=self.known,
            groups={group: mask[chosen] for group, mask in (groups or {}).items()},
            targets={} if self.injected is None else {"injected": self.injected},
        )


def prepare(
    divided: DividedCorpus,
    settings: Settings,
    *,
    days: float,
    utc_offset_s: Floats,
    seed: int,
) -> PreparedText:
    """Place the text in time, train the tokenizer, and turn the text into tokens.

    With an injection, what phones typed from its day on has the word, and so has the later text of
    training, validation and test users: that text has no time in the run, and is the latest of
    all. Public text never has it; it stands in the word list as if it were new in a dictionary.

    Args:
        divided: The corpus.
        settings: The table `[text]`.
        days: Length of the experiment.
        utc_offset_s: What each phone's clock shows at simulated time 0. Shape [phones].
        seed: The experiment's seed.

    Raises:
        CorpusError: The text cannot be used.
    """
    corpus, sets, law = divided.corpus, divided.sets, divided.law
    latest = later(corpus, settings.held_out_share)
    first, message = rows_of(corpus, divided.fleet, ~latest)
    time_s = _arrival(settings, corpus, first, message, days, utc_offset_s, seed)
    if settings.injection is not None:
        check(corpus, settings.injection.word)
        judged = np.concatenate([divided.fleet, sets.validation, sets.test])
        last = rows_of(corpus, judged, latest)[1]
        since = message[time_s >= settings.injection.day * DAY_S]
        corpus = inject(corpus, settings.injection, np.concatenate([since, last]), seed)
        law = None
    vocabulary = train_vocabulary(
        corpus,
        corpus.messages_of(sets.public)[1],
        kind=settings.tokenizer,
        size=settings.vocabulary,
        added=None if settings.injection is None else settings.injection.word,
    )
    known = np.zeros(len(corpus.lexicon), np.bool_)
    word_ids = corpus.ids_of(vocabulary.words)
    known[word_ids] = True
    table = Tokenizer(vocabulary.model).table(corpus.lexicon)
    store = build_store(corpus, sets, divided.fleet, table, latest)
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
            time_s=time_s,
            tokens=store.fleet.lengths(),
            cache_rows=settings.cache_rows,
            expiry_s=settings.expiry_days * DAY_S,
            held_out=np.diff(store.later.offsets[store.later.first]),
        ),
        injected=None if settings.injection is None else len(corpus.lexicon) - 1,
    )


def _arrival(
    settings: Settings,
    corpus: Corpus,
    first: Ints,
    message: Ints,
    days: float,
    utc_offset_s: Floats,
    seed: int,
) -> Floats:
    """When each row reaches its phone; see `store.rows_of`. Shape [rows]."""
    recorded_s = corpus.time_s[message]
    calendar = {
        "days": days,
        "history_days": settings.history_days,
    }
    match settings.arrival or ("habit" if settings.source == "synthetic" else "compressed"):
        case "at_start":
            return arrival.at_start(first)
        case "recorded":
            return arrival.recorded(first, recorded_s, corpus.source)
        case "habit":
            return arrival.habit(first, **calendar, offset_s=utc_offset_s, seed=seed)
        case "compressed":
            return arrival.compressed(
                first, recorded_s, **calendar, offset_s=utc_offset_s, seed=seed
            )

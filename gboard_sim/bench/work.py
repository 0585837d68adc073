"""The work of a benchmark: whose text is trained on, in which rounds, from which parameters.

*dense*: phones with as many messages as fill whole batches, every message as long as a lane, so
that there is neither padding nor an odd batch: what the arithmetic alone costs.
*real*: phones of a corpus as they are, one pass over each, batches of eight messages: many phones
have a line or two, a few have hundreds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.errors import ExperimentError
from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.spec import ModelSpec, flop_per_token, load_spec, parameter_count
from gboard_sim.learning.text.batches import stint_batches
from gboard_sim.learning.text.corpus import Corpus, WordIds, arrange
from gboard_sim.learning.text.corpus_reader import read_corpus
from gboard_sim.learning.text.packing import Batch
from gboard_sim.learning.text.store import TextStore, build_store
from gboard_sim.learning.text.user_sets import UserSets, divide
from gboard_sim.learning.text.vocabulary import SPECIAL, Vocabulary, train_vocabulary
from gboard_sim.seam.records import Cohort, Ints, LocalWork, Stint, Upload, Vector
from gboard_sim.seam.typing_record import Typing
from gboard_sim.seeds import stream

SEED = 1
"""Keys the text, the shuffling and the first parameters."""

BATCH_SIZE = 8
"""Messages in a step: as in the shipped experiments."""

LEARNING_RATE = 0.15
"""Of the phones' SGD (assumed: without gradient clipping, 0.25 lets the rounding of different
libraries grow to 0.0009 nats in four real rounds; 0.15 to 0.0000001)."""

EMBEDDING_RANGE = 0.3
"""In which the embedding starts, whatever the model's own (assumed: from 0.05 the loss would not
move in a few rounds, and that final losses agree would show nothing)."""

PUBLIC_SHARE = 0.1
"""Users of a corpus whose words make the vocabulary: as `[text]` has it by default."""

_PUBLIC = "a"  # before "phone-..." by name; it types every word once


@dataclass(frozen=True, slots=True)
class Work:
    """What every contender of a benchmark does.

    Attributes:
        name: `dense` or `real`.
        spec: The model's sizes.
        vocabulary: The tokenizer.
        word_ids: Lexicon id of each word in the vocabulary.
        text: The phones' text, as tokens.
        cohorts: The phones of each round, ascending. Shape [rounds, cohort].
        local: What each phone does.
    """

    name: str
    spec: ModelSpec
    vocabulary: Vocabulary
    word_ids: WordIds
    text: TextStore
    cohorts: Ints
    local: LocalWork

    @property
    def rounds(self) -> int:
        """How many rounds."""
        return len(self.cohorts)

    @property
    def tokens(self) -> int:
        """Token ids V."""
        return Tokenizer(self.vocabulary.model).size

    @property
    def parameters(self) -> int:
        """Length P of the flat vector."""
        return parameter_count(self.spec, self.tokens)

    @property
    def flop_per_token(self) -> float:
        """Floating-point operations to train on one token, padding not counted."""
        return flop_per_token(self.spec, self.tokens)

    def first_parameters(self) -> Vector:
        """What version 0 is. Shape [P]."""
        spec = replace(self.spec, embedding_range=EMBEDDING_RANGE)
        return initial_parameters(spec, self.tokens, SEED)

    def typing(self) -> Typing:
        """The rows as a fleet sees them, all typed before the first round."""
        rows = self.text.fleet
        return Typing(
            first=rows.first,
            time_s=np.zeros(rows.rows),
            tokens=rows.lengths(),
            cache_rows=rows.rows,
            expiry_s=np.inf,
        )

    def stint(self, number: int, phone: int) -> Stint:
        """What a phone does in one round, from the version before it."""
        rows = self.text.fleet
        first, last = int(rows.first[phone]), int(rows.first[phone + 1])
        tokens = int(rows.offsets[last] - rows.offsets[first])
        return Stint(phone, number, number, self.local, (first, last), tokens, 0.0, 0.0)

    def batches(self, number: int, phone: int) -> Iterator[Batch]:
        """The packed batches that the phone trains on in a round."""
        store = self.text.fleet.token_store()
        return stint_batches(store, self.stint(number, phone), SEED, self.spec.lane)

    def weight(self, phone: int) -> int:
        """What a phone's update weighs: its messages."""
        first = self.text.fleet.first
        return int(first[phone + 1] - first[phone])

    def round_tokens(self, number: int) -> int:
        """Real tokens that a round trains on."""
        return sum(self.stint(number, int(phone)).tokens for phone in self.cohorts[number])

    def cohort(self, number: int) -> Cohort:
        """A round as the seam has it, making version `number + 1`."""
        payload_bytes = Fp32().payload_bytes(self.parameters)
        phones = [int(phone) for phone in self.cohorts[number]]
        uploads = tuple(
            Upload(
                session=number * len(phones) + place,
                phone=phone,
                nth=number,
                stints=(self.stint(number, phone),),
                payload_bytes=payload_bytes,
                sent_s=0.0,
                arrived_s=0.0,
            )
            for place, phone in enumerate(phones)
        )
        weights = tuple(float(self.weight(phone)) for phone in phones)
        return Cohort("train", number + 1, 0.0, uploads, weights, oldest_version=number)


def dense(*, rounds: int, phones: int = 20, batches: int = 8, model: str = "gboard-cifg") -> Work:
    """The same phones in every round, each with `batches` full batches of full lanes.

    Words are drawn by Zipf's law (Zipf 1949), so that there is something to learn.
    """
    spec = load_spec(model)
    known = spec.vocabulary - SPECIAL
    lexicon = tuple(f"w{number}" for number in range(known))
    mine = batches * BATCH_SIZE
    everything = np.resize(np.arange(known), (-(-known // spec.lane), spec.lane))
    chance = 1.0 / np.arange(1, known + 1)
    drawn = stream(SEED, "bench-dense").choice(
        known, (phones * mine, spec.lane), p=chance / chance.sum()
    )
    words = np.concatenate([everything, drawn]).astype(np.int32)
    user = np.concatenate([np.zeros(len(everything), int), 1 + np.arange(len(drawn)) // mine])
    corpus = arrange(
        source="bench",
        lexicon=lexicon,
        users=(_PUBLIC, *(f"phone-{number:07d}" for number in range(phones))),
        user=user,
        time_s=np.zeros(len(words)),
        offsets=np.arange(len(words) + 1) * spec.lane,
        words=words.ravel(),
    )
    nobody = np.zeros(0, np.int64)
    sets = UserSets(np.zeros(1, np.int64), 1 + np.arange(phones), nobody, nobody)
    cohorts = np.tile(np.arange(phones), (rounds, 1))
    return _work("dense", spec, corpus, sets, cohorts)


def real(path: Path, *, rounds: int, cohort: int = 100, model: str = "gboard-cifg") -> Work:
    """Phones of a corpus as they are, another cohort in every round.

    Raises:
        CorpusError: The file cannot be read.
        ExperimentError: It has too few users.
    """
    spec = load_spec(model)
    corpus = read_corpus(path).corpus
    sets = divide(corpus, public_share=PUBLIC_SHARE, validation_share=0.0, test_share=0.0)
    phones = rounds * cohort
    if phones > len(sets.training):
        raise ExperimentError(
            f"--corpus {path}: {rounds} rounds of {cohort} phones need {phones} training users, "
            f"the corpus has {len(sets.training)}; hint: take a larger corpus, or --quick"
        )
    return _work("real", spec, corpus, sets, np.arange(phones).reshape(rounds, cohort))


def _work(name: str, spec: ModelSpec, corpus: Corpus, sets: UserSets, cohorts: Ints) -> Work:
    """The work of some phones of a corpus, numbered in the order of `sets.training`."""
    public = corpus.messages_of(sets.public)[1]
    vocabulary = train_vocabulary(corpus, public, kind="word", size=spec.vocabulary)
    table = Tokenizer(vocabulary.model).table(corpus.lexicon)
    fleet = sets.training[: cohorts.max() + 1]
    nothing_later = np.zeros(corpus.messages, np.bool_)
    return Work(
        name=name,
        spec=spec,
        vocabulary=vocabulary,
        word_ids=corpus.ids_of(vocabulary.words),
        text=build_store(corpus, sets, fleet, table, nothing_later),
        cohorts=cohorts,
        local=LocalWork(1, None, BATCH_SIZE, LEARNING_RATE),
    )

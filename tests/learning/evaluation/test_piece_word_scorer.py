import itertools
from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.keyboard.tokenizer import BEGIN, UNKNOWN, Tokenizer
from gboard_sim.learning.evaluation import piece_search, piece_version, piece_word_scorer
from gboard_sim.learning.evaluation.piece_word_scorer import PieceWordScorer
from gboard_sim.learning.evaluation.word_scorer import SHOWN
from gboard_sim.learning.model.graphs import shipped_graphs
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.numpy_model import NumpyModel
from gboard_sim.learning.model.spec import load_spec, parameter_count
from gboard_sim.learning.text.corpus import arrange
from gboard_sim.learning.text.packing import Batch
from gboard_sim.learning.text.store import tokenize
from gboard_sim.learning.text.vocabulary import train_vocabulary
from gboard_sim.learning.trainers.onnxruntime_trainer import OnnxRuntimeTrainer

SYLLABLES = ["ba", "be", "to", "ton", "ing", "er", "s", "the", "re"]
SPELT = tuple(
    dict.fromkeys(
        "".join(parts) for n in (1, 2, 3) for parts in itertools.product(SYLLABLES, repeat=n)
    )
)
# The published graphs take 12 tokens. Cutting after 5 lets them read a context and any word.
TINY = replace(load_spec("tiny"), lane=5)


class World:
    """Made words, a real tokenizer trained on most of them, and random messages of all of them.

    Words of the list come first in the lexicon; then one that is typed but not listed, and one
    with characters that the tokenizer has never seen.
    """

    def __init__(self, kind, size, listed=200, messages=6):
        self.lexicon = (*SPELT[:listed], "betoningthe" if listed < len(SPELT) else "tonba", "zqzq")
        common = np.concatenate([np.arange(listed)[: listed // n] for n in range(1, 30)])
        rng = np.random.default_rng(8)
        lengths = rng.integers(1, 9, messages)
        typed = rng.integers(0, len(self.lexicon), lengths.sum())
        typed[rng.random(len(typed)) < 0.1] = listed
        typed[rng.random(len(typed)) < 0.1] = listed + 1
        corpus = arrange(
            source="made",
            lexicon=self.lexicon,
            users=("ann", "bob"),
            user=np.repeat(np.array([0, 1], np.int32), [len(common), messages]),
            time_s=np.arange(len(common) + messages, dtype=np.float64),
            offsets=np.concatenate(
                [np.arange(len(common)), len(common) + np.cumsum([0, *lengths])]
            ),
            words=np.concatenate([common, typed]).astype(np.int32),
        )
        public = corpus.messages_of(np.array([0]))[1]
        self.vocabulary = train_vocabulary(corpus, public, kind=kind, size=size)
        self.tokenizer = Tokenizer(self.vocabulary.model)
        table = self.tokenizer.table(self.lexicon)
        later = np.zeros(corpus.messages, np.bool_)
        self.rows = tokenize(corpus, np.array([1]), table, later)
        self.word_ids = corpus.ids_of(self.vocabulary.words)

    def scorer(self, spec=TINY):
        return PieceWordScorer(spec, self.vocabulary, self.word_ids)

    def random_parameters(self, scale):
        """A model whose logits are this sharp; at 0 it is as before training: nearly flat.

        The recurrent kernels stay small: large ones make a chaotic map, in which any two orders of
        adding float32 numbers soon part.
        """
        if not scale:
            return initial_parameters(TINY, self.tokenizer.size, 3)
        count = parameter_count(TINY, self.tokenizer.size)
        drawn = np.random.default_rng(2).standard_normal(count) * 0.1
        drawn[: TINY.embedding * self.tokenizer.size] *= 10 * scale
        return drawn.astype(np.float32)


@pytest.fixture(scope="module")
def world():
    return World("unigram", 40)


class Enumeration:
    """Scores of words by the definition, every word of the list asked of the published graph."""

    def __init__(self, world, parameters):
        self.world = world
        self.parameters = parameters
        self.trainer = OnnxRuntimeTrainer(TINY, world.tokenizer.size, shipped_graphs("tiny"))
        self.listed = [world.tokenizer.encode([w]).tolist() for w in world.vocabulary.words]

    def logprobs(self, texts):
        """All log-probabilities after each text, which is read from <s>: one lane a piece."""
        size, lane = self.world.tokenizer.size, load_spec("tiny").lane
        inputs = np.full((len(texts), lane), BEGIN, np.int32)
        for row, text in enumerate(texts):
            inputs[row, 1 : 1 + len(text)] = text
        inputs = np.repeat(inputs, size, axis=0)
        targets = np.tile(np.arange(size, dtype=np.int32)[:, None], (len(texts), lane))
        ones = np.ones(inputs.shape, np.float32)
        batch = Batch(inputs, targets, 0 * ones, ones, np.arange(inputs.size))
        scores = self.trainer.score(self.parameters, batch).log_probability
        scores = scores.reshape(len(texts), size, lane)
        lengths = np.array([len(text) for text in texts])
        return scores[np.arange(len(texts)), :, lengths].astype(np.float64)

    def scores(self, context, words):
        """The score of each word, given by its pieces, after a context."""
        spellings = sorted({tuple(word[:n]) for word in words for n in range(len(word) + 1)})
        said = self.logprobs([[*context, *spelling] for spelling in spellings])
        after = dict(zip(spellings, said, strict=True))
        begins = self.world.tokenizer.begins_word
        boundary = {s: np.log(np.exp(row[begins]).sum()) for s, row in after.items()}
        return np.array(
            [
                sum(after[tuple(word[:n])][piece] for n, piece in enumerate(word))
                + boundary[tuple(word)]
                - boundary[()]
                for word in words
            ]
        )


def positions(rows, chosen, lane):
    """The context and the pieces of every word, cut as packing cuts."""
    for row in chosen:
        pieces = rows.tokens[rows.offsets[row] : rows.offsets[row + 1]].tolist()
        for word in range(rows.word_offsets[row], rows.word_offsets[row + 1]):
            at = int(rows.word_begins[word] - rows.offsets[row])
            end = int(rows.word_begins[word + 1] - rows.offsets[row])
            yield pieces[at - at % lane : at], pieces[at:end]


def same(one, other):
    np.testing.assert_allclose(one.logprob, other.logprob, atol=1e-5, rtol=1e-6)
    np.testing.assert_array_equal(one.shown, other.shown)
    np.testing.assert_array_equal(one.answer, other.answer)


def test_the_world_has_what_the_scorer_can_meet(world):
    lengths = np.diff(world.rows.offsets)
    assert lengths.max() > 3 * TINY.lane
    assert (lengths % TINY.lane == 0).any()
    assert np.isin([200, 201], world.rows.words).all()
    assert UNKNOWN in world.rows.tokens
    assert len(world.vocabulary.words) == 200
    assert np.diff(world.rows.word_begins).max() >= 4
    cut = [at % TINY.lane + n > TINY.lane for at, n in word_places(world.rows)]
    assert 0 < sum(cut) < len(cut)


def word_places(rows):
    for context_row in range(rows.rows):
        words = range(rows.word_offsets[context_row], rows.word_offsets[context_row + 1])
        for word in words:
            begin, end = rows.word_begins[word : word + 2]
            yield int(begin - rows.offsets[context_row]), int(end - begin)


@pytest.mark.parametrize("flat_from", [0, 100])  # 0: every context is bounded as a flat one
@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 3.0])
def test_every_word_equals_full_enumeration(world, monkeypatch, scale, flat_from):
    monkeypatch.setattr(piece_search, "_FLAT", flat_from)
    parameters = world.random_parameters(scale)
    chosen = np.array([4, 0, 1])  # in an order of their own
    found = world.scorer().score(world.rows, chosen, parameters)
    brute = Enumeration(world, parameters)
    places = list(positions(world.rows, chosen, TINY.lane))
    assert len(found.logprob) == len(places) >= 10
    for nth, (context, typed) in enumerate(places):
        scores = brute.scores(context, [*brute.listed, typed])
        assert found.logprob[nth] == pytest.approx(scores[-1], abs=1e-5, rel=1e-6)
        listed = scores[:-1]
        best = np.argsort(-listed, kind="stable")[: SHOWN + 1]
        shown = [world.vocabulary.words.index(world.lexicon[w]) for w in found.shown[nth]]
        np.testing.assert_allclose(listed[shown], listed[best[:SHOWN]], atol=1e-5, rtol=1e-6)
        if -np.diff(listed[best]).max() > 1e-5:  # no tie for float32
            assert shown == best[:SHOWN].tolist()
        assert found.answer[nth] == found.shown[nth, 0]


def test_a_bpe_tokenizer_is_scored_by_the_same_definition():
    world = World("bpe", 40, messages=2)
    parameters = world.random_parameters(1.0)
    found = world.scorer().score(world.rows, np.array([0, 1]), parameters)
    brute = Enumeration(world, parameters)
    for nth, (context, typed) in enumerate(positions(world.rows, [0, 1], TINY.lane)):
        scores = brute.scores(context, [*brute.listed, typed])
        assert found.logprob[nth] == pytest.approx(scores[-1], abs=1e-5, rel=1e-6)
        best = [world.word_ids[w] for w in np.argsort(-scores[:-1], kind="stable")[:SHOWN]]
        assert found.shown[nth].tolist() == best


@pytest.mark.parametrize("name", ["mcmahan-lstm", "stackoverflow-lstm", "gboard-cifg"])
def test_the_flat_bound_changes_no_result_of_any_model(world, monkeypatch, name):
    spec = load_spec(name)
    parameters = initial_parameters(spec, world.tokenizer.size, 1)
    chosen = np.arange(world.rows.rows)
    plain = world.scorer(spec).score(world.rows, chosen, parameters)
    monkeypatch.setattr(piece_search, "_FLAT", 0)
    same(world.scorer(spec).score(world.rows, chosen, parameters), plain)


def test_neither_blocks_nor_company_change_a_word(world, monkeypatch):
    parameters = world.random_parameters(1.0)
    scorer, chosen = world.scorer(), np.arange(world.rows.rows)
    together = scorer.score(world.rows, chosen, parameters)
    offsets = world.rows.word_offsets
    for row in chosen:
        words = slice(offsets[row], offsets[row + 1])
        alone = scorer.score(world.rows, np.array([row]), parameters)
        np.testing.assert_allclose(alone.logprob, together.logprob[words], atol=1e-5, rtol=1e-6)
        np.testing.assert_array_equal(alone.shown, together.shown[words])
    monkeypatch.setattr(piece_word_scorer, "BLOCK", 3)
    monkeypatch.setattr(piece_search, "BLOCK", 3)
    monkeypatch.setattr(piece_version, "_TOGETHER", 5)
    same(scorer.score(world.rows, chosen, parameters), together)


def test_no_rows_have_no_words(world):
    found = world.scorer().score(world.rows, np.zeros(0, np.int64), world.random_parameters(0.1))
    assert (found.logprob.shape, found.shown.shape, found.answer.shape) == ((0,), (0, 3), (0,))


def test_a_list_of_two_words_leaves_the_third_place_empty(world):
    short = replace(world.vocabulary, words=world.vocabulary.words[:2])
    scorer = PieceWordScorer(TINY, short, world.word_ids[:2])
    found = scorer.score(world.rows, np.array([0]), world.random_parameters(1.0))
    assert (found.shown[:, 2] == -1).all()
    assert (np.sort(found.shown[:, :2], axis=1) == np.sort(world.word_ids[:2])).all()


def test_the_flat_bound_spares_a_model_before_training_most_spellings(monkeypatch):
    spec = replace(TINY, embedding_range=0.05)  # flat enough for a list of this size
    world = World("unigram", 500, listed=len(SPELT), messages=8)
    parameters = initial_parameters(spec, world.tokenizer.size, 3)
    chosen = np.arange(world.rows.rows)
    firsts = len(world.scorer()._spellings.firsts)
    asked = []
    logits = NumpyModel.logits

    def counted(self, carry):
        asked.append(len(carry.out))
        return logits(self, carry)

    monkeypatch.setattr(NumpyModel, "logits", counted)
    found = world.scorer().score(world.rows, chosen, parameters)
    bounded, asked = sum(asked), []
    monkeypatch.setattr(piece_search, "_FLAT", firsts)
    same(world.scorer().score(world.rows, chosen, parameters), found)
    words = len(found.logprob)
    assert firsts > 150
    assert sum(asked) > firsts * words
    assert bounded < 40 * words

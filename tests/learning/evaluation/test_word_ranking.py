import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.evaluation.word_ranking import grow, rank
from gboard_sim.learning.text.corpus import arrange
from gboard_sim.learning.text.vocabulary import train_vocabulary

SYLLABLES = ["ba", "be", "to", "ton", "ing", "er", "s", "the", "re"]
SPELT = dict.fromkeys(
    "".join(parts) for n in (1, 2, 3) for parts in itertools.product(SYLLABLES, repeat=n)
)


def vocabulary_of(count, size):
    """A real unigram tokenizer over made words, each of which stands in another number of rows."""
    words = tuple(SPELT)[:count]
    typed = np.concatenate([np.arange(count)[: count // times] for times in range(1, 30)])
    corpus = arrange(
        source="made",
        lexicon=words,
        users=("amy",),
        user=np.zeros(len(typed), np.int32),
        time_s=np.zeros(len(typed)),
        offsets=np.arange(len(typed) + 1),
        words=typed.astype(np.int32),
    )
    return train_vocabulary(corpus, np.arange(len(typed)), kind="unigram", size=size)


VOCABULARY = vocabulary_of(count=200, size=28)
TOKENIZER = Tokenizer(VOCABULARY.model)
TREE = grow(TOKENIZER, VOCABULARY.words)


def model(seed, sharpness):
    """A model with no structure at all: fresh logits for every context and prefix."""

    def next_logprobs(contexts, prefixes):
        rows = []
        for context, prefix in zip(contexts, prefixes, strict=True):
            rng = np.random.default_rng([seed, int(context), *prefix])
            logits = sharpness * rng.standard_normal(TOKENIZER.size)
            rows.append(logits - np.logaddexp.reduce(logits))
        return np.array(rows)

    return next_logprobs


def enumerated(words, context, next_logprobs):
    """Every word's score from the definition."""

    def logprobs(prefix):
        return next_logprobs([context], [tuple(prefix)])[0]

    def boundary(prefix):
        return np.log(np.exp(logprobs(prefix))[TOKENIZER.begins_word].sum())

    scores = []
    for word in words:
        pieces = TOKENIZER.encode([word]).tolist()
        spelt = sum(logprobs(pieces[:n])[piece] for n, piece in enumerate(pieces))
        scores.append(spelt + boundary(pieces) - boundary([]))
    return np.array(scores)


def test_the_word_list_is_worth_a_search():
    lengths = np.diff(TOKENIZER.table(VOCABULARY.words).offsets)
    assert len(VOCABULARY.words) == 200
    assert lengths.max() >= 4
    assert (TREE.word >= 0).sum() == 200


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3, 1.0, 3.0, 10.0]))
@settings(max_examples=12, deadline=None)
def test_three_best_equal_full_enumeration(seed, sharpness):
    next_logprobs = model(seed, sharpness)
    ranked = rank(TREE, 2, next_logprobs)
    for context in range(2):
        scores = enumerated(VOCABULARY.words, context, next_logprobs)
        best = np.argsort(-np.round(scores, 9), kind="stable")[:3]
        np.testing.assert_allclose(ranked.logprob[context], scores[best], atol=1e-9)
        if sharpness > 0.0:  # without ties, the words are the same too
            assert ranked.words[context].tolist() == best.tolist()


def test_contexts_ranked_together_or_alone_get_the_same_words():
    next_logprobs = model(5, 2.0)
    together = rank(TREE, 20, next_logprobs)
    for context in range(20):
        alone = rank(TREE, 1, lambda c, p, n=context: next_logprobs(c + n, p))
        assert alone.words[0].tolist() == together.words[context].tolist()


def test_a_sharp_model_is_asked_about_a_small_part_of_the_tree_and_never_twice():
    asked = []
    sharp = model(1, 8.0)

    def counted(contexts, prefixes):
        asked.extend(zip(contexts.tolist(), prefixes, strict=True))
        return sharp(contexts, prefixes)

    rank(TREE, 10, counted)
    assert len(asked) < 10 * len(TREE.pieces) / 4
    assert len(set(asked)) == len(asked)


def test_equal_words_come_in_the_order_of_the_list():
    def uniform(contexts, prefixes):
        return np.full((len(contexts), TOKENIZER.size), -np.log(TOKENIZER.size))

    lengths = np.diff(TOKENIZER.table(VOCABULARY.words).offsets)
    expected = np.argsort(lengths, kind="stable")[:3]
    assert rank(TREE, 1, uniform).words[0].tolist() == expected.tolist()


@pytest.mark.parametrize("sharpness", [0.0, 1.0, 5.0])
def test_scores_of_a_list_sum_to_at_most_one(sharpness):
    ranked = rank(TREE, 3, model(9, sharpness), k=200)
    assert (ranked.words >= 0).all()
    assert (np.exp(ranked.logprob).sum(axis=1) <= 1.0).all()


def test_scores_sum_to_one_over_all_spellings_where_the_list_has_them_all():
    # This model goes from one short word to the boundary, or by one piece to a longer word.
    words = VOCABULARY.words
    spelt = [TOKENIZER.encode([word]).tolist() for word in words]
    short = next(
        n for n, p in enumerate(spelt) if len(p) == 1 and p in [q[:1] for q in spelt[n + 1 :]]
    )
    long = next(n for n, p in enumerate(spelt) if len(p) == 2 and p[:1] == spelt[short])
    begins = TOKENIZER.begins_word / TOKENIZER.begins_word.sum()

    def next_probability(prefix):
        if prefix == ():  # a quarter of all words go on without a boundary: known not to happen
            return 0.75 * one_hot(spelt[short][0]) + 0.25 * one_hot(1)
        if prefix == tuple(spelt[short]):
            return 0.6 * begins + 0.4 * one_hot(spelt[long][1])
        return begins

    def next_logprobs(contexts, prefixes):
        with np.errstate(divide="ignore"):
            return np.log(np.array([next_probability(prefix) for prefix in prefixes]))

    ranked = rank(TREE, 1, next_logprobs)
    assert ranked.words[0].tolist() == [short, long, -1]
    assert np.exp(ranked.logprob[0]) == pytest.approx([0.6, 0.4, 0.0])


def one_hot(piece):
    return np.eye(TOKENIZER.size)[piece]


def test_fewer_words_than_wanted_leave_empty_places():
    tree = grow(TOKENIZER, VOCABULARY.words[:2])
    ranked = rank(tree, 3, model(2, 1.0))
    assert (np.sort(ranked.words[:, :2], axis=1) == [0, 1]).all()
    assert (ranked.words[:, 2] == -1).all()
    assert np.isneginf(ranked.logprob[:, 2]).all()


def test_no_contexts_are_no_question():
    assert rank(TREE, 0, model(2, 1.0)).words.shape == (0, 3)

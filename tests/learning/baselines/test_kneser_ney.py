"""The vectorised model against a literal reading of Chen and Goodman's formulas."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.learning.baselines.kneser_ney import KneserNey, closed_form
from gboard_sim.learning.baselines.ngram_counts import Symbols, levels

START, UNKNOWN = "<s>", "<unk>"
DISCOUNTS = np.array([[0.4, 0.9, 1.3], [0.6, 1.0, 1.4], [0.7, 1.1, 1.5], [0.8, 1.2, 1.6]])


class LiteralKneserNey:
    """Recursive, over tuples of symbols and dictionaries; no shared code."""

    def __init__(self, messages, known, order, discounts):
        self.vocabulary = [word for word, inside in enumerate(known) if inside]
        self.outcomes = [*self.vocabulary, UNKNOWN]
        self.order, self.discounts = order, discounts
        raw = Counter()
        for message in messages:
            text = [START, *(w if known[w] else UNKNOWN for w in message)]
            for end in range(2, len(text) + 1):
                for length in range(1, min(order, end) + 1):
                    raw[tuple(text[end - length : end])] += 1
        left = defaultdict(set)
        for ngram in raw:
            left[ngram[1:]].add(ngram[0])
        self.count = {
            g: c if len(g) == order or g[0] == START else len(left[g]) for g, c in raw.items()
        }

    def probability(self, word, context):
        if context == "uniform":
            return 1 / len(self.outcomes)
        shorter = self.probability(word, context[1:] if context else "uniform")
        after = [self.count.get((*context, w), 0) for w in self.outcomes]
        total = sum(after)
        if total == 0:
            return shorter
        taken = [0, *self.discounts[len(context)]]
        left = sum(taken[min(c, 3)] for c in after)
        count = self.count.get((*context, word), 0)
        return (count - taken[min(count, 3)] + left * shorter) / total

    def distributions(self, messages, known):
        for message in messages:
            text = [START, *(w if known[w] else UNKNOWN for w in message)]
            for at in range(1, len(text)):
                context = tuple(text[max(0, at - self.order + 1) : at])
                yield text[at], {w: self.probability(w, context) for w in self.outcomes}


def columns(messages):
    offsets = np.concatenate([[0], np.cumsum([len(m) for m in messages])])
    return np.array([w for m in messages for w in m], dtype=np.int32), offsets


texts = st.lists(st.lists(st.integers(0, 6), min_size=0, max_size=7), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(texts, texts, st.integers(1, 4), st.lists(st.booleans(), min_size=7, max_size=7))
def test_model_equals_the_literal_formulas_and_its_top_words_are_the_best_of_all(
    training, test, order, known
):
    training.append([0, 1, 2, 3])  # long enough for every order
    test.append([0, 6, 0])
    discounts = DISCOUNTS[:order]
    model = KneserNey.fit(*columns(training), np.array(known), order, discounts)
    literal = LiteralKneserNey(training, known, order, discounts)
    words, offsets = columns(test)
    logs, top = model.log_probability(words, offsets), model.top(words, offsets, k=3)
    whole = list(literal.distributions(test, known))
    assert len(whole) == len(words)
    for (target, chance), log, chosen in zip(whole, logs, top, strict=True):
        assert sum(chance.values()) == pytest.approx(1.0)
        assert np.exp(log) == pytest.approx(chance[target], rel=1e-12)
        best = sorted((chance[w] for w in literal.vocabulary), reverse=True)[:3]
        shown = [int(w) for w in chosen if w >= 0]
        assert len(set(shown)) == len(shown) == len(best)
        assert [chance[w] for w in shown] == pytest.approx(best, rel=1e-12)


def test_top_words_are_exact_on_a_corpus_with_deep_back_off():
    rng = np.random.default_rng(3)
    share = 1 / np.arange(1, 41)
    drawn = rng.choice(40, size=(160, 6), p=share / share.sum())
    messages = [list(map(int, m)) for m in drawn]
    known = [w % 9 != 4 for w in range(40)]
    literal = LiteralKneserNey(messages[:120], known, 4, DISCOUNTS)
    model = KneserNey.fit(*columns(messages[:120]), np.array(known), 4, DISCOUNTS)
    top = model.top(*columns(messages[120:]), k=5)
    for (_, chance), chosen in zip(literal.distributions(messages[120:], known), top, strict=True):
        best = sorted((chance[w] for w in literal.vocabulary), reverse=True)[:5]
        assert [chance[int(w)] for w in chosen] == pytest.approx(best, rel=1e-12)


def test_closed_form_discounts_are_chen_and_goodmans():
    # Order 1 counts raw words: 4 words once, 3 twice, 2 three times, 1 four times. So
    # Y = 4 / (4 + 2 * 3) = .4; D1 = 1 - 2 * .4 * 3 / 4, D2 = 2 - 3 * .4 * 2 / 3,
    # D3+ = 3 - 4 * .4 * 1 / 2.
    often = [1] * 4 + [2] * 3 + [3] * 2 + [4]
    message = [word for word, times in enumerate(often) for _ in range(times)]
    known = np.ones(len(often), dtype=bool)
    counted = levels(Symbols.of(known), *columns([message]), 1)
    assert closed_form(counted) == pytest.approx(np.array([[0.4, 1.2, 2.2]]))


def test_text_of_other_messages_does_not_reach_a_context():
    known = np.ones(4, dtype=bool)
    model = KneserNey.fit(*columns([[0, 1, 2], [3, 1, 0]] * 5), known, 3)
    joined = model.top(*columns([[0, 1], [1]]), k=4)
    apart = model.top(*columns([[1]]), k=4)
    assert joined[2].tolist() == apart[0].tolist()


@pytest.mark.parametrize("messages", [[], [[]], [[1]]])
def test_text_without_an_ngram_of_the_order_is_refused(messages):
    with pytest.raises(ValueError, match=r"order\(=3\) must be at most"):
        KneserNey.fit(*columns(messages), np.ones(2, dtype=bool), 3)


def test_ngrams_that_do_not_fit_into_an_integer_are_refused():
    with pytest.raises(ValueError, match="63 bits"):
        KneserNey.fit(*columns([[0, 1, 2, 3]]), np.ones(60_000, dtype=bool), 4)

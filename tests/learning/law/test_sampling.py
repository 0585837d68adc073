import numpy as np
import pytest

from gboard_sim.learning.law.law import Law
from gboard_sim.learning.law.sampling import MessageCounts, mixtures, sample

COUNTS = MessageCounts(20.0, sigma=1.0, least=3, most=90)


def test_users_write_the_same_whatever_their_number():
    law = Law.load()
    few, many = sample(law, 5, COUNTS, seed=7), sample(law, 40, COUNTS, seed=7)
    messages = len(few.user)
    assert many.user[:messages].tolist() == few.user.tolist()
    assert many.user[messages] == 5
    assert many.topic[:messages].tolist() == few.topic.tolist()
    assert many.offsets[: messages + 1].tolist() == few.offsets.tolist()
    assert many.words[: len(few.words)].tolist() == few.words.tolist()
    assert sample(law, 5, COUNTS, seed=8).words.tolist() != few.words.tolist()


def test_message_counts_are_lognormal_within_their_bounds():
    drawn = MessageCounts(100.0, sigma=0.5, least=1, most=100_000).draw(20_000, seed=1)
    assert drawn.mean() == pytest.approx(100.0, abs=4 * 53.3 / np.sqrt(20_000))
    assert np.log(drawn).std() == pytest.approx(0.5, abs=0.01)
    clipped = COUNTS.draw(2000, seed=1)
    assert (clipped.min(), clipped.max()) == (3, 90)
    assert set(MessageCounts(7.0, sigma=0.0).draw(9, seed=1)) == {10}  # the least of all


def test_no_user_writes_nothing():
    text = sample(Law.load(), 0, COUNTS, seed=1)
    assert (len(text.user), len(text.words), text.offsets.tolist()) == (0, 0, [0])


def small_law():
    rng = np.random.default_rng(0)
    return Law(
        words=("a", "b", "c", "d"),
        topic_share=np.array([0.2, 0.8]),
        concentration=1.5,
        length_share=np.array([0.0, 0.3, 0.0, 0.7]),
        class_after=rng.dirichlet(np.ones(3), 5),
        word_in=rng.dirichlet(np.ones(4), (2, 3)),
    )


def assert_shares(drawn, expected):
    """Every share within 4.5 standard errors of a binomial count."""
    error = np.sqrt(expected * (1 - expected) / len(drawn))
    share = np.bincount(drawn, minlength=len(expected)) / len(drawn)
    assert (np.abs(share - expected) <= 4.5 * error + 1e-12).all()


def test_sampled_shares_are_those_of_the_law():
    law = small_law()
    text = sample(law, 3000, MessageCounts(20.0, sigma=0.0), seed=3)
    assert_shares(np.diff(text.offsets), law.length_share)
    topic = np.repeat(text.topic, np.diff(text.offsets))
    previous = np.concatenate([[0], text.words[:-1]])
    previous[text.offsets[:-1]] = law.start
    for z in range(2):
        for v in range(5):
            after = text.words[(topic == z) & (previous == v)]
            assert len(after) > 1000
            assert_shares(after, law.after(v)[z])


def test_topics_follow_their_users_mixture_and_mixtures_their_dirichlet():
    law = small_law()
    theta = mixtures(law, 3000, seed=3)
    # Mean pi and variance pi (1 - pi) / (alpha + 1) of a Dirichlet distribution.
    variance = 0.2 * 0.8 / 2.5
    assert theta[:, 0].mean() == pytest.approx(0.2, abs=4.5 * np.sqrt(variance / 3000))
    assert theta[:, 0].var() == pytest.approx(variance, rel=0.1)
    text = sample(law, 3000, MessageCounts(20.0, sigma=0.0), seed=3)
    error = (text.topic == 0) - theta[text.user, 0]
    spread = np.sqrt((theta[text.user].prod(axis=1)).sum())
    assert abs(error.sum()) <= 4.5 * spread
    assert np.corrcoef(theta[text.user, 0], text.topic == 0)[0, 1] > 0.4

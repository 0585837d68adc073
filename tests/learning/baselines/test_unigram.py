import numpy as np

from gboard_sim.learning.baselines.unigram import Unigram


def test_most_frequent_known_words_are_suggested_everywhere_with_ties_to_the_lower_id():
    text = np.array([4, 4, 4, 2, 2, 0, 3, 3], dtype=np.int32)
    model = Unigram.fit(text, np.array([True, True, True, True, False]))
    assert model.top(np.array([1, 2], dtype=np.int32)).tolist() == [[2, 3, 0]] * 2


def test_small_vocabulary_leaves_places_empty():
    model = Unigram.fit(np.array([1], dtype=np.int32), np.array([False, True]))
    assert model.top(np.array([1], dtype=np.int32)).tolist() == [[1, -1, -1]]

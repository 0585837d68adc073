"""Builds the shipped synthetic law from English bigram counts.

`python -m gboard_sim.learning.law.from_bigrams models/law` writes the files of that folder anew
from the bigram list of the package `symspellpy`, which is needed for nothing else.

The classes are fitted by expectation-maximisation to the square roots of the counts (Saul and
Pereira, EMNLP 1997, section 2), which flattens a list that a few function words fill. Classes and
topics are then sharpened, because a list of pairs knows too little of language to be as predictable
as text is. Every topic multiplies every word by a lognormal factor of its own.
"""

import sys
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import numpy as np

from gboard_sim import seeds
from gboard_sim.learning.law.factors import Factors
from gboard_sim.seam.records import Floats

SOURCE = "frequency_bigramdictionary_en_243_342.txt"
LEFT_OUT = "left_out.txt"

# All of these are assumed: chosen together so that the limits in models/law/README.md hold.
SEED = 1
WORDS = 1000
CLASSES = 24
TOPICS = 12
CONCENTRATION = 6.0
LENGTHS = (8, 12)  # fewest and most words of a message, all lengths between equally likely
PASSES = 150
CLASS_SHARPNESS = 4.0  # exponent of P(class | previous word)
WORD_SHARPNESS = 1.5  # exponent of P(word | class)
CLASS_FLOOR = 1e-4  # added to every probability of a class, so that none is impossible
WORD_FLOOR = 1e-6  # the same for words
TILT = 1.8  # standard deviation of the logarithm of a topic's factors

Bigram = tuple[str, str, int]


def read_bigrams() -> list[Bigram]:
    """The bigram list of the package `symspellpy`: first word, second word, count."""
    text = (files("symspellpy") / SOURCE).read_text(encoding="utf-8-sig")
    return [
        (first, second, int(count)) for first, second, count in map(str.split, text.splitlines())
    ]


def frequent_words(bigrams: Iterable[Bigram], left_out: set[str], size: int) -> tuple[str, ...]:
    """The words that are most frequent both as the first and as the second word of a bigram.

    Only words of letters a to z, and single letters only where they are words.
    """
    first, second = Counter[str](), Counter[str]()
    for one, other, count in bigrams:
        first[one] += count
        second[other] += count
    usable = [
        word
        for word in first.keys() & second.keys()
        if word.isascii() and word.isalpha() and (len(word) > 1 or word in "ai")
    ]
    ranked = sorted(
        set(usable) - left_out, key=lambda word: (-min(first[word], second[word]), word)
    )
    return tuple(ranked[:size])


def count_table(bigrams: Iterable[Bigram], words: tuple[str, ...]) -> Floats:
    """Counts of the bigrams of `words`. Shape [W, W], the first word down."""
    place = {word: at for at, word in enumerate(words)}
    table = np.zeros((len(words), len(words)))
    for first, second, count in bigrams:
        if first in place and second in place:
            table[place[first], place[second]] = count
    return table


def fit_classes(table: Floats, classes: int, passes: int, seed: int) -> tuple[Floats, Floats]:
    """The aggregate Markov model that makes a table of bigrams most likely, by EM.

    Returns:
        P(class | first word), shape [W, K], and P(second word | class), shape [K, W].
    """
    draw = seeds.stream(seed, "law/classes")
    width = len(table)
    class_after = draw.dirichlet(np.ones(classes), width)
    word_in = table.sum(axis=0) * np.exp(draw.normal(0.0, 0.5, (classes, width)))
    word_in /= word_in.sum(axis=1, keepdims=True)
    tiny = np.finfo(np.float64).tiny
    for _ in range(passes):
        ratio = table / np.maximum(class_after @ word_in, tiny)
        after = class_after * (ratio @ word_in.T)
        inside = word_in * (class_after.T @ ratio)
        class_after = after / np.maximum(after.sum(axis=1, keepdims=True), tiny)
        word_in = inside / np.maximum(inside.sum(axis=1, keepdims=True), tiny)
    return class_after, word_in


def build(folder: Path) -> None:
    """Write the law into `folder`, which holds the list of words to leave out."""
    left_out = set((folder / LEFT_OUT).read_text(encoding="utf-8").split())
    bigrams = [pair for pair in read_bigrams() if left_out.isdisjoint(pair[:2])]
    words = frequent_words(bigrams, left_out, WORDS)
    table = np.sqrt(count_table(bigrams, words))
    class_after, word_in = fit_classes(table, CLASSES, PASSES, SEED)
    class_after = class_after**CLASS_SHARPNESS + CLASS_FLOOR
    class_after /= class_after.sum(axis=1, keepdims=True)
    start = table.sum(axis=1) @ class_after / table.sum()
    word_in = word_in**WORD_SHARPNESS
    word_in = word_in / word_in.sum(axis=1, keepdims=True) + WORD_FLOOR
    length_share = np.zeros(LENGTHS[1] + 1)
    length_share[LENGTHS[0] :] = 1.0
    Factors(
        words=words,
        topic_share=np.ones(TOPICS),
        concentration=CONCENTRATION,
        length_share=length_share,
        class_after=np.vstack([class_after, start]),
        word_in=word_in,
        tilt=seeds.stream(SEED, "law/tilt").normal(0.0, TILT, (TOPICS, len(words))),
    ).write(folder)


if __name__ == "__main__":
    build(Path(sys.argv[1]))

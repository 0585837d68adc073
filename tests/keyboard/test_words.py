import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.keyboard.words import words

ANY_TEXT = st.text(st.characters())  # every code point, lone surrogates too


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\n ", []),
        ("Don't, (it's 2 EASY!)", ["don't", "it's", "easy"]),
        ("hello... world?!", ["hello", "world"]),
        ("3.14 42 -- :-) $$$", []),
        ("c++ 4x4 b2b", ["c", "4x4", "b2b"]),
        ("foo_bar _foo_ foo.bar", ["foo_bar", "foo", "foo.bar"]),
        ("ﬁne \uff26\uff55\uff4c\uff4c", ["fine", "full"]),  # NFKC: ligatures and full width
        ("Cafe\u0301 caf\u00e9", ["café", "café"]),
        ("naïve ÜBER straße", ["naïve", "über", "straße"]),
        ("日本語 हिन्दी!", ["日本語", "हिन्दी"]),  # a trailing vowel sign stays
        ("\u00abguillemets\u00bb \u201cquotes\u201d", ["guillemets", "quotes"]),
        ("hi🙂 🙂 🙂there", ["hi", "there"]),
        ("a\u00a0b\u3000c\u2028d", ["a", "b", "c", "d"]),
        ("\x02bold\x02 a\x00b \ud800x", ["bold", "a", "b", "x"]),
        ("a\u2581b \u2581c", ["a", "b", "c"]),  # sentencepiece's own mark
        ("\u00b4a \u0301b", ["a", "b"]),  # a mark that has lost its letter
    ],
)
def test_words_of_hand_written_cases(text, expected):
    assert words(text) == expected


@given(ANY_TEXT)
def test_words_are_never_empty_and_the_rule_is_idempotent(text):
    found = words(text)
    assert words(" ".join(found)) == found
    for word in found:
        assert any(map(str.isalpha, word))
        assert word == word.strip()
        assert not word.isspace()
        assert word == unicodedata.normalize("NFKC", word)
        assert word.encode()  # UTF-8 can carry it
        assert "\u2581" not in word


@given(ANY_TEXT, ANY_TEXT)
def test_words_of_two_lines_are_the_words_of_each(one, other):
    assert words(f"{one}\n{other}") == words(one) + words(other)


@given(st.text(st.characters(max_codepoint=127)))
def test_case_does_not_matter_in_ascii(text):
    assert words(text.upper()) == words(text.lower()) == words(text)


def test_every_code_point_survives_inside_a_word_or_is_left_out_for_good():
    for point in range(sys.maxunicode + 1):
        found = words(f"x{chr(point)}y {chr(point)}")
        assert words(" ".join(found)) == found, hex(point)

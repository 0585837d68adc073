"""The one word rule: what counts as a word, for tokenizer, ceiling, n-gram and model alike.

Text is put in Unicode's form NFKC and lower case, split on white space, and every token loses the
punctuation and symbols around it; a token without a letter is no word. `Don't, (it's 2 EASY!)`
is `don't`, `it's`, `easy`.

Control characters, lone surrogates (which UTF-8 cannot carry) and the two characters that
sentencepiece keeps for itself (U+2581 for a space, U+2585 for the unknown) separate words as white
space does. A combining mark or a joiner that has lost its letter goes with the punctuation.
"""

import re
import string
import unicodedata

_SEPARATORS = re.compile("[\x00-\x1f\x7f-\x9f\u2581\u2585\ud800-\udfff]")


def words(text: str) -> list[str]:
    """The words of a text, in order; none of them is empty.

    Idempotent: the words of the words, joined by spaces, are the same words.
    """
    return [word for token in tokens(text) if (word := strip(token))]


def tokens(text: str) -> list[str]:
    """A text in NFKC and lower case, split on white space, its punctuation still there."""
    if text.isascii() and text.isprintable():
        return text.lower().split()
    # Lower case can undo the normal form and a second pass restores it. The separators go last
    # because NFKC makes white space of other characters but never a separator of a letter.
    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    return _SEPARATORS.sub(" ", normal).split()


def strip(token: str) -> str:
    """The word inside a token of `tokens`, or the empty string where there is none."""
    if token.isalpha():
        return token
    if token.isascii():
        token = token.strip(string.punctuation)
    else:
        begin, end = 0, len(token)
        while begin < end and unicodedata.category(token[begin])[0] not in "LN":
            begin += 1
        # A mark belongs to the letter before it, as a vowel sign of Devanagari does.
        while end > begin and unicodedata.category(token[end - 1])[0] not in "LNM":
            end -= 1
        token = token[begin:end]
    return token if any(map(str.isalpha, token)) else ""

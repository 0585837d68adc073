"""The word rule in JavaScript against the one in Python, in node."""

import json
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gboard_sim.keyboard_web
from gboard_sim.keyboard.words import words

SOURCES = Path(gboard_sim.keyboard_web.__file__).with_name("page")
ANSWER = """
import { createInterface } from "node:readline";
import { words } from %s;
const does = { words, unassigned: (points) => points.filter((point) =>
  /\\p{Cn}/u.test(String.fromCodePoint(point))) };
for await (const line of createInterface({ input: process.stdin })) {
  const [what, given] = JSON.parse(line);
  console.log(JSON.stringify(what === "each" ? given.map(words) : does[what](given)));
}
"""
NASTY = [
    "", " \t\n ", "Don't, (it's 2 EASY!)", "hello... world?!", "3.14 42 -- :-) $$$", "c++ 4x4 b2b",
    "foo_bar _foo_ foo.bar", "ﬁne \uff26\uff55\uff4c\uff4c", "Cafe\u0301 caf\u00e9",
    "naïve ÜBER straße ẞ", "日本語 हिन्दी!", "«guillemets» “quotes”", "hi🙂 🙂 🙂there 👨‍👩‍👧",
    "a\u00a0b\u3000c\u2028d\ufeffe\u200bf\u180eg", "\x02bold\x02 a\x00b \ud800x \udc00\ud800y",
    "a\u2581b \u2581c \u2585", "\u00b4a \u0301b", "ΟΔΟΣ ΣΑΣ ΑΣ. Σ ς", "İstanbul IĞDIR",
    "ǅ ǈ ﷺ \u0131",
    "\u1e9b\u0323 \u0345 \u0130\u0307", "١٢٣ ⅷ ½x x½ ①a", "\u200dx\u200d \u0e01\u0e33", "!" * 300,
    "x" * 300, "ﬀﬃ\u0301", "\u03c2\u0301 A\u03a3\u0301 a.\u03a3", "\U0001d400\U0001d7d8 \U00010400",
]  # fmt: skip


@pytest.fixture(scope="module")
def node():
    """Asks the page's own module."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    module = json.dumps((SOURCES / "words.js").as_uri())
    process = subprocess.Popen(
        [program, "--input-type=module", "--eval", ANSWER % module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )

    def ask(what, given):
        process.stdin.write(json.dumps([what, given]) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    assert process.wait(20) == 0
    process.stdout.close()


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_has_the_same_words(node, text):
    assert node("words", text) == words(text)


# The platforms know different editions of Unicode; only what this one knows can be compared.
@given(st.text(st.characters(exclude_categories=["Cn"])))
def test_any_text_has_the_same_words(node, text):
    assert node("words", text) == words(text)


@given(st.text(st.sampled_from("aBé\u0301 Σσ.,'!-_🙂\u2581\ud800\u00a0İ日7½"), max_size=12))
def test_any_text_of_awkward_characters_has_the_same_words(node, text):
    assert node("words", text) == words(text)


def test_every_character_has_the_same_words(node):
    known = [p for p in range(sys.maxunicode + 1) if unicodedata.category(chr(p)) != "Cn"]
    unassigned = set(node("unassigned", known))
    both = [chr(point) for point in known if point not in unassigned]
    assert len(both) > 250_000
    texts = [f"x{c}y {c} {c}x x{c}" for c in both]
    for first in range(0, len(texts), 20_000):
        part = texts[first : first + 20_000]
        for text, found in zip(part, node("each", part), strict=True):
            assert found == words(text), ascii(text)

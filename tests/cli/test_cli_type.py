"""The keyboard in the terminal, driven key by key."""

import asyncio
import re
import sys
from collections.abc import Callable

import pytest
from textual import events
from textual.widgets import Static
from typer.testing import CliRunner

from gboard_sim.cli.app import app
from gboard_sim.cli.typing import TypingApp
from gboard_sim.errors import ArtefactError, GboardSimError
from gboard_sim.keyboard import Keyboard


@pytest.fixture
def artefacts(smoke_path):
    return smoke_path / "artefacts"


def drive(typing: TypingApp, *keys: str, then: Callable[[TypingApp], None] = lambda _: None):
    async def run():
        async with typing.run_test(size=(80, 16)) as pilot:
            await pilot.press(*keys)
            then(typing)

    asyncio.run(run())
    return typing


def screen(typing: TypingApp, widget: str) -> str:
    return str(typing.query_one(f"#{widget}", Static).render())


def test_words_are_shown_before_the_first_key_and_follow_the_text(artefacts):
    keyboard = Keyboard.load(artefacts)

    def look(typing):
        assert typing.shown == keyboard.suggest("the ") != keyboard.suggest("")
        assert screen(typing, "text") == "the ▏"
        assert [screen(typing, f"word-{n}") for n in range(3)] == [
            f"{n + 1} {word}" for n, word in enumerate(typing.shown)
        ]
        assert screen(typing, "facts").startswith("4 keys for 4 characters, saved 0%")

    assert drive(TypingApp(artefacts)).shown == keyboard.suggest("")
    drive(TypingApp(artefacts), "t", "h", "e", "space", then=look)


def test_tab_and_digits_take_words_and_save_keystrokes(artefacts):
    first = Keyboard.load(artefacts).suggest("")
    typing = drive(TypingApp(artefacts), "tab")
    assert typing.text == f"{first[0]} "
    assert typing.keys == 1
    second = typing.shown
    typing = drive(TypingApp(artefacts), "tab", "3")
    assert typing.text == f"{first[0]} {second[2]} "
    assert typing.keys == 2
    assert typing.saved() == pytest.approx(1 - 2 / len(typing.text))
    letters = drive(TypingApp(artefacts), "t")
    word = letters.shown[1]
    completed = drive(TypingApp(artefacts), "t", "2")
    assert completed.text == f"{word} "
    assert completed.keys == 2


def test_deleting_a_new_line_and_starting_again(artefacts):
    typing = drive(TypingApp(artefacts), "a", "b", "backspace", "enter", "comma")
    assert typing.text == "a\n,"
    assert typing.keys == 5
    assert typing.saved() < 0
    typing = drive(TypingApp(artefacts), "a", "ctrl+u")
    assert (typing.text, typing.keys) == ("", 0)
    assert typing.shown == Keyboard.load(artefacts).suggest("")
    assert drive(TypingApp(artefacts), "backspace").text == ""


def test_where_no_word_is_shown_a_digit_is_text_and_tab_is_nothing(artefacts):
    typing = drive(TypingApp(artefacts), "z", "z", "q", "1", "tab", "7")
    assert typing.text == "zzq17"
    assert typing.shown == []


def test_blocked_words_are_not_shown(artefacts):
    first = Keyboard.load(artefacts).suggest("")
    assert first[0] not in drive(TypingApp(artefacts, [first[0]])).shown


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        "the " * 2500,
        "\n" * 300,
        "\x1b[2J\x07\x00\r\x85",
        "\ud800",
        "\U0001f469\u200d\U0001f467" * 500,
        "\u0939\u093f\u0928\u094d\u0926\u0940 \u0639\u0631\u0628\u0649 \u65e5\u672c",
    ],
    ids=range(7),
)
def test_odd_text_is_pasted_shown_and_typed_on(artefacts, text):
    words = set((artefacts / "words.txt").read_text(encoding="utf-8").split("\n"))
    seen = []

    async def run():
        typing = TypingApp(artefacts)
        async with typing.run_test(size=(80, 16)) as pilot:
            typing.post_message(events.Paste(text))
            await pilot.press("space", "q")
            await pilot.pause()
            seen.extend([screen(typing, "text"), typing.export_screenshot()])
        return typing

    typing = asyncio.run(run())
    assert typing.text == f"{text} q"
    assert set(typing.shown) <= words
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", seen[0])
    assert seen[0].endswith(" q\u258f")
    assert "\u258f" in seen[1]  # however long the text is, its end is on the screen


def test_the_screen_can_be_saved_as_a_picture(artefacts, tmp_path):
    drawn = []
    drive(
        TypingApp(artefacts), "t", "h", then=lambda typing: drawn.append(typing.export_screenshot())
    )
    text = re.sub(r"<[^>]+>|&#160;", " ", drawn[0])
    assert "2 keys for 2 characters" in " ".join(text.split())


def test_the_command_refuses_what_it_cannot_use(artefacts, tmp_path, monkeypatch):
    def error(*arguments):
        return CliRunner().invoke(app, ["type", *map(str, arguments)]).exception

    assert isinstance(error(tmp_path), ArtefactError)
    assert "a terminal" in str(error(artefacts))
    assert "--blocklist" in str(error(artefacts, "--blocklist", tmp_path / "none"))
    monkeypatch.setitem(sys.modules, "gboard_sim.cli.typing", None)
    assert isinstance(error(artefacts), GboardSimError)
    assert "pip install 'gboard-sim[type]'" in str(error(artefacts))

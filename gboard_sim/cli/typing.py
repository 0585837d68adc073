"""`gboard-sim type`: a keyboard in the terminal, to try an artefact by typing."""

import re
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Footer, Static

from gboard_sim.keyboard.keyboard import Keyboard
from gboard_sim.keyboard.keystrokes import share_saved

SHOWN = 3
"""Words in a keyboard's suggestion strip (Hard et al. 2018, arXiv 1811.03604)."""

REPLACED = "\ufffd"
"""Shown for a character that a terminal would obey, or that no terminal can be sent."""

_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class TypingApp(App[None]):
    """A text, the words that a keyboard would show under it, and what they saved.

    Args:
        artefacts: The folder that `gboard-sim export` wrote.
        blocklist: Words that are never shown.

    Attributes:
        text: What has been typed.
        keys: Keys pressed for it, deletions and taken suggestions included.
        shown: The words shown now.
    """

    TITLE = "gboard-sim type"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #page { height: 1fr; border: round $primary; padding: 0 1; scrollbar-size: 0 0; }
    #text { height: auto; }
    #strip { height: 3; }
    #strip Static { width: 1fr; border: round $secondary; content-align: center middle; }
    #facts { height: 1; padding: 0 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "take(1)", "take the first"),
        Binding("1", "take(1)", "take that one", key_display=f"1-{SHOWN}"),
        Binding("ctrl+u", "clear", "start again"),
        Binding("escape", "quit", "leave"),
    ]

    def __init__(self, artefacts: Path, blocklist: Iterable[str] = ()) -> None:
        super().__init__()
        self._keyboard = Keyboard.load(artefacts, blocklist)
        self.text = ""
        self.keys = 0
        self.shown: list[str] = []
        self._took_ms: list[float] = []

    def compose(self) -> ComposeResult:
        """The parts of the screen."""
        with VerticalScroll(id="page", can_focus=False):
            yield Static(id="text")
        with Horizontal(id="strip"):
            for place in range(SHOWN):
                yield Static(id=f"word-{place}")
        yield Static(id="facts")
        yield Footer()

    def on_mount(self) -> None:
        """Show what may come first."""
        self._show()

    def on_key(self, event: events.Key) -> None:
        """A key; those of the footer that take a word are read here too, so that none overtakes."""
        if event.key == "tab":
            self.action_take(1)
        elif event.key.isdigit() and 0 < int(event.key) <= len(self.shown):
            self.action_take(int(event.key))
        elif event.key == "backspace":
            self._typed(self.text[:-1])
        elif event.key == "enter":
            self._typed(self.text + "\n")
        elif event.is_printable and event.character:
            self._typed(self.text + event.character)
        else:
            return
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text counts as if it had been typed."""
        self._typed(self.text + event.text, keys=len(event.text))

    def action_take(self, number: int) -> None:
        """Take the word of that number, if it is shown."""
        if number <= len(self.shown):
            self._typed(self._keyboard.accepted(self.text, self.shown[number - 1]))

    def action_clear(self) -> None:
        """Start again."""
        self.text, self.keys = "", 0
        self._took_ms.clear()
        self._show()

    def saved(self) -> float:
        """Share of the keystrokes that taken words saved; below 0 after deletions."""
        return share_saved(len(self.text), self.keys)

    def _typed(self, text: str, keys: int = 1) -> None:
        self.text = text
        self.keys += keys
        self._show()

    def _show(self) -> None:
        """Ask the model and draw."""
        before = perf_counter()
        self.shown = self._keyboard.suggest(self.text, SHOWN)
        self._took_ms.append(1e3 * (perf_counter() - before))
        self.query_one("#text", Static).update(Text(f"{_UNSEEN.sub(REPLACED, self.text)}▏"))
        self.query_one("#page", VerticalScroll).scroll_end(animate=False)
        for place in range(SHOWN):
            word = self.shown[place] if place < len(self.shown) else ""
            label = Text.assemble((f"{place + 1} ", "dim"), (word, "bold")) if word else Text("")
            self.query_one(f"#word-{place}", Static).update(label)
        self.query_one("#facts", Static).update(Text(self._facts()))

    def _facts(self) -> str:
        saved = f", saved {self.saved():.0%}" if self.text else ""
        return (
            f"{self.keys} keys for {len(self.text)} characters{saved} · last key "
            f"{self._took_ms[-1]:.2f} ms, median {median(self._took_ms):.2f} ms"
        )

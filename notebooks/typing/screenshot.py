"""Draws `typing.svg`: `python notebooks/typing/screenshot.py ARTEFACTS notebooks/typing/typing.svg`.

Types a line into `gboard-sim type` as a person would, taking a word with one key wherever it is
shown, and saves the screen. The artefacts were those of a short run on real chat; see LOG.md.
"""

import asyncio
import re
import sys
from pathlib import Path

from gboard_sim.cli.typing import TypingApp

MEANT = "how do i get my sound card to work with"
THEN = "the late"


async def draw(artefacts: Path, out: Path) -> None:
    """Type, and save the screen."""
    app = TypingApp(artefacts)
    async with app.run_test(size=(76, 12)) as pilot:
        for word in MEANT.split():
            for letter in word:
                if word in app.shown:
                    break
                await pilot.press(letter)
            await pilot.press(str(app.shown.index(word) + 1) if word in app.shown else "space")
        for letter in THEN:
            await pilot.press("space" if letter == " " else letter)
        picture = app.export_screenshot(title="gboard-sim type")
    # The picture must not fetch a font when it is looked at.
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    picture = picture.replace("Fira Code", "monospace")
    out.write_text(re.sub(r"\n\s*\n+", "\n", picture), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1]), Path(sys.argv[2])))

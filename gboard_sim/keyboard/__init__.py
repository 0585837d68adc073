"""What runs on the phone: onnxruntime, numpy and sentencepiece only."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gboard_sim.keyboard.keyboard import Keyboard as Keyboard

__all__ = ["Keyboard"]


def __getattr__(name: str) -> Any:
    """The loader on first use: the word rule, which lies here too, needs no runtime."""
    if name != "Keyboard":
        raise AttributeError(f"module 'gboard_sim.keyboard' has no attribute {name!r}")
    from gboard_sim.keyboard.keyboard import Keyboard  # noqa: PLC0415  see above

    return Keyboard

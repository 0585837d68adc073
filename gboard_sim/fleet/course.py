"""The course of sessions: where each one is, and what it has come to so far."""

import numpy as np

from gboard_sim.fleet.asked import Asked


class Course:
    """Sessions under way; every attribute's last axis counts them.

    Attributes:
        now_s: The time that each has reached; at last, its end. Shape [n].
        window_end_s: End of the window that each is in. Shape [n].
        began_s: When each phase began; where it was not reached, the end of what came before it.
            Shape [3, n].
        spent_s: Seconds in each phase, pauses left out. Shape [3, n].
        waited_s: Seconds of those before another attempt at a transfer. Shape [3, n].
        moved: Bytes on the wire; none of training. Shape [3, n].
        reached: Whether each phase was begun. Shape [3, n].
        complete: Whether each phase was completed. Shape [3, n].
        pauses: Interruptions after which the session went on, by phase. Shape [3, n].
        paused_s: Seconds between windows. Shape [n].
        tokens: Tokens of the whole stint, 0 where none began. Shape [n].
        train_s: How long the whole stint takes. Shape [n].
        failed: Whether the session ended in an error. Shape [n].
        cut: Whether its window or the server ended it. Shape [n].
    """

    def __init__(self, asked: Asked) -> None:
        n = len(asked.phone)
        self.now_s = asked.start_s.astype(np.float64)
        self.window_end_s = asked.window_end_s.astype(np.float64)
        self.began_s = np.zeros((3, n))
        self.spent_s = np.zeros((3, n))
        self.waited_s = np.zeros((3, n))
        self.moved = np.zeros((3, n))
        self.reached = np.zeros((3, n), dtype=bool)
        self.complete = np.zeros((3, n), dtype=bool)
        self.pauses = np.zeros((3, n), dtype=np.int64)
        self.paused_s = np.zeros(n)
        self.tokens = np.zeros(n, dtype=np.int64)
        self.train_s = np.zeros(n)
        self.failed = np.zeros(n, dtype=bool)
        self.cut = np.zeros(n, dtype=bool)

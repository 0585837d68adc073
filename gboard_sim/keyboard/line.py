"""The model along a line of text: it reads a token once, however often the line is asked about."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gboard_sim.keyboard.artefact import BEGIN, Artefact

REACH = 64  # tokens (assumed): twice as many are kept at most, and a line of any length is quick

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model is after some tokens, and what it then expects.

    Attributes:
        out: The recurrent output. Shape [1, R].
        state: The recurrent state. Shape [1, U].
        log_probabilities: Of every token to come next. Shape [V].
    """

    out: Floats
    state: Floats
    log_probabilities: Floats


class Line:
    """The line that is being typed, and the states that the model went through.

    Args:
        artefact: It has the model.
    """

    def __init__(self, artefact: Artefact) -> None:
        self._predict = artefact.predict
        widths = [node.shape[1] for node in self._predict.get_inputs()[1:]]
        out, state = (np.zeros((1, width), np.float32) for width in widths)
        self._tokens: list[int] = []
        self._readings = [self.read(BEGIN, out, state)]

    def after(self, tokens: list[int]) -> Reading:
        """What the model expects after a line's tokens: reads only those that are new."""
        context = tokens[max(0, len(tokens) // REACH - 1) * REACH :]
        same = 0
        for known, token in zip(self._tokens, context, strict=False):
            if known != token:
                break
            same += 1
        del self._readings[same + 1 :]
        for token in context[same:]:
            last = self._readings[-1]
            self._readings.append(self.read(token, last.out, last.state))
        self._tokens = context
        return self._readings[-1]

    def read(self, token: int, out: Floats, state: Floats) -> Reading:
        """Run the model over one token."""
        scores, out, state = self._predict.run(
            ["log_probabilities", "new_out", "new_state"],
            {"token": np.array([token], np.int32), "out": out, "state": state},
        )
        return Reading(out, state, scores[0])

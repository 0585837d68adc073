"""An upper bound on what can follow the first piece of a word, without a logit per piece.

The word ends there, with the probability B that the next piece begins another, or goes on with
some piece. With n_S of V pieces beginning a word and logits z,

    log B = log sum_S exp(z) - log sum exp(z)
         <= log n_S + mean_S z + log ((b^2 exp(-v/b) + v exp(b)) / (b^2 + v)) - log V - mean z

where z has the variance v over S and is at most b above its mean there (Bennett 1962, JASA 57);
the second sum is by Jensen's inequality. A piece's log-probability is at most its own
z - log V - mean z. Means are a dot product with the state, v is a quadratic form of it, and no z
is further from its mean than the rows' radius times the state's norm.

The bound is close where z varies little, as before training: there a search without it would open
every piece.
"""

import numpy as np

from gboard_sim.learning.model.numpy_model import Activations, NumpyModel
from gboard_sim.seam.records import Flags, Floats

_LEAST = np.finfo(np.float32).tiny  # neither v nor b is let fall to 0: a larger one bounds too


class FlatBound:
    """The bound under one version of a model, for any state.

    Args:
        model: The version.
        begins_word: See `Tokenizer`. Shape [V].
    """

    def __init__(self, model: NumpyModel, begins_word: Flags) -> None:
        rows, bias = model.output[begins_word], model.output_bias[begins_word]
        centre, middle = rows.mean(axis=0), model.output.mean(axis=0)
        self._share = np.log(begins_word.mean()) + float(bias.mean() - model.output_bias.mean())
        self._lean = centre - middle
        # Columns: the rows, then the bias, which meets a feature that is always 1.
        away = np.concatenate([rows - centre, (bias - bias.mean())[:, None]], axis=1)
        self._covariance = away.T @ away / len(away)
        self._radius_inside = np.linalg.norm(rows - centre, axis=1).max()
        self._bias_inside = bias.max() - bias.mean()
        self._radius = np.linalg.norm(model.output - middle, axis=1).max()
        self._bias = model.output_bias.max() - model.output_bias.mean()
        self._log_size = np.log(len(begins_word))
        # The same figures of the cell's own output: what of its distances the layers above let by.
        gram = model.above.T.astype(np.float64) @ model.above
        self._lean_above = np.sqrt(self._lean @ gram @ self._lean)
        self._norm_above = np.sqrt(_largest(gram))
        self._deviation_above = np.sqrt(_largest(gram @ self._covariance[:-1, :-1]))
        self._radius_above = np.sqrt((((rows - centre) @ gram) * (rows - centre)).sum(axis=1).max())

    def after(self, features: Activations) -> Floats:
        """The bound after states of some features. Shape [B]."""
        return self.around(features, np.zeros((len(features), 1)))[:, 0]

    def around(self, features: Activations, distance: Floats) -> Floats:
        """The bound after any states near to some.

        Args:
            features: Of the states. Shape [B, F].
            distance: How far from each the cell's output before its projection may be, in L2.
                Shape [B, n].

        Returns:
            The bound at each distance. Shape [B, n].
        """
        norm = np.linalg.norm(features, axis=1).astype(np.float64)[:, None]
        with_bias = np.concatenate([features, np.ones_like(features[:, :1])], axis=1)
        quadratic = ((with_bias @ self._covariance) * with_bias).sum(axis=1, dtype=np.float64)
        deviation = np.sqrt(np.maximum(quadratic, 0.0))[:, None] + self._deviation_above * distance
        v = np.maximum(deviation**2, _LEAST)
        far = self._radius_inside * norm + self._bias_inside + self._radius_above * distance
        b = np.maximum(far, np.sqrt(_LEAST))
        with np.errstate(invalid="ignore", over="ignore"):  # NaN, no bound, where a model diverged
            swell = np.logaddexp(2 * np.log(b) - v / b, np.log(v) + b) - np.log(b**2 + v)
        leaning = (features @ self._lean)[:, None] + self._lean_above * distance
        ends = self._share + leaning + swell
        furthest = norm + self._norm_above * distance
        goes_on = self._radius * furthest + self._bias - self._log_size
        bound: Floats = np.minimum(np.maximum(ends, goes_on), 0.0)
        return bound


def _largest(product: Floats) -> float:
    """The largest eigenvalue of a product of matrices without negative ones. Shape [F, F]."""
    if not np.isfinite(product).all():  # a model that has gone wrong: the bound says nothing
        return np.inf
    return max(float(np.linalg.eigvals(product).real.max()), 0.0)

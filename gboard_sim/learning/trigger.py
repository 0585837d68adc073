"""A logistic regression that phones train together: whether to show what a keyboard would propose.

Federated averaging (McMahan et al., AISTATS 2017, Algorithm 1) of a convex model, as Gboard trained
its trigger for query suggestions (Yang et al. 2018, arXiv 1812.02903). Each round some phones start
from the server's weights, take a step of gradient descent on each batch of their own examples, and
send the difference; the server adds its mean, weighted by examples.
"""

from dataclasses import dataclass

import numpy as np

from gboard_sim import seeds
from gboard_sim.seam.records import Flags, Floats, Ints


@dataclass(frozen=True, slots=True)
class Plan:
    """What the server asks.

    Attributes:
        rounds: Server steps.
        phones: Phones in a round.
        batch_size: Examples in a local step; None takes all of a phone's at once.
        epochs: Passes over a phone's examples.
        learning_rate: Of a local step.
    """

    rounds: int
    phones: int
    batch_size: int | None
    epochs: int
    learning_rate: float


def federated(features: Floats, clicked: Flags, first: Ints, plan: Plan, seed: int) -> Floats:
    """The weights after all rounds, from zeros on. Shape [features].

    Args:
        features: Of every example. Shape [examples, features].
        clicked: Its label. Shape [examples].
        first: Phone `p` has examples `first[p]` to `first[p + 1]`. Shape [phones + 1].
        plan: What the server asks.
        seed: The experiment's seed.
    """
    weights = np.zeros(features.shape[1])
    with_examples = np.flatnonzero(np.diff(first))
    for version in range(plan.rounds):
        keys = seeds.uniforms(seed, "trigger cohort", version, with_examples)
        cohort = with_examples[np.argsort(keys, kind="stable")[: plan.phones]]
        total, examples = np.zeros_like(weights), 0
        for phone in np.sort(cohort):
            own = np.arange(first[phone], first[phone + 1])
            keys = seeds.uniforms(seed, "trigger order", version, own)
            own = own[np.argsort(keys, kind="stable")]
            update = trained(weights, features[own], clicked[own], plan) - weights
            total += len(own) * update
            examples += len(own)
        weights = weights + total / max(examples, 1)
    return weights


def trained(weights: Floats, features: Floats, clicked: Flags, plan: Plan) -> Floats:
    """A phone's weights after its own passes; see `federated`. Shape [features]."""
    size = plan.batch_size or len(clicked)
    for _ in range(plan.epochs):
        for start in range(0, len(clicked), size):
            part = slice(start, start + size)
            error = chances(weights, features[part]) - clicked[part]
            weights = weights - plan.learning_rate * (error @ features[part]) / len(error)
    return weights


def chances(weights: Floats, features: Floats) -> Floats:
    """The probability of a click of each example. Shape [examples]."""
    found: Floats = 0.5 * (1 + np.tanh(0.5 * (features @ weights)))  # the logistic function
    return found


def log_loss(weights: Floats, features: Floats, clicked: Flags) -> float:
    """Mean nats by example; NaN without any."""
    margin = np.where(clicked, 1.0, -1.0) * (features @ weights)
    return float(np.logaddexp(0.0, -margin).mean()) if len(margin) else float("nan")

"""One SGD step written out: forward, backward and update, in the order that costs least.

`torch.autograd` over `model.loss` gives the same numbers (a test holds the two together); it also
gives one small product per time step for every weight, a dense embedding gradient, and an array of
tokens x vocabulary to scatter into. Here each weight's gradient is one matrix product over all
tokens, and the update rides on it: `addmm(weight, a.T, -rate * b)`.

The graphs are traced from `train_step`; the torch trainer calls `differentiate`, alone for one
phone and under `torch.vmap` for many, and updates in place.

What is not trained has no gradient and is no part of the new parameters. A matrix with an adapter
W + P B, of which B alone is trained, moves along P P' times its gradient: with orthonormal columns
in P that is the step that B takes, merged into W at once.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding

from gboard_sim.learning.model.definition import (
    LEAST_PROBABILITY,
    Parameters,
    Tape,
    Text,
    by_time,
    dropped,
    features,
    logits,
    product,
    time_major,
    unroll,
)
from gboard_sim.learning.model.spec import ModelSpec


def _slopes(spec: ModelSpec, tape: Tape) -> tuple[Tensor, Tensor]:
    """How the cell's output and state move with the state and the gate pre-activations.

    Returns:
        The derivative of the cell's output by the new state, [T * B, U]; and by the gates,
        [T * B, gates]: of the new state for f, i and g, of the output for o.
    """
    by_output = tape.cell - tape.cell * tape.output
    by_candidate = tape.input - tape.input * tape.candidate * tape.candidate
    by_state = tape.output - tape.cell * tape.squashed
    if spec.cell == "cifg":
        by_forget = tape.forget * tape.input * (tape.before - tape.candidate)
        return by_state, torch.cat([by_forget, by_output, by_candidate], 1)
    by_forget = tape.forget * (1 - tape.forget) * tape.before
    by_input = tape.input * (1 - tape.input) * tape.candidate
    return by_state, torch.cat([by_forget, by_input, by_output, by_candidate], 1)


def _through_time(
    spec: ModelSpec, parameters: Parameters, tape: Tape, reset: Tensor, d_out: Tensor
) -> tuple[Tensor, Tensor]:
    """Back-propagation through time (Werbos 1990).

    Args:
        spec: The model's sizes.
        parameters: The model's tensors.
        tape: What the forward pass kept.
        reset: 1 where a segment starts. Shape [B, T].
        d_out: Gradient by the recurrent output, from the logits alone. Shape [T * B, R].

    Returns:
        Gradients by the gate pre-activations [T * B, gates] and by the recurrent output with what
        came back from later tokens [T * B, R].
    """
    length = reset.shape[1]
    keep = time_major(1 - reset)
    by_state, by_gates = (by_time(slope, length) for slope in _slopes(spec, tape))
    kept = by_time(tape.forget * keep, length)
    keep_at = by_time(keep, length)
    d_out_at = by_time(d_out, length)
    recurrent = parameters["recurrent_kernel"].t()
    projection = parameters["projection"].t() if "projection" in parameters else None
    gates: list[Tensor] = []
    outs: list[Tensor] = []
    d_state = later = None
    for t in reversed(range(length)):
        out = d_out_at[t] if later is None else d_out_at[t] + later
        cell = out if projection is None else product(out, projection)
        through = cell * by_state[t]
        state = through if d_state is None else through + d_state
        towards = [state, cell, state] if spec.cell == "cifg" else [state, state, cell, state]
        gate = torch.cat(towards, 1) * by_gates[t]
        gates.append(gate)
        outs.append(out)
        if t:
            d_state = state * kept[t]
            later = product(gate, recurrent) * keep_at[t]
    return torch.cat(gates[::-1]), torch.cat(outs[::-1])


class Gradient(NamedTuple):
    """The gradient of the mean loss, its matrices as products not yet multiplied out.

    Attributes:
        products: Each matrix's gradient is `left.t() @ right`, by the tensor's name; both have the
            type that the matrices were given in.
        vectors: The gradients of the biases.
        rows: What single tokens add to the gradient of a matrix with a row per token, by the
            matrix's name: token ids [n], and what each adds to its row [n, width].
    """

    products: dict[str, tuple[Tensor, Tensor]]
    vectors: dict[str, Tensor]
    rows: dict[str, tuple[Tensor, Tensor]]


class Trained(NamedTuple):
    """What a step trains.

    Attributes:
        word_rows: Whether tensors with a row per token are.
        bases: The P of the matrices that have an adapter, by name. Shape [rows, rank] each.
    """

    word_rows: bool
    bases: Mapping[str, Tensor]


EVERYTHING = Trained(True, {})


def train_step(
    spec: ModelSpec,
    parameters: Parameters,
    text: Text,
    learning_rate: Tensor,
    trained: Trained = EVERYTHING,
) -> tuple[dict[str, Tensor], Tensor]:
    """The parameters after one step of SGD on the mean loss, and that loss before the step.

    Returns:
        The tensors that are trained, by name, and the loss.
    """
    gradient, mean_loss = differentiate(spec, parameters, text, trained)
    if spec.gradient_clip:
        return _clipped(spec, parameters, gradient, learning_rate), mean_loss
    rate = -learning_rate
    new = {
        name: torch.addmm(parameters[name], left.t(), right * rate)
        for name, (left, right) in gradient.products.items()
    }
    for name, vector in gradient.vectors.items():
        new[name] = parameters[name] + vector * rate
    for name, (at, added) in gradient.rows.items():
        base = new.get(name, parameters[name])
        new[name] = base.index_put([at], added * rate, accumulate=True)
    return new, mean_loss


def _clipped(
    spec: ModelSpec, parameters: Parameters, gradient: Gradient, learning_rate: Tensor
) -> dict[str, Tensor]:
    """The step along the gradient scaled down to the norm `gradient_clip` (Pascanu et al. 2013)."""
    whole = {name: left.t() @ right for name, (left, right) in gradient.products.items()}
    whole |= gradient.vectors
    for name, (at, added) in gradient.rows.items():
        base = whole[name] if name in whole else torch.zeros_like(parameters[name])
        whole[name] = base.index_put([at], added, accumulate=True)
    norm = torch.stack([(part * part).sum() for part in whole.values()]).sum().sqrt()
    step = -learning_rate * (spec.gradient_clip / norm.clamp(min=spec.gradient_clip))
    return {name: parameters[name] + part * step for name, part in whole.items()}


def differentiate(
    spec: ModelSpec,
    parameters: Parameters,
    text: Text,
    trained: Trained = EVERYTHING,
    room: Tensor | None = None,
) -> tuple[Gradient, Tensor]:
    """The gradient of the mean loss by what is trained, and the loss.

    Args:
        spec: The model's sizes.
        parameters: The model's tensors.
        text: The batch.
        trained: What is.
        room: Memory for the probabilities of every token, written over: one array of tokens x
            vocabulary costs more to ask the system for than to fill. Shape [T * B, V].
    """
    kept_embedded, kept_features = text.kept or (None, None)
    length = text.inputs.shape[1]
    tape = unroll(spec, parameters, text.inputs, text.reset, kept_embedded)
    hidden = dropped(features(parameters, tape.out), kept_features, length)
    scores = logits(parameters, hidden, room)
    probability = torch.softmax(scores, dim=1, out=room)
    target = time_major(text.targets)[:, 0].long()
    share = time_major(text.weight / text.weight.sum())
    target_probability = probability.gather(1, target[:, None]).to(share.dtype)
    target_probability = target_probability.clamp(min=LEAST_PROBABILITY)
    mean_loss = -(share * target_probability.log()).sum()

    # dloss/dlogits = share * (probability - 1 at the target): what the target adds goes row by row,
    # so that no array of tokens x vocabulary is written a second time.
    output = "embedding" if spec.tied else "output"
    shared = hidden * share
    products = {output: (probability, shared)} if trained.word_rows else {}
    vectors: dict[str, Tensor] = {}
    if spec.output_bias and trained.word_rows:
        missed = (probability * share).sum(0)
        vectors["output_bias"] = missed.index_put([target], -share[:, 0], accumulate=True)
    weights = parameters[output]
    d_out = (product(probability, weights) - embedding(target, weights)) * share
    d_out = dropped(d_out, kept_features, length)
    if spec.output_dense:
        products["dense"] = (tape.out, d_out)
        vectors["dense_bias"] = d_out.sum(0)
        d_out = product(d_out, parameters["dense"].t())

    d_pre, d_out = _through_time(spec, parameters, tape, text.reset, d_out)
    d_gates = d_pre.to(weights.dtype)  # once, for three products
    products["input_kernel"] = (tape.embedded, d_gates)
    products["recurrent_kernel"] = (tape.fed_back, d_gates)
    vectors["gate_bias"] = d_pre.sum(0)
    if spec.projection:
        products["projection"] = (tape.cell, d_out)
    rows: dict[str, tuple[Tensor, Tensor]] = {}
    if trained.word_rows:
        read = time_major(text.inputs)[:, 0].long()
        d_embedded = product(d_gates, parameters["input_kernel"].t())
        d_embedded = dropped(d_embedded, kept_embedded, length)
        if spec.tied:
            rows = {"embedding": (torch.cat([read, target]), torch.cat([d_embedded, -shared]))}
        else:
            rows = {"embedding": (read, d_embedded), "output": (target, -shared)}
    alike = {
        name: (left.to(weights.dtype), right.to(weights.dtype))
        for name, (left, right) in products.items()
    }
    for name, basis in trained.bases.items():
        left, right = alike[name]
        alike[name] = (basis.t(), (left @ basis).t() @ right)
    return Gradient(alike, vectors, rows), mean_loss

"""What a phone installs: graphs, tokenizer, words, parameters, a loader, and a manifest.

```
predict.onnx             what the keyboard runs: its weights are inside, in the precision asked for
tokenizer.model          sentencepiece
words.txt                the words that may be shown, the most frequent first
keyboard.py, loader/     a loader: onnxruntime, numpy and sentencepiece are all that it needs
train_step.onnx          what trains on the phone: the server's parameters go in, and what dropout
                         keeps (kept_embedded, kept_features: a 1 of shape [1, 1, 1] keeps all)
score.onnx               what judges on the phone: likewise
parameters.safetensors   these parameters, in float32
bases.safetensors        where phones train adapters: what else goes into train_step.onnx
manifest.json            shapes, operators, digests, and where the model came from
```

The first three and the manifest are all that a keyboard needs.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors.numpy import save

from gboard_sim.keyboard.artefact import FORMAT
from gboard_sim.keyboard.standalone import standalone
from gboard_sim.learning.model.filled_graph import filled
from gboard_sim.learning.model.graph_facts import graph_facts
from gboard_sim.learning.model.quantization import Precision
from gboard_sim.learning.model.spec import layout
from gboard_sim.learning.workshop import Workshop
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.plain import plain
from gboard_sim.seam.records import Vector


def contents(
    workshop: Workshop, parameters: Vector, facts: Mapping[str, Any], precision: Precision
) -> dict[str, bytes]:
    """The files by name, the manifest last.

    Args:
        workshop: It has the model, the graphs and the vocabulary.
        parameters: Shape [P].
        facts: What the manifest says besides: recall, seed, where the text came from.
        precision: How `predict.onnx` stores the weights.
    """
    spec, tokens, graphs = workshop.spec, workshop.tokens, workshop.graphs
    tensors = {
        tensor.name: parameters[tensor.slice].reshape(tensor.shape).copy()
        for tensor in layout(spec, tokens)
    }
    words = workshop.vocabulary.words
    bases = {f"basis_{name}": basis for name, basis in workshop.parts.bases(spec).items()}
    made = {
        "predict.onnx": filled(graphs.predict.read_bytes(), spec, tokens, parameters, precision),
        "score.onnx": graphs.score.read_bytes(),
        "train_step.onnx": graphs.train_step.read_bytes(),
        "parameters.safetensors": save(tensors),
        **({"bases.safetensors": save(bases)} if bases else {}),
        "tokenizer.model": workshop.vocabulary.model,
        "words.txt": "".join(f"{word}\n" for word in words).encode(),
        **{name: source.encode() for name, source in standalone().items()},
    }
    manifest = {
        "format": FORMAT,
        **facts,
        "model": spec.name,
        "parameters": len(parameters),
        "tokenizer": workshop.vocabulary.kind,
        "tokens": tokens,
        "words": len(words),
        "lane": spec.lane,
        "weights": precision,
        "graphs": {
            name: graph_facts(content) for name, content in made.items() if name.endswith(".onnx")
        },
        "files": {
            name: {"bytes": len(content), "sha256": sha256(content).hexdigest()}
            for name, content in made.items()
        },
    }
    return {**made, "manifest.json": as_bytes(manifest)}


def write_into(folder: Path, made: Mapping[str, bytes]) -> None:
    """Write the files of `contents` into a folder that is there."""
    for name, content in made.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def as_bytes(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as its file holds it."""
    return (json.dumps(plain(manifest), indent=2, ensure_ascii=False) + "\n").encode()


def write(
    directory: RunDirectory, workshop: Workshop, parameters: Vector, facts: Mapping[str, Any]
) -> None:
    """Write a finished run's `artefacts/`, in float32; for the arguments see `contents`."""
    for name, content in contents(workshop, parameters, facts, "float32").items():
        directory.write_bytes(f"artefacts/{name}", content)

"""What a phone would install: the graphs, the tokenizer, the parameters, and a manifest."""

import json
from hashlib import sha256
from typing import Any

from safetensors.numpy import save

from gboard_sim.learning.model.graphs import GRAPH_NAMES
from gboard_sim.learning.model.spec import layout
from gboard_sim.learning.workshop import Workshop
from gboard_sim.records import Vector
from gboard_sim.runlog import RunDirectory


def write(
    directory: RunDirectory, workshop: Workshop, parameters: Vector, facts: dict[str, Any]
) -> None:
    """Write `artefacts/`.

    Args:
        directory: The run directory.
        workshop: It has the model, the graphs and the vocabulary.
        parameters: The last version's. Shape [P].
        facts: What the manifest says besides: recall, seed, where the text came from.
    """
    tensors = {
        tensor.name: parameters[tensor.slice].reshape(tensor.shape).copy()
        for tensor in layout(workshop.spec, workshop.tokens)
    }
    words = "".join(f"{word}\n" for word in workshop.vocabulary.words)
    contents = {
        **{f"{name}.onnx": getattr(workshop.graphs, name).read_bytes() for name in GRAPH_NAMES},
        "parameters.safetensors": save(tensors),
        "tokenizer.model": workshop.vocabulary.model,
        "words.txt": words.encode(),
    }
    for name, content in contents.items():
        directory.write_bytes(f"artefacts/{name}", content)
    manifest = {
        **facts,
        "model": workshop.spec.name,
        "tokens": workshop.tokens,
        "parameters": len(parameters),
        "files": {
            name: {"bytes": len(content), "sha256": sha256(content).hexdigest()}
            for name, content in contents.items()
        },
    }
    directory.write_text("artefacts/manifest.json", json.dumps(manifest, indent=2) + "\n")

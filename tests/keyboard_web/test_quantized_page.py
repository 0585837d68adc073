"""The page on weights in fewer bits, against onnxruntime in Python, before and after learning."""

import json
import shutil
from hashlib import sha256

import numpy as np
import pytest

from gboard_sim.keyboard_web.page import write_page
from gboard_sim.learning.model.filled_graph import filled
from gboard_sim.learning.model.graphs import find_graphs
from gboard_sim.learning.model.spec import layout, load_spec
from tests.keyboard_web.test_page_in_browser import KEPT, Reference, ask, contexts


@pytest.mark.parametrize("precision", ["int8", "int4", "fp16"])
def test_predictions_and_what_was_learned_equal_pythons(
    browser, serve, page_folder, smoke, tmp_path, precision
):
    folder = tmp_path / "artefacts"
    shutil.copytree(smoke.directory / "artefacts", folder)
    reference = rounded(folder, Reference(folder).parameters, precision)
    page = write_page(folder, tmp_path / "page").parent
    with serve(page) as server:
        browser.open(server.address)
        browser.wait(KEPT)
        for text in contexts(reference, 10):
            assert ask(browser, "suggest", f"{text} ")["words"] == reference.keyboard.suggest(
                f"{text} "
            )
        assert near(browser, reference, "what is")
        messages = ["what is the " + " ".join(reference.words[:20]), "i think so"]
        plan = {"messages": messages, "learningRate": 0.7, "batchSize": 8, "passes": 1}
        ask(browser, "learn", plan)
        learned, _ = reference.step(reference.parameters, messages, 0.7)
        assert not near(browser, reference, "what is")
        assert near(browser, rounded(folder, learned, precision), "what is")
        ask(browser, "forget")
        assert near(browser, reference, "what is")


def near(browser, reference, text):
    """Whether the page expects the same as Python."""
    chances = browser.run(
        f"import('./page.js').then(({{ phone }}) => phone.ask('logProbabilities', '{text}'))"
        ".then((chances) => [...chances])"
    )
    # One weight on the edge between two integers may fall to either side of it.
    return np.abs(np.array(chances) - reference.log_probabilities(text)).max() < 2e-3


def rounded(folder, parameters, precision):
    """The same folder with parameters in a precision inside predict.onnx, as export fills it."""
    manifest = json.loads((folder / "manifest.json").read_text())
    spec, tokens = load_spec(manifest["model"]), manifest["tokens"]
    flat = np.concatenate([parameters[tensor.name].ravel() for tensor in layout(spec, tokens)])
    graph = find_graphs(spec, folder.parent / "graphs").predict.read_bytes()
    content = filled(graph, spec, tokens, flat, precision)
    (folder / "predict.onnx").write_bytes(content)
    digest = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    manifest["files"]["predict.onnx"] = digest
    (folder / "manifest.json").write_text(json.dumps(manifest | {"weights": precision}))
    return Reference(folder)

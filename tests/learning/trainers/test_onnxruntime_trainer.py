import subprocess
import sys

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from gboard_sim.learning.model.graphs import find_graphs
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.trainers.onnxruntime_trainer import OnnxRuntimeTrainer
from gboard_sim.learning.text.packing import pack
from gboard_sim.learning.server_optimizers import OPTIMIZERS
from gboard_sim.learning.model.spec import load_spec
spec = load_spec("tiny")
graphs = find_graphs(spec, Path("nowhere"))
parameters = initial_parameters(spec, 90, 0)
batch = pack(np.arange(2, 32, dtype=np.int32), np.array([10, 15, 5]), spec.lane)
trained = OnnxRuntimeTrainer(spec, 90, graphs).train(parameters, [batch] * 3, 0.5)
assert trained.steps == 3 and not np.array_equal(trained.parameters, parameters)
assert not {"torch", "onnx", "onnxscript", "simpy"} & set(sys.modules)
"""


def test_training_a_shipped_model_imports_no_torch() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)

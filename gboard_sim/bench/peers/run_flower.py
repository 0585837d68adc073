"""Flower's simulation: FedAvg over Ray actors, one processor each, evaluation off.

A node plays the phone at its place of each round's cohort, so there are as many nodes as phones in
a round: Flower's cost for nodes that do not take part is not counted.

    python run_flower.py WORK.npz ANSWER.json PROCESSES
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from answer import Rounds
from cifg import Cifg
from flower_phone import app as client_app
from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from phone_text import PhoneText


class TimedFedAvg(FedAvg):
    """Flower's own FedAvg, with a mark where each round begins."""

    def __init__(self, clock: Rounds, nodes: int) -> None:
        super().__init__(
            fraction_train=1.0,
            fraction_evaluate=0.0,
            min_train_nodes=nodes,
            min_available_nodes=nodes,
        )
        self._clock = clock

    def configure_train(self, *args, **kwargs):
        """Mark, then do as FedAvg does."""
        self._clock.mark()
        return super().configure_train(*args, **kwargs)


def main(work: Path, answer: Path, processes: int) -> None:
    """Run every round of the work."""
    torch.set_num_threads(1)
    text = PhoneText(work)
    server_app = ServerApp()

    @server_app.main()
    def serve(grid: Grid, context: Context) -> None:
        model = Cifg(text.sizes, text.textbook)
        model.load_flat(torch.from_numpy(text.parameters))
        clock = Rounds()
        result = TimedFedAvg(clock, text.cohort).start(
            grid=grid, initial_arrays=ArrayRecord(model.state_dict()), num_rounds=text.rounds
        )
        clock.mark()
        model.load_state_dict(result.arrays.to_torch_state_dict())
        clock.write(answer, model, {name: version(name) for name in ("flwr", "ray", "torch")})

    run_simulation(
        server_app=server_app,
        client_app=client_app,
        num_supernodes=text.cohort,
        backend_config={
            "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            "init_args": {"num_cpus": processes, "include_dashboard": False},
        },
    )


if __name__ == "__main__":
    os.environ["GBOARD_WORK"] = sys.argv[1]  # inherited by the actors
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))

"""Plain torch: the loops that one writes without a framework, in one process or several.

Several processes are started by `python -m torch.distributed.run`; each trains its share of the
cohort, the longest phones dealt out first, and the sums meet in one all-reduce.

    python run_torch.py WORK.npz ANSWER.json
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from answer import Rounds
from cifg import Cifg
from phone_text import PhoneText
from torch import distributed


def shares(text: PhoneText, number: int, processes: int) -> list[list[int]]:
    """Which places of a round's cohort each process trains."""
    places: list[list[int]] = [[] for _ in range(processes)]
    load = [0] * processes
    for place in sorted(range(text.cohort), key=lambda at: -text.cost(number, at)):
        least = load.index(min(load))
        places[least].append(place)
        load[least] += text.cost(number, place)
    return places


def main(work: Path, answer: Path) -> None:
    """Run every round of the work."""
    torch.set_num_threads(1)
    rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1:
        distributed.init_process_group("gloo")
    text = PhoneText(work)
    model = Cifg(text.sizes, text.textbook)
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD(parameters, lr=text.learning_rate)
    flat = torch.from_numpy(text.parameters.copy())
    clock = Rounds()
    for number in range(text.rounds):
        clock.mark()
        total = torch.zeros_like(flat)
        for place in shares(text, number, processes)[rank]:
            model.load_flat(flat)
            for inputs, targets in text.batches(number, place):
                optimizer.zero_grad()
                model.loss(inputs, targets).backward()
                optimizer.step()
            trained = torch.nn.utils.parameters_to_vector(parameters).detach()
            total.add_(trained, alpha=float(text.weights[number, place]))
        if processes > 1:
            distributed.all_reduce(total)
        flat = total / float(text.weights[number].sum())
    clock.mark()
    model.load_flat(flat)
    if rank == 0:
        clock.write(answer, model, {"torch": version("torch")})
    if processes > 1:
        distributed.barrier()  # a group that one process has left aborts the others
        distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

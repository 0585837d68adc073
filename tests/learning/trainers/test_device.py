"""Where torch computes is decided before a run begins, and kept with it."""

import json

import pytest
import torch

import gboard_sim
from gboard_sim.errors import ExperimentError
from gboard_sim.learning.trainers.device import settled


def smoke(*overrides: str):
    return gboard_sim.load("smoke", overrides=list(overrides))


@pytest.mark.parametrize(
    ("card", "overrides", "device", "together"),
    [
        (True, [], "cuda", 60),
        (False, [], "cpu", 1),
        (True, ["training.device=cpu"], "cpu", 1),
        (True, ["training.device=cuda", "training.phones_together=5"], "cuda", 5),
        (False, ["training.phones_together=25"], "cpu", 25),
        (True, ["run.engine=ray"], "cpu", 1),
        (True, ["codec.lossless=zstd"], "cuda", 1),
    ],
)
def test_a_gpu_is_taken_where_there_is_one_and_it_is_not_refused(
    monkeypatch, card, overrides, device, together
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: card)
    training = settled(smoke("training.trainer=torch", *overrides)).training
    assert (training.device, training.phones_together) == (device, together)


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    experiment = smoke("training.trainer=torch", "training.device=cuda")
    with pytest.raises(ExperimentError, match=r"training\.device = 'cuda': torch finds no GPU"):
        gboard_sim.run(experiment, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_gpu_and_ray_do_not_go_together(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ExperimentError, match="one process has the card"):
        settled(smoke("training.trainer=torch", "training.device=cuda", "run.engine=ray"))


def test_another_trainer_has_nothing_to_decide():
    assert settled(smoke()) == smoke()


def test_a_run_keeps_what_was_decided_and_uses_this_process_alone_for_a_gpu(monkeypatch, tmp_path):
    """The card is played by the processor: what changes is who trains."""
    from gboard_sim.learning import workshop
    from gboard_sim.learning.trainers import torch_trainer

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    real, made = torch_trainer.TorchTrainer, []

    def on_the_processor(spec, vocabulary, device, *rest):
        made.append(device)
        return real(spec, vocabulary, "cpu", *rest)

    monkeypatch.setattr(torch_trainer, "TorchTrainer", on_the_processor)
    assert workshop.Workshop.trainer  # imports the trainer when it is first used, so ours
    overrides = ["training.trainer=torch", "run.versions=2", "run.workers=3", "codec.name=fp16"]
    run = gboard_sim.run(smoke(*overrides), out=tmp_path / "run")
    assert made == ["cuda"]
    assert run.summary["machine"]["workers"] == 1
    kept = gboard_sim.load(tmp_path / "run/experiment.toml").training
    assert (kept.device, kept.phones_together) == ("cuda", 60)
    assert json.loads((tmp_path / "run/summary.json").read_text())["versions"] == 2

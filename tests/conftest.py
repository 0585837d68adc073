"""One small run that many tests look at, made once for each process."""

import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import gboard_sim

# Shared machines stall for seconds; that is no property of the code.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> "gboard_sim.Run":
    """The shipped experiment `smoke`, finished."""
    out = tmp_path_factory.mktemp("smoke") / "run"
    return gboard_sim.run(gboard_sim.load("smoke", overrides=["run.workers=2"]), out=out)


@pytest.fixture
def smoke_path(smoke: "gboard_sim.Run") -> Path:
    """Its run directory."""
    return smoke.directory.path


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """Processes started meanwhile heed Ctrl-C, even where this one was started to ignore it.

    A shell starts what it puts in the background so, and whoever is started inherits that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

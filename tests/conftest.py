"""One small run that many tests look at, made once for each process."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import gboard_sim

# Tests run side by side in processes, and so do the commands that they start: threads of libraries
# would wait for each other. Set before anything imports numpy, which reads it once.
os.environ |= dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"), "1"
)

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


@pytest.fixture(scope="module")
def trains_here() -> Iterator[None]:
    """Runs of one worker train in this process, for modules that test what is trained.

    Runs of several have their worker processes still, and must come to the same bits.
    """
    from gboard_sim.course import engine
    from gboard_sim.learning.pool import InlinePool, ProcessPool

    def pool(workshop, workers):
        return InlinePool(workshop) if workers == 1 else ProcessPool(workshop, workers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "ProcessPool", pool)
        yield


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """Processes started meanwhile heed Ctrl-C and SIGHUP, even where this one ignores them.

    A shell starts what it puts in the background deaf to the one, and nohup to the other, and
    whoever is started inherits that.
    """
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    yield
    for each, handler in before.items():
        signal.signal(each, handler)

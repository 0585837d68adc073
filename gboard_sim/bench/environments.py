"""Virtual environments for peers, made on first use in a folder of the user's choice and kept."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gboard_sim.errors import GboardSimError
from gboard_sim.learning.pool import ONE_THREAD

TORCH = "torch>=2.9,<2.14"
"""The range that this project itself allows, so that all contenders have the same torch."""

REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "flower": (TORCH, "flwr[simulation]==1.41.0"),
    "pfl": (TORCH, "pfl[pytorch]==0.6.0"),
    "torch": (TORCH, "numpy"),
}
"""What each environment holds, by the peer's name."""

PROGRAMS = Path(__file__).parent / "peers"
"""The programs that run there."""

LIMIT_S = 3600.0
"""Seconds after which a program is taken to hang (assumed: installing torch takes minutes)."""

LAST_LINES = 15
"""Lines of a failed program that its error repeats (assumed: the traceback's end)."""


def environment(folder: Path, peer: str) -> Path:
    """The Python of a peer's environment, made now if it is not there.

    Raises:
        GboardSimError: It cannot be made: a package could not be fetched, or the disk is full.
    """
    home = folder.resolve() / peer
    python = home / "bin" / "python"
    if not python.is_file():
        run([sys.executable, "-m", "venv", str(home)], f"the virtual environment {home}")
    # Satisfied requirements cost pip a second and no network.
    wanted = REQUIREMENTS[peer]
    command = [str(python), "-m", "pip", "install", "--quiet", *wanted]
    run(command, f"{home}: pip install {' '.join(wanted)}")
    return python


def run(command: Sequence[str], what: str, extra: Mapping[str, str] | None = None) -> None:
    """Run a program to its end, on one thread a process.

    Args:
        command: The program and its arguments.
        what: Names it in an error.
        extra: More for its process environment.

    Raises:
        GboardSimError: It failed, and said its last lines; or it hangs.
    """
    # Our own modules are no business of a peer's interpreter.
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with subprocess.Popen(
        command,
        env=inherited | ONE_THREAD | {"PYTHONDONTWRITEBYTECODE": "1"} | dict(extra or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that what it starts can be ended with it
    ) as process:
        try:
            printed, _ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            raise GboardSimError(
                f"{what}: took more than {LIMIT_S:g} s; hint: run {' '.join(command)} by itself"
            ) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        said = "\n".join(printed.splitlines()[-LAST_LINES:])
        raise GboardSimError(
            f"{what}: ended with status {process.returncode}; allowed: 0; hint: it said\n{said}"
        )

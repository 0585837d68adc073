"""A connection to a Ray cluster, or a cluster of this machine alone, for as long as a run lasts.

Ray is imported here and nowhere else, and only when a run asks for it.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from importlib import import_module
from socket import create_connection
from tempfile import TemporaryDirectory
from typing import Any

from gboard_sim.errors import ExperimentError

ANSWER_S = 30
"""Seconds in which a cluster must answer (assumed). Ray itself tries for two minutes, fills the
terminal, and then ends the process that asked."""

CONNECT_S = 5
"""Seconds in which a machine must take a connection (assumed)."""

_PROBE = """
import logging, sys, ray
try:
    ray.init(address=sys.argv[1], logging_level=logging.CRITICAL, log_to_driver=False)
except Exception as error:
    sys.exit(print(" ".join(str(error).split())) or 1)
"""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray would report on the run over the network
    "RAY_prestart_worker_first_driver": "0",  # one a processor, and no job of ours would take it
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # and advises at every start to set this
}


def imported() -> Any:
    """Ray itself, told to be quiet.

    Raises:
        ExperimentError: It is not installed.
    """
    os.environ.update(_QUIET)
    try:
        return import_module("ray")
    except ImportError as error:
        raise ExperimentError(
            f"run.engine = 'ray': Ray cannot be imported ({error}); "
            "hint: pip install 'gboard-sim[ray]'"
        ) from None


@contextmanager
def connected(address: str, workers: int) -> Iterator[int]:
    """A connection, given up at the end; a cluster that was started here ends with it.

    A process that has called `ray.init` already keeps the cluster that it has.

    Args:
        address: `auto` or `HOST:PORT` of a running cluster; empty starts one on this machine.
        workers: How many workers are wanted; 0 takes one per processor.

    Yields:
        How many workers there will be.

    Raises:
        ExperimentError: There is no Ray, no such cluster, or not so many processors.
    """
    ray = imported()
    if ray.is_initialized():
        yield _bounded(ray, workers)
        return
    with ExitStack() as stack:
        if address:
            _probe(address)
            options: dict[str, Any] = {"address": address}
        else:
            private = TemporaryDirectory(
                prefix="gboard-sim-ray-",
                dir="/tmp",  # Ray's own choice: the paths of its sockets must be short
                ignore_cleanup_errors=True,
            )
            options = {
                "address": "local",
                "num_cpus": workers or os.cpu_count() or 1,
                "include_dashboard": False,
                "_temp_dir": stack.enter_context(private),
            }
        stack.callback(ray.shutdown)
        with redirect_stdout(sys.stderr):  # stdout is for data, not for news of a worker's death
            _initialise(ray, options)
            yield _bounded(ray, workers)


def _bounded(ray: Any, workers: int) -> int:
    """How many workers the cluster will have."""
    processors = int(ray.cluster_resources().get("CPU", 0))
    if not 0 < (workers or processors) <= processors:
        raise ExperimentError(
            f"run.workers = {workers}: the Ray cluster has {processors} processors; allowed: one "
            "worker for each; hint: 0 takes them all, and `ray start` on another machine adds more"
        )
    return workers or processors


def _probe(address: str) -> None:
    """Asks from a process that can be given up whether a cluster answers.

    Raises:
        ExperimentError: It does not.
    """
    host, _, port = address.rpartition(":")
    try:
        if port.isdigit():  # what is not there need not be waited for
            create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
        asked = subprocess.run(
            [sys.executable, "-P", "-c", _PROBE, address],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=ANSWER_S,
        )
        if asked.returncode == 0:
            return
        reason = asked.stdout.strip() or f"status {asked.returncode}"
    except (OSError, OverflowError) as error:  # a port beyond 65535 overflows
        reason = str(error)
    except subprocess.TimeoutExpired:
        reason = f"no answer from Ray within {ANSWER_S} s"
    raise ExperimentError(
        f"run.ray_address = {address!r}: {reason}; allowed: `auto`, or HOST:PORT of a cluster of "
        "which this machine is a part; hint: `ray start --head`, or without an address Ray is "
        "started on this machine"
    )


def _initialise(ray: Any, options: dict[str, Any]) -> None:
    """Connects; what to do on SIGTERM stays what it was, which Ray would change.

    Raises:
        ExperimentError: Ray did not start.
    """
    ours = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**options, log_to_driver=False, logging_level=logging.CRITICAL)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ExperimentError(f"run.engine = 'ray': Ray did not start: {reason}") from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ours)

"""Seconds by part, and memory over the whole process tree."""

import subprocess
import sys
import time

import psutil

from gboard_sim import machine
from gboard_sim.machine import MachineMeter

MIB = 2**20


def test_memory_is_that_of_the_process_and_its_children():
    hold = "data = bytearray(64 * 2**20); print('held', flush=True); input()"
    tree = [psutil.Process(), *psutil.Process().children(recursive=True)]  # of earlier tests too
    own = sum(process.memory_info().rss for process in tree)
    with MachineMeter() as alone:
        within = alone.peak_rss_bytes  # as a run reads it, before the meter's end
    command = [sys.executable, "-c", hold]
    with (
        MachineMeter() as meter,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child,
    ):
        assert child.stdout is not None
        child.stdout.readline()
        held = psutil.Process(child.pid).memory_info().rss
        time.sleep(2.5 * machine.SAMPLE_S)
        child.communicate(b"\n")
    assert held > 64 * MIB
    assert meter.peak_rss_bytes > own + 0.9 * held
    assert 0.5 * own < within <= alone.peak_rss_bytes < own + 0.9 * held  # shorter than a sample


def test_seconds_are_counted_by_part_even_when_it_fails():
    meter = MachineMeter()
    for _ in range(2):
        with meter.timing("fleet"):
            time.sleep(0.02)
    try:
        with meter.timing("broken"):
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert 0.04 <= meter.seconds["fleet"] <= meter.wall_s
    assert meter.seconds["broken"] >= 0.0

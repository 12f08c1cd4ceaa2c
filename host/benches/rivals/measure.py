"""Runs a program and says what it cost: wall time, CPU time with its children, peak memory."""

import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass


@dataclass
class Cost:
    """Seconds, seconds of user and system time, MiB."""

    wall: float
    cpu: float
    peak: float


def peak_of(pid):
    """The most memory that a process has had, in MiB; 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) / 1024
    except (OSError, AttributeError):
        return 0


class Peak(threading.Thread):
    """Looks again and again: what wait4 tells of memory includes this script's own, from before the program was loaded."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.mib, self.over = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.02):
            self.mib = max(self.mib, peak_of(self.pid))

    def stop(self):
        self.over.set()
        self.join()


def run(command, env=None, cwd=None, accept=(0,), log=None):
    """Runs to the end; stdout and stderr go to a file, which is shown where the exit code is none of those accepted."""
    log = log or os.path.join(cwd or ".", "log.txt")
    with open(log, "wb") as out:
        begun = time.perf_counter()
        child = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        peak = Peak(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begun
        peak.stop()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in accept:
        with open(log, errors="replace") as text:
            sys.exit(f"{' '.join(map(str, command))}\nended with {child.returncode}:\n{text.read()[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak.mib)


def median(numbers):
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def middle(costs):
    """Of several runs the median of each column."""
    return Cost(median([c.wall for c in costs]), median([c.cpu for c in costs]), max(c.peak for c in costs))


def lines(path):
    """How many lines a file has."""
    with open(path, "rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))


class Simulator:
    """`host simulate` in a process of its own."""

    def __init__(self, host, scenario, env):
        self.process = subprocess.Popen(
            [host, "simulate", "--port", "0", "--scenario", scenario],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            sys.exit(f"the simulator does not start with {scenario}")

    def cpu(self):
        """Seconds so far."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self):
        """MiB."""
        return peak_of(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

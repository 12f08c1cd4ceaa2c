#!/usr/bin/env python3
"""Two binaries of `host` in turn, on this machine: start, and rows of the Invalid Login Report to a file.

    host/benches/versions.py OLD NEW [--rows 100000]     one to four minutes

Prints medians and the ratio of the new one to the old one. Needs Python 3.11; no root, no network.
"""

import argparse
import datetime
import os
import statistics
import subprocess
import tempfile
import time

DAYS = 10


def run(folder, env, *command):
    """Wall seconds, CPU seconds and peak MiB of a command that must succeed."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, (command, status)
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=os.path.abspath)
    parser.add_argument("new", type=os.path.abspath)
    parser.add_argument("--rows", type=int, default=100_000, help="rows on each of ten days")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ, HOME=folder, XDG_CACHE_HOME=f"{folder}/cache", HOST_SECRET="demo-password")
        scenario = f"rows={options.rows},plain-names,slow-job=0"
        simulator = subprocess.Popen([options.new, "simulate", "--scenario", scenario], env=env, text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            measure(options, folder, env, simulator.stdout.readline().strip())
        finally:
            simulator.kill()


def measure(options, folder, env, url):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    first, last = str(today - datetime.timedelta(DAYS)), str(today - datetime.timedelta(1))
    collect = ["run", "invalid-login", "-q", "--url", url, "--allow-private-addresses", "--auth", "basic:demo.user",
               "--to", last, "--sink", "file:events.ndjson", "--from"]
    both = (options.old, options.new)
    # Plugins are compiled, and the report is made.
    for binary in both:
        run(folder, env, binary, *collect, last)

    def row(name, rounds, figures, *command):
        costs = {binary: [] for binary in both}
        for number in range(rounds):
            for binary in both[:: -1 if number % 2 else 1]:
                costs[binary].append(run(folder, env, binary, *command))
        for figure, unit in figures:
            old, new = (statistics.median(cost[figure] for cost in costs[binary]) for binary in both)
            print(f"{name}, {unit}: old {old:.4f}, new {new:.4f}, ratio {new / old:.3f}")

    row("--help", 20, [(0, "wall s")], "--help")
    row("plugin list", 10, [(0, "wall s")], "plugin", "list")
    figures = [(0, "wall s"), (1, "CPU s"), (2, "peak MiB")]
    row(f"{options.rows * DAYS:,} rows", 5, figures, *collect, first)


main()

#!/usr/bin/env python3
"""`host` beside what else people use, in one run on this machine: prints the tables of host/benches/README.md.

    cargo build --release -p host
    host/benches/compare.py              about ten minutes
    host/benches/compare.py --quick      less than one, with fewer rows

Needs Python 3.11 and the release binary; no root, no network. Other tools are skipped, and said to be, where they are not
installed (host/benches/README.md says how to install them). --only start,rows,pages,list-events,growth takes some of the parts.
"""

import argparse
import datetime
import filecmp
import http.client
import json
import math
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "rivals"))
from bench import DAYS, PAGE, TOKEN, USER, Bench, table  # noqa: E402
from list_events import list_events  # noqa: E402
from measure import lines, median, middle  # noqa: E402

def start(bench):
    """Milliseconds from spawning a process to its end, or to the connection that it makes."""
    print("### Start\n")
    rounds = 11 if bench.quick else 41

    def to_end(*command):
        begun = time.perf_counter()
        process = os.posix_spawn(command[0], command, bench.env, file_actions=quiet)
        os.waitpid(process, 0)
        return (time.perf_counter() - begun) * 1e3

    def to_request(cache=None):
        env = dict(bench.env, XDG_CACHE_HOME=cache or f"{bench.folder}/cache")
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            command = [bench.host, "run", "invalid-login", *bench.remote(url), "-q", "--sink", f"file:{bench.folder}/never"]
            begun = time.perf_counter()
            process = os.posix_spawn(bench.host, command, env, file_actions=quiet)
            connection, _ = server.accept()
            elapsed = (time.perf_counter() - begun) * 1e3
            os.kill(process, 9)
            os.waitpid(process, 0)
            connection.close()
        # What was killed leaves its unfinished file, and the next run would look at all of them.
        for unfinished in bench.folder.glob(".host-*"):
            unfinished.unlink()
        return elapsed

    with open(os.devnull, "r+b") as null:
        quiet = [(os.POSIX_SPAWN_DUP2, null.fileno(), stream) for stream in (0, 1, 2)]
        nothing = [to_end("/bin/true") for _ in range(rounds)]
        helped = [to_end(bench.host, "--help") for _ in range(rounds)]
        to_request()
        warm = [to_request() for _ in range(rounds)]
        cold = []
        for _ in range(3 if bench.quick else 7):
            with tempfile.TemporaryDirectory(dir=bench.folder) as cache:
                cold.append(to_request(cache))
        python = [to_end(sys.executable, "-c", "import urllib.request, csv, json, hashlib") for _ in range(rounds)]
    rows = [
        (name, f"{median(times):.1f}", f"{min(times):.1f}")
        for name, times in [
            ("host --help", helped),
            ("host run, to its first request, plugin cached", warm),
            ("the same, nothing cached", cold),
            ("Python, to the end of its imports", python),
            ("/bin/true", nothing),
        ]
    ]
    table(("ms", "median", "least"), rows)
    bench.aim("warm start to first request", "10 ms", f"{median(warm):.1f} ms", median(warm) <= 10)
    bench.aim("`host --help`", "5 ms", f"{median(helped):.1f} ms", median(helped) <= 5)


def rows(bench):
    """The Invalid Login Report to OCSF lines."""
    per_day = 10_000 if bench.quick else 100_000
    count, rounds = per_day * DAYS, 1 if bench.quick else 3
    print(f"### {count:,} rows of the Invalid Login Report to an OCSF file\n")
    by_hand = [sys.executable, HERE / "rivals" / "by_hand.py"]
    costs = {}

    def note(name, cost, out, like=None):
        got = lines(bench.folder / out)
        if got != count:
            sys.exit(f"{name}: {got} events and not {count}")
        if like and not filecmp.cmp(bench.folder / out, bench.folder / like, shallow=False):
            sys.exit(f"{name}: {out} differs from {like}")
        costs.setdefault(name, []).append(cost)

    with bench.simulator(rows=per_day) as simulator:
        remote, period = bench.remote(simulator.url), bench.period()
        # Compiles the plugin, and leaves the CSV file behind.
        bench.host_run("invalid-login", *remote, *period, "--sink", "file:host.ndjson", "--record", "recording")
        report = max((bench.folder / "recording").glob("*.body"), key=lambda path: path.stat().st_size)
        simulated = []
        for _ in range(rounds):
            before = simulator.cpu()
            cost, _ = bench.host_run("invalid-login", *remote, *period, "--sink", "file:host.ndjson")
            simulated.append(simulator.cpu() - before)
            note("host, from the server", cost, "host.ndjson")
            cost = bench.cost(*by_hand, "fetch", simulator.url, USER, bench.since, bench.until, "hand.ndjson")
            note("Python script, from the server", cost, "hand.ndjson", like="host.ndjson")
        for _ in range(rounds):
            cost, _ = bench.host_run("invalid-login", "--replay", "recording", "--sink", "file:replayed.ndjson")
            note("host, from a recording", cost, "replayed.ndjson", like="host.ndjson")
            cost = bench.cost(*by_hand, "map", report, "mapped.ndjson")
            note("Python script, from the CSV file", cost, "mapped.ndjson", like="host.ndjson")
            if vrl := bench.tool("invalid-login-in-vrl"):
                note("VRL 0.38, from the CSV file", bench.cost(vrl, report, "vrl.ndjson"), "vrl.ndjson")
                same_but_ids(bench.folder / "vrl.ndjson", bench.folder / "host.ndjson")
            if faucet := bench.tool("faucet"):
                config = bench.folder / "csv.yaml"
                config.write_text(
                    "version: 1\nname: rows\npipeline:\n"
                    f"  source: {{ type: csv, config: {{ path: {report} }} }}\n"
                    "  sink: { type: jsonl, config: { path: faucet.jsonl } }\n"
                )
                (bench.folder / "faucet.jsonl").unlink(missing_ok=True)
                cost = bench.cost(faucet, "run", config)
                note(f"{bench.called(faucet)}, the CSV file to JSON lines, no mapping", cost, "faucet.jsonl")
    best = {name: middle(each) for name, each in costs.items()}
    table(
        ("median of " + str(rounds), "events", "events/CPU s", "CPU s", "wall s", "peak MiB"),
        [
            (name, count, f"{count / cost.cpu:,.0f}", f"{cost.cpu:.2f}", f"{cost.wall:.2f}", f"{cost.peak:.1f}")
            for name, cost in best.items()
        ],
    )
    missing(bench, ("invalid-login-in-vrl", "VRL"), ("faucet", "faucet"))
    print(f"The simulator took {median(simulated):.2f} CPU s to make one report. helr has no source for files, jobs or CSV: it cannot do this.")
    live, replayed = best["host, from the server"], best["host, from a recording"]
    ratio = best["Python script, from the CSV file"].cpu / replayed.cpu
    bench.aim("events per CPU second, CSV to OCSF file, against the Python script", "20 times", f"{ratio:.1f} times", ratio >= 20)
    print(f"Against the Python script: {ratio:.1f} times from the file, "
          f"{best['Python script, from the server'].cpu / live.cpu:.1f} times from the server.")
    if vrl := best.get("VRL 0.38, from the CSV file"):
        bench.aim("the same against VRL", "3 times", f"{vrl.cpu / replayed.cpu:.2f} times", vrl.cpu / replayed.cpu >= 3)
        print(f"Against VRL: {vrl.cpu / replayed.cpu:.2f} times, VRL reading a file and `host` a recording.")
    rate = count / live.cpu
    bench.aim("events per CPU second end to end", "1,000,000", f"{rate:,.0f}", rate >= 1e6)
    print()


def same_but_ids(path, other, most=10_000):
    """Whether the first lines of two files say the same but for `metadata.uid`."""
    with open(path) as ours, open(other) as theirs:
        for number, (one, two) in enumerate(zip(ours, theirs), 1):
            one, two = json.loads(one), json.loads(two)
            one["metadata"].pop("uid"), two["metadata"].pop("uid")
            if one != two:
                sys.exit(f"{path} line {number} differs from {other}")
            if number == most:
                return


def missing(bench, *tools):
    for binary, name in tools:
        if not bench.tool(binary):
            print(f"{name}: skipped, `{binary}` is not installed.\n")


def pages(bench):
    """AuditEvents, page by page."""
    count = 20_000 if bench.quick else 100_000
    latencies = [0, 20] if bench.quick else [0, 20, 100]
    print(f"### {count:,} audit events in pages of {PAGE:,}\n")
    # Of every group of four occurrences one is a failed login.
    per_day = count // DAYS // 4
    found, cheap = [], []
    for latency in latencies:
        # Pages are made once: a real server's work is not done on the cores that are measured.
        with bench.simulator(rows=per_day, latency=latency, **{"keep-pages": 1000}) as simulator:
            bench.audit_events(simulator.url, 4)
            read_and_drop(simulator.url, bench, 4, count)
            for parallel in [1, 4, 16]:
                cost, summary = bench.audit_events(simulator.url, parallel)
                if summary["events"] != count:
                    sys.exit(f"{summary['events']} audit events and not {count}")
                requests = summary["remote"]["requests"]
                by_latency = math.ceil(requests / parallel) * latency / 1e3
                bare = read_and_drop(simulator.url, bench, parallel, count)
                ideal = max(by_latency, bare)
                found.append((
                    latency, parallel, requests, f"{requests / cost.wall:.0f}", f"{cost.wall:.2f}", f"{by_latency:.2f}",
                    f"{bare:.2f}", f"{cost.wall / ideal:.2f}", f"{cost.cpu:.2f}", f"{cost.peak:.0f}",
                ))
                if latency == 20 and parallel == 4:
                    bench.aim(
                        f"AuditEvents at 20 ms, {count:,} events, against the ideal of 4 requests at once", "1.3 times",
                        f"{cost.wall / ideal:.2f} times; {cost.wall / by_latency:.2f} times latency alone", cost.wall <= 1.3 * ideal,
                    )
            if latency <= 20:
                cheap += other_collectors(bench, simulator.url, latency, count)
    table(
        ("latency ms", "at once", "requests", "pages/s", "wall s", "latency alone s", "bare client s", "times ideal", "CPU s", "peak MiB"),
        found,
    )
    print("Ideal: what latency alone takes, or a client that reads the same pages, as many at once, and drops them.\n")
    table(("the same events, as they are", "latency ms", "events", "events/CPU s", "CPU s", "wall s", "peak MiB"), cheap)
    missing(bench, ("faucet", "faucet"), ("helr", "helr"))


def read_and_drop(url, bench, parallel, count):
    """Seconds that the pages take when nobody looks at them: what the server and the way there cost."""
    place = urllib.parse.urlsplit(url)
    daily = count // DAYS
    first = datetime.date.fromisoformat(bench.since)
    wanted = []
    for day in range(DAYS):
        since, until = first + datetime.timedelta(day), first + datetime.timedelta(day + 1)
        condition = f'timestamp ge "{since}T00:00:00.000Z" and timestamp lt "{until}T00:00:00.000Z"'
        for start in range(1, daily + 1, PAGE):
            query = {"filter": condition, "sortBy": "timestamp", "sortOrder": "ascending", "startIndex": start, "count": PAGE}
            wanted.append("/admin/v1/AuditEvents?" + urllib.parse.urlencode(query))
    wanted.reverse()

    def work():
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        while wanted:
            try:
                path = wanted.pop()
            except IndexError:
                break
            connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}", "Accept": "application/scim+json"})
            connection.getresponse().read()
        connection.close()

    begun = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(parallel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def other_collectors(bench, url, latency, count):
    """Audit events as they are, without a mapping, by tools that can page. They ask for one page after the other."""
    end = datetime.date.fromisoformat(bench.until) + datetime.timedelta(1)
    condition = f'timestamp ge "{bench.since}T00:00:00.000Z" and timestamp lt "{end}T00:00:00.000Z"'
    found = []

    def note(name, cost, out):
        got = lines(bench.folder / out)
        if got != count:
            print(f"{name}: {got} events and not {count}; left out\n")
            return
        found.append((name, latency, count, f"{count / cost.cpu:,.0f}", f"{cost.cpu:.2f}", f"{cost.wall:.2f}", f"{cost.peak:.0f}"))

    for parallel in [1, 4]:
        cost, _ = bench.audit_events(url, parallel)
        note(f"host, mapped to OCSF, {parallel} at once", cost, "audit.ndjson")
    if helr := bench.tool("helr"):
        query = urllib.parse.urlencode({"filter": condition, "sortBy": "timestamp", "sortOrder": "ascending"})
        config = bench.folder / "helr.yaml"
        # Its offsets count from 0 and SCIM's from 1, so each page repeats a record: hence `dedupe`.
        config.write_text(
            "global:\n  log_level: warn\n  state: { backend: memory }\n"
            f'sources:\n  audit:\n    url: "{url.rstrip("/")}/admin/v1/AuditEvents?{query}"\n'
            "    auth: { type: bearer, token_env: TOKEN }\n"
            f"    pagination: {{ strategy: offset, offset_param: startIndex, limit_param: count, limit: {PAGE}, max_pages: 100000 }}\n"
            "    response_events_path: Resources\n"
            "    dedupe: { id_path: id, capacity: 200000 }\n"
            "    transform: { timestamp_field: timestamp, id_field: id }\n"
            "    resilience: { timeouts: { poll_tick_secs: 600 } }\n"
        )
        (bench.folder / "helr.ndjson").unlink(missing_ok=True)
        cost = bench.cost(helr, "run", "--config", config, "--once", "--output", "helr.ndjson")
        note(f"{bench.called(helr)}, not mapped", cost, "helr.ndjson")
    if faucet := bench.tool("faucet"):
        config = bench.folder / "faucet.yaml"
        config.write_text(faucet_rest(url, bench))
        (bench.folder / "faucet.ndjson").unlink(missing_ok=True)
        note(f"{bench.called(faucet)}, by Link headers, not mapped", bench.cost(faucet, "run", config), "faucet.ndjson")
    return found


def faucet_rest(url, bench):
    """Its offsets count from 0 and nothing drops what then comes twice, so it follows the simulator's links instead."""
    end = datetime.date.fromisoformat(bench.until) + datetime.timedelta(1)
    return json.dumps({
        "version": 1, "name": "audit",
        "pipeline": {
            "source": {"type": "rest", "config": {
                "base_url": url.rstrip("/"), "path": "/pages/link", "method": "GET",
                "auth": {"type": "bearer", "config": {"token": TOKEN}},
                "query_params": {
                    "limit": str(PAGE), "startTime": f"{bench.since}T00:00:00Z", "endTime": f"{end}T00:00:00Z",
                },
                "records_path": "$[*]", "pagination": {"type": "LinkHeader"},
                "max_retries": 3, "retry_backoff": 1, "tolerated_http_errors": [],
                "replication_method": {"type": "FullTable"}, "primary_keys": ["id"], "partitions": [],
                "schema_sample_size": 0,
            }},
            "sink": {"type": "jsonl", "config": {"path": "faucet.ndjson"}},
        },
    })


def growth(bench):
    """CPU seconds over the number of rows."""
    sizes = [10_000, 30_000, 100_000, 300_000] if bench.quick else [10_000, 100_000, 1_000_000, 10_000_000]
    print("### Cost over the number of rows\n")

    def measure(rows, rounds):
        with bench.simulator(rows=rows // DAYS) as simulator:
            costs = []
            for _ in range(rounds):
                before, begun = simulator.cpu(), time.perf_counter()
                cost, summary = bench.host_run(
                    "invalid-login", *bench.remote(simulator.url), *bench.period(), "--sink", "file:growth.ndjson",
                )
                if summary["events"] != rows:
                    sys.exit(f"{summary['events']} events and not {rows}")
                costs.append(cost)
            return middle(costs), simulator.cpu() - before, simulator.peak()

    fixed, _, _ = measure(DAYS, 11)
    found, points = [], []
    for rows in sizes:
        rounds = 1 if rows > 1_000_000 else 3 if rows > 300_000 or bench.quick else 7
        cost, simulated, peak = measure(rows, rounds)
        net = cost.cpu - fixed.cpu
        points.append((math.log(rows), math.log(max(net, 1e-4))))
        found.append((
            f"{rows:,}", f"{cost.cpu:.3f}", f"{net:.3f}", f"{net / rows * 1e6:.3f}", f"{cost.wall:.2f}", f"{cost.peak:.1f}",
            f"{simulated:.2f}", f"{peak:.0f}",
        ))
    (bench.folder / "growth.ndjson").unlink(missing_ok=True)
    table(("rows", "CPU s", "less start", "us/event", "wall s", "peak MiB", "simulator CPU s", "its peak MiB"), found)
    across, up = (sum(point[at] for point in points) / len(points) for at in (0, 1))
    exponent = sum((x - across) * (y - up) for x, y in points) / sum((x - across) ** 2 for x, _ in points)
    print(f"Exponent {exponent:.3f}, by least squares on the logarithms, after {fixed.cpu * 1e3:.0f} ms for a run of {DAYS} rows.\n")
    bench.aim(f"growth exponent, {sizes[0]:,} to {sizes[-1]:,} rows", "1.00 ± 0.02", f"{exponent:.3f}", abs(exponent - 1) <= 0.02)
    largest = float(found[-1][5])
    bench.aim(f"peak memory at {sizes[-1]:,} rows", "64 MiB", f"{largest:.1f} MiB", largest <= 64)


PARTS = {"start": start, "rows": rows, "pages": pages, "list-events": list_events, "growth": growth}


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between them")
    parser.add_argument("--host", help="the binary; by default target/release/host, or below $CARGO_TARGET_DIR")
    parser.add_argument("--tools", action="append", type=Path, default=[], help="a folder with other tools; may be repeated")
    chosen = parser.parse_args()
    root = HERE.parent.parent
    built = Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "release" / "host"
    chosen.host = str(Path(chosen.host or built).resolve())
    if not os.access(chosen.host, os.X_OK):
        sys.exit(f"there is no {chosen.host}: cargo build --release -p host, or --host PATH")
    chosen.tools += [HERE / "vrl" / "target" / "release", Path.home() / ".cargo" / "bin"]
    unknown = [part for part in chosen.only.split(",") if part not in PARTS]
    if unknown:
        sys.exit(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return chosen


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def main():
    chosen = options()
    version = subprocess.run([chosen.host, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"## Beside other tools\n\n{version}, {datetime.date.today()}, {os.cpu_count()} CPUs ({processor()}), {platform.system()} {platform.release()}, "
          f"Python {platform.python_version()}; load {os.getloadavg()[0]:.1f} at the start\n")
    # Not a folder in memory: reports of gigabytes go there.
    base = os.environ.get("TMPDIR") or ("/var/tmp" if os.access("/var/tmp", os.W_OK) else None)
    with tempfile.TemporaryDirectory(prefix="host-compare-", dir=base) as folder:
        bench = Bench(chosen, folder)
        for part in chosen.only.split(","):
            PARTS[part](bench)
            sys.stdout.flush()
    print("### Of these, against the aims\n")
    print("| measure | aim | here | |\n|---|---|---|---|")
    for row in bench.aims:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()

"""OCI Audit records of about 4 kB by ListEvents, in pages of 1,000 and of 20,000, with `audit-events` beside them."""

import shutil
import sys
from pathlib import Path

from bench import DAYS, PAGE, table
from measure import lines

HERE = Path(__file__).resolve().parent
LONG_PAGE = 20_000
# The simulator's demo user, who is nobody anywhere else.
KEY = HERE.parent / "crates/simulator/src/oci/demo-only-private-key.pem"
TENANCY = "ocid1.tenancy.oc1..aaaaaaaasimulatortenancy222222222222222222222222222222222222"
OCI_USER = "ocid1.user.oc1..aaaaaaaasimulatoruser222222222222222222222222222222222222222"
FINGERPRINT = "f3:4c:e1:45:55:c9:d3:86:6e:2c:db:aa:4e:06:3b:54"
# With one other API call for each event of the identity domain, of which 13 in 16 are in the tenancy's root compartment.
ROOT_SHARE = 1 + 13 / 16
PADDING = 1850


def list_events(bench):
    """Every event of the root compartment, as OCSF lines to a file."""
    count = 100_000 if bench.quick else 1_000_000
    found = []

    def note(name, page, cost, summary, out):
        events, came = summary["events"], summary["remote"]["bytes"]
        if lines(bench.folder / out) != events or summary["rejected"]:
            sys.exit(f"{name}: {out} does not have the {events} events, or some were rejected")
        # It has gigabytes.
        (bench.folder / out).unlink()
        found.append((name, page, events, summary["remote"]["requests"], came / events, came, cost))

    rows = round(count / DAYS / 4 / ROOT_SHARE)
    for page in [PAGE, LONG_PAGE]:
        switches = {"rows": rows, "api-calls": 1, "event-padding": PADDING, "events-page": page}
        with bench.simulator(**switches) as simulator:
            note("oci-audit", page, *oci_audit(bench, simulator.url), "oci.ndjson")
    if found[0][2] != found[1][2]:
        sys.exit(f"{found[0][2]} events in short pages and {found[1][2]} in long ones")
    # Of every group of four occurrences one is a failed login.
    with bench.simulator(rows=count // DAYS // 4) as simulator:
        note("audit-events", PAGE, *bench.audit_events(simulator.url, 4), "audit.ndjson")

    _, _, events, _, _, came, short = found[0]
    _, _, _, _, _, _, long = found[1]
    _, _, others, _, _, others_came, audit = found[2]
    print(f"### {events:,} OCI Audit records of about 4 kB by ListEvents\n")
    table(
        ("", "page", "events", "requests", "bytes each", "events/CPU s", "MB/CPU s", "CPU s", "wall s", "peak MiB"),
        [
            (name, f"{page:,}", f"{events:,}", requests, f"{each:,.0f}", f"{events / cost.cpu:,.0f}",
             f"{came / cost.cpu / 1e6:.1f}", f"{cost.cpu:.2f}", f"{cost.wall:.2f}", f"{cost.peak:.1f}")
            for name, page, events, requests, each, came, cost in found
        ],
    )
    print(f"Against `audit-events` in the same run: {events / short.cpu / (others / audit.cpu):.2f} times the events a CPU second in pages "
          f"of {PAGE:,}, {events / long.cpu / (others / audit.cpu):.2f} times in pages of {LONG_PAGE:,}; of bytes, "
          f"{came / short.cpu / (others_came / audit.cpu):.2f} and {came / long.cpu / (others_came / audit.cpu):.2f} times.\n")
    peak = max(short.peak, long.peak)
    bench.aim(f"peak memory, {events:,} OCI Audit records of 4 kB", "64 MiB", f"{peak:.1f} MiB", peak <= 64)


def oci_audit(bench, url):
    """A run over all API calls of the period."""
    key = bench.folder / "oci.pem"
    shutil.copyfile(KEY, key)
    key.chmod(0o600)
    config = bench.folder / "host.toml"
    config.write_text(
        f'[connections.tenancy]\nkind = "oci"\nurl = "{url}"\nallow-private-addresses = true\n'
        f'auth = {{ kind = "oci-api-key", tenancy = "{TENANCY}", user = "{OCI_USER}", fingerprint = "{FINGERPRINT}", '
        'private-key = { file = "oci.pem" } }\n'
    )
    return bench.host_run(
        "oci-audit", "--config", config, "--ledger", "none", *bench.period(), "--param", f"compartment={TENANCY}",
        "--param", "via=list-events", "--param", "all=true", "--sink", "file:oci.ndjson",
    )

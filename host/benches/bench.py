"""What the parts of compare.py share: the folder and the environment that they run in, runs of host, tables."""

import datetime
import json
import os
import shutil
import subprocess
from pathlib import Path

from measure import Simulator, run

DAYS = 10
USER, PASSWORD, TOKEN = "demo.user", "demo-password", "demo-token"
PAGE = 1000


class Bench:
    def __init__(self, options, folder):
        self.quick = options.quick
        self.folder = Path(folder)
        self.host = options.host
        self.tools = options.tools
        self.env = dict(
            os.environ, HOME=folder, XDG_CACHE_HOME=f"{folder}/cache", XDG_STATE_HOME=f"{folder}/state",
            XDG_CONFIG_HOME=f"{folder}/config", HOST_SECRET=PASSWORD, PASSWORD=PASSWORD, TOKEN=TOKEN,
        )
        today = datetime.datetime.now(datetime.timezone.utc).date()
        self.until = str(today - datetime.timedelta(1))
        self.since = str(today - datetime.timedelta(DAYS))
        self.aims = []

    def tool(self, name):
        places = [*(str(place) for place in self.tools), os.environ.get("PATH", "")]
        return shutil.which(name, path=os.pathsep.join(places))

    def called(self, binary):
        """A tool with its version."""
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, env=self.env).stdout.split()
        return " ".join(told[:2]) or Path(binary).name

    def simulator(self, **switches):
        scenario = ",".join(name if value is True else f"{name}={value}" for name, value in switches.items())
        return Simulator(self.host, f"{scenario},slow-job=0,plain-names", self.env)

    def cost(self, *command, env=None):
        return run([str(part) for part in command], {**self.env, **(env or {})}, self.folder)

    def host_run(self, report, *arguments, env=None):
        """A run and its summary."""
        cost = self.cost(self.host, "run", report, "-q", "--summary", "summary.json", *arguments, env=env)
        summary = json.loads((self.folder / "summary.json").read_text())
        # The process says its own peak.
        cost.peak = (summary["usage"].get("peak_bytes") or 0) / 2**20 or cost.peak
        return cost, summary

    def period(self):
        return ["--from", self.since, "--to", self.until]

    def remote(self, url, auth=f"basic:{USER}"):
        return ["--url", url, "--auth", auth, "--allow-private-addresses"]

    def audit_events(self, url, parallel):
        """A run over all audit events of the period, so many requests at once."""
        config = self.folder / "host.toml"
        config.write_text(
            f'[connections.domain]\nkind = "identity-domain"\nurl = "{url}"\nallow-private-addresses = true\n'
            f'parallel-requests = {parallel}\nauth = {{ kind = "bearer", token = {{ env = "TOKEN" }} }}\n'
        )
        return self.host_run(
            "audit-events", "--config", config, "--ledger", "none", *self.period(), "--sink", "file:audit.ndjson",
        )

    def aim(self, measure, aim, here, reached):
        self.aims.append((measure, aim, here, "reached" if reached else "MISSED"))


def table(head, rows):
    widths = [max(len(str(row[at])) for row in [head, *rows]) for at in range(len(head))]
    print("```text")
    for row in [head, *rows]:
        first, *rest = (str(cell) for cell in row)
        print("  ".join([first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:]))]).rstrip())
    print("```\n")

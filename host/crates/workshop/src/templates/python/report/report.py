"""A report: `seconds since 1970,user,address`, one sign-in a line.

The class Report is the plugin; componentize-py finds the resource Parser in the module named like the interface, so
keep both in this file.
"""
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import report
from wit_world.imports.events import Activity, Batch, Event, Fault, FaultKind, Outcome, Principal, PrincipalKind, Reject
from wit_world.imports.http import HttpRequest, Method

# A longer line is not one of this report.
LINE_BYTES = 64 << 10


class Report(exports.Report):
    def describe(self) -> report.Description:
        return report.Description(
            name="@name@",
            version="0.1.0",
            summary="Sign-ins, one a line",
            connection=report.ConnectionKind.HTTP,
            source=report.Product(vendor="Acme", name="Acme Door"),
            requests=["GET /sign-ins.csv"],
            granularity=report.Granularity_Day(),
            retention_days=None,
            window_days=None,
            parameters=[],
            deprecation=None,
        )

    def plan(self, request: report.Request) -> list[report.Fetch]:
        get = HttpRequest(method=Method.GET, path=["sign-ins.csv"], query=[], headers=[], body=None)
        return [report.Fetch_Call(report.Call(request=get, service=None, records=None))]


class Parser(report.Parser):
    def __init__(self, document: report.Document):
        self.partial = b""  # lines may straddle chunks
        self.count = 0

    def push(self, chunk: bytes) -> Batch:
        batch = Batch(events=[], rejects=[])
        *lines, self.partial = (self.partial + chunk).split(b"\n")
        for line in lines:
            self.read(line, batch)
        self.bounded(self.partial)
        return batch

    def finish(self) -> Batch:
        batch = Batch(events=[], rejects=[])
        self.read(self.partial, batch)
        return batch

    def bounded(self, line: bytes) -> None:
        if len(line) > LINE_BYTES:
            raise Err(Fault(FaultKind.MALFORMED_DOCUMENT, f"line {self.count + 1} is too long", None, None))

    def read(self, line: bytes, batch: Batch) -> None:
        """An event for a line that is one, a reject for any other."""
        self.bounded(line)
        self.count += 1
        text = line.decode(errors="replace").rstrip(" \t\r")
        if not text:
            return
        try:
            batch.events.append(event(text))
        except ValueError as error:
            batch.rejects.append(Reject(line=self.count, reason=str(error), raw=text))


def event(line: str) -> Event:
    fields = line.split(",")
    if len(fields) != 3:
        raise ValueError("the line does not have three fields")
    time, user, address = fields
    if not (time.isascii() and time.isdigit() and len(time) <= 12):
        raise ValueError("the time is not a number of seconds")
    if not user:
        raise ValueError("the line names no user")
    return Event(
        id=None,  # the host derives one from the whole record
        time=int(time) * 1000,
        activity=Activity.LOGON,
        outcome=Outcome.SUCCESS,
        subject=Principal(name=user, id=None, display_name=None, kind=PrincipalKind.USER),
        actor=None,
        target=None,
        source_ip=address or None,
        user_agent=None,
        session=None,
        service=None,
        action=None,
        code=None,
        message=None,
        labels=[],
        attributes=[],
    )

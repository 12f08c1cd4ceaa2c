"""A sink: each event becomes one line of JSON.

The class Sink is the plugin; componentize-py finds the resource Encoder in the module named like the interface, so
keep both in this file.
"""
import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import sink
from wit_world.imports.events import Fault, FaultKind

SCHEMA = {
    "type": "object",
    "properties": {
        "source": {"type": "string", "description": "Stands in every line"},
    },
    "additionalProperties": False,
}


class Sink(exports.Sink):
    def describe(self) -> sink.Description:
        return sink.Description(
            name="@name@",
            version="0.1.0",
            summary="Events as lines of JSON",
            config_schema=json.dumps(SCHEMA),
            input=sink.Input.EVENTS,
            batch_events=None,
            batch_bytes=None,
        )


class Encoder(sink.Encoder):
    def __init__(self, source: str):
        self.source = source

    @classmethod
    def open(cls, config: str) -> "Encoder":
        try:
            settings = json.loads(config)
        except (ValueError, RecursionError):
            settings = None
        if not isinstance(settings, dict):
            raise Err(Fault(FaultKind.INVALID_REQUEST, "the configuration is not a JSON object", None, None))
        return cls(settings.get("source", "@name@"))

    def encode(self, payload: sink.Payload) -> list[sink.Delivery]:
        lines = "".join(self.line(item) for item in payload.value)
        return [sink.Delivery_Bytes(lines.encode())] if lines else []

    def line(self, item: sink.Item) -> str:
        event = item.event
        members = {
            "action": event.action,
            "id": item.id,
            "ip": event.source_ip,
            "message": event.message,
            "outcome": event.outcome.name.lower(),
            "source": self.source,
            "time": event.time,
            "user": event.subject.name,
        }
        return json.dumps(members, ensure_ascii=False, separators=(",", ":")) + "\n"

    def verdict(self, delivery: int, response) -> sink.Verdict:
        """Asked for Delivery_Http only: says how to read the answer."""
        if 200 <= response.status < 300:
            return sink.Verdict_Accepted()
        if response.status in (408, 429) or response.status >= 500:
            return sink.Verdict_Retry(None)
        return sink.Verdict_Refused(f"status {response.status}")

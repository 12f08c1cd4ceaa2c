#!/usr/bin/env python3
"""Judges OCSF events with a validator and a schema that nobody here wrote.

    pip install -r requirements.txt
    host run ... | python3 ocsf.py            or: python3 ocsf.py FILE...

Reads one event a line, builds the JSON Schema of its class from the copy of OCSF that the package ocsf-json-schema
ships, and validates. Works without a network. Exit 0: all events are valid; 1: some are not; 2: there was no event.
"""

import fileinput
import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

VERSION = "1.8.0"
SHOWN = 10


def main():
    schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(VERSION))
    validators = {}
    events = 0
    invalid = 0
    for line in fileinput.input(encoding="utf-8"):
        event = json.loads(line)
        events += 1
        uid = event["class_uid"]
        if uid not in validators:
            name = schemas.lookup_class_name_from_uid(uid)
            validators[uid] = Draft202012Validator(schemas.get_class_schema(name))
        problems = [f"{error.json_path}: {error.message}" for error in validators[uid].iter_errors(event)]
        if event["type_uid"] != uid * 100 + event["activity_id"]:
            problems.append("$.type_uid: is not class_uid * 100 + activity_id")
        if event["metadata"]["version"] != VERSION:
            problems.append(f"$.metadata.version: is not {VERSION}")
        if problems:
            invalid += 1
            if invalid <= SHOWN:
                print(f"event {events}:", *problems, sep="\n  ")
    print(f"{events} events of {len(validators)} classes, {invalid} invalid")
    return 2 if events == 0 else 1 if invalid else 0


sys.exit(main())

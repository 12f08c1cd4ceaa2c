#!/usr/bin/env python3
"""Cuts the part of the OCSF schema that the tests need out of the whole.

    pip download --no-deps ocsf-json-schema==1.2.0 && python3 -m zipfile -e ocsf_json_schema-1.2.0-*.whl package
    python3 cut.py package/ocsf_json_schema/ocsf/1.8.0.json > schema.json
"""

import json
import sys

CLASSES = ["account_change", "api_activity", "authentication", "entity_management", "group_management", "user_access"]
OBJECTS = [
    "actor", "api", "group", "http_request", "managed_entity", "metadata", "network_endpoint", "object", "product",
    "request", "resource_details", "response", "service", "session", "url", "user",
]
KEEP = ["type", "object_type", "is_array", "requirement", "profiles", "sibling", "@deprecated"]


def attribute(whole):
    part = {key: whole[key] for key in KEEP if whole.get(key) is not None}
    if "@deprecated" in part:
        part["@deprecated"] = True
    if "enum" in whole:
        part["enum"] = {number: value["caption"] for number, value in sorted(whole["enum"].items())}
    return part


def item(whole):
    part = {key: whole[key] for key in ("uid", "category_uid", "caption", "constraints") if key in whole}
    part["attributes"] = {name: attribute(value) for name, value in sorted(whole["attributes"].items())}
    return part


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        whole = json.load(file)
    types = whole["dictionary"]["types"]["attributes"]
    part = {
        "version": whole["version"],
        "types": {
            name: {key: value[key] for key in ("type", "max_len", "range", "regex") if key in value}
            for name, value in sorted(types.items())
        },
        "classes": {name: item(whole["classes"][name]) for name in CLASSES},
        "objects": {name: item(whole["objects"][name]) for name in OBJECTS},
    }
    json.dump(part, sys.stdout, indent=1)
    print()


main()

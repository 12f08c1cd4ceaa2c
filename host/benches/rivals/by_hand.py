#!/usr/bin/env python3
"""The Invalid Login Report as people fetch it by hand: Python, standard library only.

    by_hand.py fetch URL USER FROM TO OUT.ndjson      the password in $PASSWORD; submit, poll, download, map
    by_hand.py map IN.csv OUT.ndjson                  the mapping alone

Writes what `host run invalid-login` writes, byte for byte, ids included. It has what a careful script has (streaming, one
pass, tables for months, cached addresses) and nothing that makes it slower; it lacks retries, limits, resuming and the rest.
"""

import base64
import calendar
import csv
import functools
import hashlib
import io
import ipaddress
import json
import os
import shutil
import struct
import sys
import time
import urllib.parse
import urllib.request
import zipfile

MONTHS = {name: number for number, name in enumerate(calendar.month_name) if name}


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def fetch(url, user, since, until, csv_path):
    secret = base64.b64encode(f"{user}:{os.environ['PASSWORD']}".encode()).decode()
    headers = {"Authorization": f"Basic {secret}"}
    name = f"by-hand-{os.getpid()}.csv"
    form = urllib.parse.urlencode({"from_date": since, "to_date": until, "filename": name}).encode()

    def ask(address, data=None):
        request = urllib.request.Request(urllib.parse.urljoin(url, address.strip()), data, headers)
        return urllib.request.urlopen(request, timeout=120)

    with ask("/interop/rest/security/v1/invalidloginreport", form) as answer:
        job = json.load(answer)
    while int(job["status"]) == -1:
        link = next(link["href"] for link in job["links"] if link["rel"] == "Job Status")
        time.sleep(0.5)
        with ask(link) as answer:
            job = json.load(answer)
    if int(job["status"]) != 0:
        sys.exit(f"the job failed: {job['details']}")
    path = f"/interop/rest/11.1.2.3.600/applicationsnapshots/{urllib.parse.quote(name)}/contents"
    with ask(path) as answer, open(csv_path, "wb") as file:
        shutil.copyfileobj(answer, file, 1 << 17)


@functools.lru_cache(1 << 16)
def is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def milliseconds(text):
    """July 3, 2025 11:34:33 UTC"""
    month, day, year, clock, _zone = text.split(" ")
    hour, minute, second = clock.split(":")
    moment = (int(year), MONTHS[month], int(day[:-1]), int(hour), int(minute), int(second))
    return calendar.timegm(moment) * 1000


def convert(source, lines, connection):
    rows = csv.reader(source)
    _user, address_heading, _time = next(rows)
    stream = hashlib.sha256(text("event/1") + text("invalid-login") + text(connection))
    what = text("logon") + text("failure")
    labels = struct.pack("<Q", 2) + text("authentication") + text("failure")
    service = b"\x01" + text("identity-domain")
    dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    events, last, seen = 0, None, {}
    for user, address, when in rows:
        time_ms = milliseconds(when)
        good = is_address(address)
        # The length of each field before it, so that no two rows read the same.
        row = b"".join((
            struct.pack("<q", time_ms), what, text(user), b"\0\0\0\0",
            b"\x01" + text(address) if good else b"\0",
            b"\0\0", service, b"\0\0\0", labels,
            struct.pack("<Q", 0) if good else struct.pack("<Q", 1) + text(address_heading) + text(address),
        ))
        if time_ms != last:
            last = time_ms
            seen.clear()
        before = seen.get(row, 0)
        seen[row] = before + 1
        digest = stream.copy()
        digest.update(row)
        digest.update(struct.pack("<Q", before))
        event = {
            "time": time_ms,
            "class_uid": 3002,
            "class_name": "Authentication",
            "category_uid": 3,
            "activity_id": 1,
            "activity_name": "Logon",
            "type_uid": 300201,
            "severity_id": 2,
            "severity": "Low",
            "status_id": 2,
            "status": "Failure",
            "user": {"name": user},
        }
        if good:
            event["src_endpoint"] = {"ip": address}
        event["service"] = {"name": "identity-domain"}
        event["metadata"] = {
            "version": "1.8.0",
            "product": {"name": "Oracle EPM Cloud", "vendor_name": "Oracle"},
            "log_name": "invalid-login",
            "uid": digest.hexdigest()[:32],
            "labels": ["authentication", "failure"],
        }
        if not good:
            event["unmapped"] = {address_heading: address}
        lines.write(dumps(event))
        lines.write("\n")
        events += 1
    return events


def main(arguments):
    match arguments:
        case ["fetch", url, user, since, until, out]:
            downloaded = out + ".download"
            fetch(url, user, since, until, downloaded)
            connection = urllib.parse.urlsplit(url).hostname
        case ["map", downloaded, out]:
            connection = "127.0.0.1"
        case _:
            sys.exit(__doc__)
    with open(out, "w", encoding="utf-8", buffering=1 << 17, newline="\n") as lines:
        if zipfile.is_zipfile(downloaded):
            with zipfile.ZipFile(downloaded) as archive, archive.open(archive.namelist()[0]) as inside:
                events = convert(io.TextIOWrapper(inside, "utf-8-sig", newline=""), lines, connection)
        else:
            with open(downloaded, encoding="utf-8-sig", newline="", buffering=1 << 17) as source:
                events = convert(source, lines, connection)
    if arguments[0] == "fetch":
        os.remove(downloaded)
    print(events)


main(sys.argv[1:])

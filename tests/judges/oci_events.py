#!/usr/bin/env python3
"""Tells what events of OCI Audit say, for comparison with what came of them: by the documents of `host`, not by its code.

    pip install -r ../../.ci/requirements-oci.txt
    python3 oci_events.py sdk CONFIG_FILE URL COMPARTMENT FROM TO     lists them with OCI's own SDK
    python3 oci_events.py printed FILE...                             reads what OCI's own command line has printed

Prints a JSON object for each event, in the order in which they came: its id, time (ms since 1970), principal and address, and
whether it is one that `oci-audit` selects unless told otherwise.
"""

import datetime
import ipaddress
import json
import re
import sys

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

# docs/events.md, "What an event of OCI Audit is": the changes of the tenancy's own accounts, groups and policies, by their type.
CHANGES = re.compile(
    r"""
    (create | update | delete | upload | activate)
        (user | idpuser | usercapabilities | userstate
        | apikey | authtoken | swiftpassword | customersecretkey | smtpcredential | dbcredential | oauthclientcredential
        | mfatotpdevice
        | group | dynamicgroup
        | policy | identityprovider | idpgroupmapping | networksource | authenticationpolicy)
    | createorreset(ui)?password
    | (adduserto | removeuserfrom)(idp)?group
    """,
    re.VERBOSE,
)


def uniform(value):
    """The value with the names of its members in lower case and without hyphens and underscores: each way to an event has its own."""
    if isinstance(value, dict):
        return {re.sub("[-_]", "", name).lower(): uniform(inner) for name, inner in value.items()}
    return [uniform(inner) for inner in value] if isinstance(value, list) else value


def first(*texts):
    """The first text that says anything."""
    return next((text for text in texts if text), None)


def milliseconds(text):
    time = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (time - EPOCH) // datetime.timedelta(milliseconds=1)


def address(text):
    """The client's address, which is the first where there are several; none where it is no address."""
    text = (text or "").split(",")[0].strip()
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return None
    return text


def told(event):
    """What one event says, in either envelope."""
    event = uniform(event)
    data = event.get("data") or {}
    identity, details = data.get("identity") or {}, data.get("additionaldetails") or {}
    event_id = details.get("eventid") or ""
    # Other services write other things into a member of that name: a GUID or an OCID.
    of_domain = bool(re.fullmatch(r"[\w.-]+", event_id, re.ASCII)) and "." in event_id and not event_id.startswith("ocid1.")
    kind = first(event.get("eventtype"), event.get("type")) or ""
    _, _, name = kind.lower().partition("com.oraclecloud.")
    service, _, operation = name.partition(".")
    if of_domain:
        principal = first(details.get("actorname"), identity.get("principalname"))
        client = first(address(details.get("clientip")), address(identity.get("ipaddress")))
    else:
        principal = first(identity.get("principalname"), identity.get("principalid"))
        client = address(identity.get("ipaddress"))
    return {
        "id": first(event.get("eventid"), event.get("id")),
        "time": milliseconds(first(event.get("eventtime"), event.get("time"))),
        "principal": principal or "unknown",
        "address": client,
        "selected": of_domain
        or service == "identitysignon"
        or (data.get("eventname") or "").lower() == "accessapp"
        or (service == "identitycontrolplane" and bool(CHANGES.fullmatch(operation))),
    }


def listed(config_file, url, compartment, start, end):
    """The events that the SDK lists."""
    import oci

    client = oci.audit.AuditClient(oci.config.from_file(config_file), service_endpoint=url)
    times = [datetime.datetime.fromisoformat(time.replace("Z", "+00:00")) for time in (start, end)]
    events = oci.pagination.list_call_get_all_results(client.list_events, compartment, *times)
    return oci.util.to_dict(events.data)


def printed(files):
    """The events that the command line has printed, of `audit event list` or `logging-search search-logs`."""
    for file in files:
        with open(file, encoding="utf-8") as answer:
            data = json.load(answer)["data"]
        yield from data if isinstance(data, list) else (result["data"]["logContent"] for result in data["results"])


def main():
    command, *arguments = sys.argv[1:]
    for event in {"sdk": lambda: listed(*arguments), "printed": lambda: printed(arguments)}[command]():
        print(json.dumps(told(event)))


main()

#!/usr/bin/env python3
"""Lists events of OCI Audit with OCI's own SDK, as an instance that gets its certificate from the metadata service.

    pip install oci
    OCI_METADATA_BASE_URL=URL/opc/v2 python3 oci_instance.py URL COMPARTMENT FROM TO

Prints the id of each event on a line.
"""

import datetime
import sys

import oci


def main():
    url, compartment, start, end = sys.argv[1:]
    signer = oci.auth.signers.InstancePrincipalsSecurityTokenSigner(federation_endpoint=f"{url}/v1/x509")
    client = oci.audit.AuditClient({}, signer=signer, service_endpoint=url)
    times = [datetime.datetime.fromisoformat(time.replace("Z", "+00:00")) for time in (start, end)]
    events = oci.pagination.list_call_get_all_results(client.list_events, compartment, *times)
    for event in events.data:
        print(event.event_id)


main()

#!/usr/bin/env python3
"""Signs a request as Oracle's SDK does: for comparing signatures, which are the same for the same key, request and date.

    pip install -r ../../.ci/requirements-oci.txt
    python3 oci_signer.py TENANCY USER FINGERPRINT KEY_FILE METHOD URL DATE [BODY]

Prints the parameters of the credential as a JSON object, and the headers that were signed.
"""

import json
import re
import sys

from oci._vendor import requests
from oci.signer import Signer


def main():
    tenancy, user, fingerprint, key_file, method, url, date, *body = sys.argv[1:]
    signer = Signer(tenancy, user, fingerprint, key_file)
    headers = {"date": date, **({"content-type": "application/json"} if body else {})}
    request = requests.Request(method, url, headers=headers, data=body[0] if body else None, auth=signer).prepare()
    credential = request.headers["authorization"]
    parameters = dict(re.findall(r'(\w+)="([^"]*)"', credential))
    names = parameters["headers"].split()
    signed = {name: request.headers[name] for name in names if name in request.headers}
    print(json.dumps({"parameters": parameters, "headers": signed}))


main()

"""Makes a CycloneDX 1.6 bill of `host` from `cargo metadata` on standard input and the lock file that the argument names.

What only tests or builds use is left out; the guests that are built into the binary are in. The result is checked against
the schema before it is printed.
"""

import json
import sys
import tomllib

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

# What the binary holds as WebAssembly: host/crates/built-in/build.rs builds it in.
GUESTS = [
    "audit-events", "cef", "elastic-bulk", "group-assignment-audit", "invalid-login", "oci-audit", "role-assignment-audit", "slack",
    "splunk-hec", "user-audit", "user-login",
]

metadata = json.load(sys.stdin)
with open(sys.argv[1], "rb") as lock:
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.load(lock)["package"]}
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
licenses = LicenseFactory()


def component(package, kind):
    checksum = checksums.get((package["name"], package["version"]))
    # Spelt "MIT/Apache-2.0" by crates older than SPDX expressions.
    license = (package["license"] or "").replace("/", " OR ")
    return Component(
        type=kind,
        name=package["name"],
        version=package["version"],
        description=package["description"],
        bom_ref=f"{package['name']}@{package['version']}",
        purl=PackageURL("cargo", None, package["name"], package["version"]) if package["source"] else None,
        licenses=[licenses.make_from_string(license)] if license else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
    )


roots = [p["id"] for p in metadata["packages"] if p["source"] is None and p["name"] in ["host", *GUESTS]]
root = next(id for id in roots if packages[id]["name"] == "host")
missing = set(GUESTS) - {packages[id]["name"] for id in roots}
if missing:
    sys.exit(f"no package of the workspace is {', '.join(sorted(missing))}: mend GUESTS in .ci/sbom.py")


def dependencies(id):
    for dependency in nodes[id]["deps"]:
        if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
            yield dependency["pkg"]


bom = Bom()
components = {root: component(packages[root], ComponentType.APPLICATION)}
bom.metadata.component = components[root]
waiting = list(roots)
links = {}
while waiting:
    id = waiting.pop()
    if id in links:
        continue
    if id not in components:
        components[id] = component(packages[id], ComponentType.LIBRARY)
        bom.components.add(components[id])
    links[id] = list(dependencies(id))
    if id == root:
        links[id] += [guest for guest in roots if guest != root]
    waiting += links[id]
for id, needed in links.items():
    bom.register_dependency(components[id], [components[other] for other in needed])

text = JsonV1Dot6(bom).output_as_string(indent=2)
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
if problem:
    sys.exit(f"the bill does not fit CycloneDX 1.6: {problem}")
print(text)

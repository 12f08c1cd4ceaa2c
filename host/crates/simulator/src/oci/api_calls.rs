//! API calls that have nothing to do with the identity domain, or with another side of it: the tenancy's own users, networks, the
//! audit log itself. What fields may hold at their worst is in here: nulls, two addresses, tokens.

use serde_json::{Map, Value, json};

use super::audit_record::{PlayedAuditRecord, guid, second};
use super::demo_user::APPS_COMPARTMENT;
use super::log::LogEntry;
use super::scenario::OciScenario;
use super::secrets;
use crate::chance::{hex32, pick, word};

/// An operation of one of OCI's services.
#[derive(Clone, Copy)]
struct ServiceOperation {
    service: &'static str,
    name: &'static str,
    method: &'static str,
    path: &'static str,
    /// A text, as in the events.
    status: &'static str,
    /// True where the tenancy's root compartment holds it, not that of the applications.
    root: bool,
}

const fn operation(
    (service, name): (&'static str, &'static str),
    (method, path): (&'static str, &'static str),
    status: &'static str,
    root: bool,
) -> ServiceOperation {
    ServiceOperation {
        service,
        name,
        method,
        path,
        status,
        root,
    }
}

const IAM: &str = "identityControlPlane";
const OPERATIONS: [ServiceOperation; 16] = [
    operation((IAM, "CreateUser"), ("POST", "/20160918/users"), "200", true),
    operation(
        (IAM, "UpdateUser"),
        ("PUT", "/20160918/users/ocid1.user.oc1..simulator"),
        "200",
        true,
    ),
    operation(
        (IAM, "DeleteUser"),
        ("DELETE", "/20160918/users/ocid1.user.oc1..simulator"),
        "204",
        true,
    ),
    operation(
        (IAM, "UpdateUserCapabilities"),
        ("PUT", "/20160918/users/ocid1.user.oc1..simulator/capabilities"),
        "200",
        true,
    ),
    operation(
        (IAM, "UploadApiKey"),
        ("POST", "/20160918/users/ocid1.user.oc1..simulator/apiKeys"),
        "200",
        true,
    ),
    operation((IAM, "CreateGroup"), ("POST", "/20160918/groups"), "409", true),
    operation(
        (IAM, "AddUserToGroup"),
        ("POST", "/20160918/userGroupMemberships"),
        "200",
        true,
    ),
    operation(
        (IAM, "RemoveUserFromGroup"),
        (
            "DELETE",
            "/20160918/userGroupMemberships/ocid1.groupmembership.oc1..simulator",
        ),
        "204",
        true,
    ),
    operation((IAM, "CreatePolicy"), ("POST", "/20160918/policies"), "200", true),
    operation(
        (IAM, "UpdatePolicy"),
        ("PUT", "/20160918/policies/ocid1.policy.oc1..simulator"),
        "401",
        true,
    ),
    operation(
        ("IdentitySignOn", "InteractiveLogin"),
        ("POST", "/v1/oauth2/authorize"),
        "400",
        true,
    ),
    operation(("Audit", "ListEvents"), ("GET", "/20190901/auditEvents"), "200", true),
    operation(
        ("LoggingSearch", "SearchLogs"),
        ("POST", "/20190909/search"),
        "200",
        true,
    ),
    operation(
        ("virtualNetwork", "CreateVcn"),
        ("POST", "/20160918/vcns"),
        "404",
        false,
    ),
    operation(
        ("ComputeApi", "LaunchInstance"),
        ("POST", "/20160918/instances"),
        "200",
        false,
    ),
    operation(
        ("objectstorage", "getobject"),
        ("GET", "/n/demo/b/backups/o/plan.zip"),
        "200",
        false,
    ),
];

/// The principals of API calls: name, kind of authentication, address.
const CALLERS: [(&str, &str, &str); 4] = [
    ("oci.admin@example.com", "natv", "192.0.2.17"),
    ("audit.collector", "natv", "192.0.2.90"),
    ("instance-backup", "resource", "198.51.100.44,192.0.2.250"),
    ("oracleidentitycloudservice/planning_admin", "fed", "2001:db8:0:7::9"),
];

fn of(number: u64) -> ServiceOperation {
    pick(&OPERATIONS, number, OPERATIONS[0])
}

/// The compartment that an API call is in.
pub(super) fn compartment(number: u64, oci: &OciScenario) -> &str {
    if of(number).root {
        &oci.tenancy
    } else {
        APPS_COMPARTMENT
    }
}

/// The record of an API call of the kind that `number` stands for.
pub(super) fn record(entry: &LogEntry, number: u64, seed: u64, oci: &OciScenario) -> PlayedAuditRecord {
    let call = of(number);
    let compartment = compartment(number, oci);
    let event_type = format!("com.oraclecloud.{}.{}", call.service, call.name);
    // Every member may be null, and now and then all of them are.
    let hollow = entry.chance % 19 == 4;
    let data = match call.name {
        _ if hollow => hollow_data(call, compartment),
        "InteractiveLogin" => native_login(call, entry, oci),
        _ => data(call, entry, compartment, seed, oci),
    };
    let message = match call.status {
        _ if hollow => None,
        "404" => Some(format!("{} failed with response 'NotAuthorizedOrNotFound'", call.name)),
        status if status.starts_with('2') => Some(format!("{} succeeded", call.name)),
        _ => Some(format!("{} failed", call.name)),
    };
    PlayedAuditRecord {
        event_type,
        source: call.service.to_owned(),
        compartment: compartment.to_owned(),
        message,
        data,
    }
}

fn data(call: ServiceOperation, entry: &LogEntry, compartment: &str, seed: u64, oci: &OciScenario) -> Value {
    let chance = entry.chance;
    let request = hex32(&[seed, 32, entry.index.cast_unsigned()]);
    let subject = guid(&[seed, 33, chance]);
    let time = second(entry.time, entry.whole_second);
    let identity_call = call.service == IAM;
    json!({
        "eventGroupingId": format!("csid{}/{request}", request.get(..12).unwrap_or_default()),
        "eventName": call.name,
        "compartmentId": compartment,
        "compartmentName": if call.root { "demo" } else { "storage" },
        "resourceName": if identity_call { json!(format!("simulated {}", call.name)) } else { Value::Null },
        "resourceId": format!("ocid1.resource.oc1..{subject}"),
        "availabilityDomain": "AD1",
        "freeformTags": if chance.is_multiple_of(3) { json!({ "cost-centre": "42" }) } else { Value::Null },
        "definedTags": { "Oracle-Tags": { "CreatedBy": "oci.admin@example.com", "CreatedOn": time } },
        "identity": identity(chance, oci),
        "request": {
            "id": format!("{request}/{}", subject.to_uppercase()),
            "path": call.path,
            "action": call.method,
            "parameters": parameters(call, entry, oci),
            "headers": request_headers(chance, entry.time, oci),
        },
        "response": {
            "status": call.status,
            "responseTime": time,
            "headers": { "Content-Type": ["application/json"], "opc-request-id": [request], "Content-Length": null },
            "payload": if chance.is_multiple_of(2) { json!({ "id": subject, "resourceName": call.name }) } else { json!({}) },
            "message": null,
        },
        "stateChange": {
            "previous": null,
            "current": if call.status == "200" && identity_call { json!({ "lifecycleState": "ACTIVE", "isMfaActivated": false }) } else { json!({}) },
        },
        "additionalDetails": { "X-Real-Port": 1024 + chance % 60_000 },
        "internalDetails": {},
    })
}

fn identity(chance: u64, oci: &OciScenario) -> Value {
    let (name, kind, address) = pick(&CALLERS, chance >> 4, CALLERS[0]);
    let principal = format!("ocid1.user.oc1..{}", hex32(&[word(name)]));
    let credentials = match chance >> 6 & 3 {
        0 => secrets::session_token(),
        1 => format!("{}/{principal}/{}", oci.tenancy, oci.fingerprint),
        _ => "***".to_owned(),
    };
    json!({
        "principalName": name, "principalId": principal, "authType": kind, "callerName": null, "callerId": null,
        "tenantId": oci.tenancy, "ipAddress": address, "credentials": credentials,
        "userAgent": "Oracle-PythonSDK/2.189.0 (python 3.11.7; x86_64-Linux)", "consoleSessionId": null,
    })
}

fn parameters(call: ServiceOperation, entry: &LogEntry, oci: &OciScenario) -> Value {
    if call.name != "ListEvents" {
        return json!({});
    }
    let from = second(entry.time - 3_600_000, false);
    json!({
        "compartmentId": [oci.tenancy], "startTime": [from], "endTime": [second(entry.time, false)], "page": ["AP37-f_9__7--fX89fXpjA=="],
    })
}

/// The request's headers, with whatever the services in between put there; names in any case.
fn request_headers(chance: u64, time: i64, oci: &OciScenario) -> Value {
    let authorization = if chance & 2 == 0 {
        "Authorization"
    } else {
        "authorization"
    };
    let mut headers = Map::new();
    let mut put = |name: &str, values: Value| drop(headers.insert(name.to_owned(), values));
    put(authorization, json!([secrets::signature()]));
    put("x-date", json!([second(time, true)]));
    put("Accept", json!(["*/*"]));
    put(
        "User-Agent",
        json!(["Oracle-PythonSDK/2.189.0", "Oracle-PythonCLI/3.95.1"]),
    );
    if chance % 3 == 1 {
        put("opc-principal", json!([secrets::principal(&oci.tenancy)]));
        put("opc-obo-principal", json!([secrets::principal(&oci.tenancy)]));
    }
    if chance % 4 == 2 {
        put("X-OCI-LB-PrivateAccessMetadata", json!([secrets::metadata()]));
        put("X-OCI-LB-NetworkMetadata", json!([secrets::metadata()]));
    }
    Value::Object(headers)
}

/// A login to the tenancy itself that failed, in the form of before identity domains: without `additionalDetails`.
fn native_login(call: ServiceOperation, entry: &LogEntry, oci: &OciScenario) -> Value {
    let (name, _, address) = pick(&CALLERS, entry.chance >> 4 & 1, CALLERS[0]);
    json!({
        "eventGroupingId": null, "eventName": call.name, "compartmentId": oci.tenancy, "compartmentName": "demo",
        "resourceName": null, "resourceId": null, "availabilityDomain": null, "freeformTags": null, "definedTags": null,
        "identity": {
            "principalName": name, "principalId": format!("ocid1.user.oc1..{}", hex32(&[word(name)])), "authType": "natv",
            "callerName": null, "callerId": null, "tenantId": oci.tenancy, "ipAddress": address, "credentials": null,
            "userAgent": null, "consoleSessionId": null,
        },
        "request": { "id": hex32(&[entry.chance]), "path": null, "action": null, "parameters": null, "headers": null },
        "response": {
            "status": call.status, "responseTime": second(entry.time, false), "headers": null, "message": null,
            "payload": { "login_input": format!("tenant: demo, user: {name}"), "login_result": "PASSWORD_INVALID" },
        },
        "stateChange": null, "additionalDetails": null,
    })
}

/// An event that says next to nothing.
fn hollow_data(call: ServiceOperation, compartment: &str) -> Value {
    json!({
        "eventGroupingId": null, "eventName": call.name, "compartmentId": compartment, "compartmentName": null,
        "resourceName": null, "resourceId": null, "availabilityDomain": null, "freeformTags": null, "definedTags": null,
        "identity": null, "request": null, "response": null, "stateChange": null, "additionalDetails": null,
    })
}

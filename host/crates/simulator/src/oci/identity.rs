//! The identity domain's events in the audit log: the members of its `AuditEvent` below `additionalDetails`, in the envelope that
//! all API calls share.
//!
//! The vendor shows the type of sign-ins only; those of other events are made up here, and readers go by `eventId`.

use serde_json::{Map, Value, json};

use super::audit_record::{PlayedAuditRecord, second, session_expiry};
use super::log::LogEntry;
use super::secrets;
use crate::chance::{hex32, word};
use crate::history::PastEvent;
use crate::resource::Resources;

/// Members of an `AuditEvent` that the audit log does not repeat.
const LEFT_OUT: [&str; 8] = [
    "schemas",
    "id",
    "meta",
    "idcsCreatedBy",
    "idcsLastModifiedBy",
    "timestamp",
    "tenantName",
    "quotaCount",
];

/// The service and the name of an event, of which its type is made.
fn named(event: &str, federated: bool) -> (&'static str, String) {
    const SIGN_ON: &str = "IdentitySignOn";
    match event {
        "sso.session.create.success" if federated => (SIGN_ON, "FederatedInteractiveLogin".to_owned()),
        "sso.session.create.success" | "sso.authentication.failure" => (SIGN_ON, "InteractiveLogin".to_owned()),
        "sso.app.access.success" | "sso.app.access.failure" => (SIGN_ON, "AccessApp".to_owned()),
        other => {
            let stem = other.rsplit_once('.').map_or(other, |(stem, _)| stem);
            let (prefix, rest) = stem.split_once('.').unwrap_or(("", stem));
            let service = if prefix == "sso" { SIGN_ON } else { "IdentityDomain" };
            (service, rest.split('.').map(capitalised).collect())
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}

/// The OCID of the identity domain.
pub(crate) fn domain_ocid() -> String {
    format!("ocid1.domain.oc1..simulator{}", "2".repeat(51))
}

/// The record of an event of the identity domain; `base` is what its links begin with.
pub(super) fn record(
    resources: Resources,
    entry: &LogEntry,
    occurrence: &PastEvent,
    (tenancy, compartment): (&str, &str),
    base: &str,
) -> PlayedAuditRecord {
    let resource = resources.resource(occurrence, base);
    let text = |name: &str| {
        resource
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let event = Resources::event_id(occurrence);
    let (login, chance) = (text("actorName"), entry.chance);
    let federated = event == "sso.session.create.success" && word(&login).is_multiple_of(4);
    let (service, name) = named(event, federated);
    let succeeded = !event.ends_with(".failure");
    let address = text("clientIp");
    // Behind a private access, its address comes second.
    let addresses = if chance % 13 == 5 {
        format!("{address},192.0.2.250")
    } else {
        address.clone()
    };
    let agent = resource.get("ssoUserAgent").cloned().unwrap_or(Value::Null);
    let credentials = (chance % 17 == 3).then(secrets::session_token);
    let time = second(entry.time, false);
    let data = json!({
        "additionalDetails": details(&resource, entry, federated),
        "availabilityDomain": "AD1",
        "compartmentId": compartment,
        "compartmentName": "demo",
        "definedTags": null,
        "eventGroupingId": null,
        "eventName": name,
        "freeformTags": null,
        "identity": {
            "authType": null, "callerId": null, "callerName": null, "consoleSessionId": null, "credentials": credentials,
            "ipAddress": addresses, "principalId": null, "principalName": login, "tenantId": tenancy, "userAgent": agent,
        },
        "request": { "action": null, "headers": null, "id": text("ecId"), "parameters": null, "path": null },
        "resourceId": null,
        "response": { "headers": null, "message": null, "payload": null, "responseTime": time, "status": null },
        "stateChange": { "current": null, "previous": null },
    });
    let outcome = if succeeded { "succeeded" } else { "failed" };
    // The vendor's sample has the space.
    let space = if service == "IdentitySignOn" { " " } else { "" };
    PlayedAuditRecord {
        event_type: format!("com.oraclecloud.{service}.{name}"),
        source: String::new(),
        compartment: compartment.to_owned(),
        message: Some(format!("{space}{name} {outcome}")),
        data,
    }
}

fn details(resource: &Value, entry: &LogEntry, federated: bool) -> Value {
    let kept = resource.as_object().into_iter().flatten();
    let kept = kept.filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
    let mut details: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    let chance = entry.chance;
    let actor = resource
        .get("actorId")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let signs_on = details.get("serviceName").and_then(Value::as_str) == Some("SSO");
    // As in the vendor's sample, where only `identity.principalName` says who it was.
    if signs_on && chance % 5 == 1 {
        details.remove("actorName");
        details.remove("actorId");
    }
    let mut put = |name: &str, value: Value| drop(details.insert(name.to_owned(), value));
    // A few events say nothing of their domain.
    if chance % 11 != 7 {
        put("domainId", json!(domain_ocid()));
        put("domainName", json!("idcs-demo"));
        put("domainDisplayName", json!("Default"));
    }
    put("actorOcid", json!(hex32(&[word(&actor)])));
    put("hostIp", json!("192.0.2.240"));
    put("hostName", json!("idcs-sso-demo"));
    put("idcsCreatedBy", json!({ "value": actor }));
    put("idcsLastModifiedBy", json!({ "value": actor }));
    if signs_on {
        put("ssoLocalIp", json!("127.0.0.1"));
        put("ssoCSR", json!("false"));
        put(
            "ssoPolicyObligations",
            json!("effect:ALLOW,authenticationFactor:IDP,reAuthenticate:false"),
        );
        put("ssoMatchedSignOnPolicyName", json!("Default Sign-On Policy"));
        put("ssoMatchedSignOnRuleName", json!("Default Sign-On Rule"));
    }
    let event = resource.get("eventId").and_then(Value::as_str).unwrap_or_default();
    if event == "sso.session.create.success" {
        put("ssoSessionCreateTime", json!(second(entry.time, true)));
        put("ssoSessionExpiryTime", json!(second(session_expiry(entry.time), true)));
        put("ssoApplicationId", json!("LoginClient_APPID"));
        put("ssoApplicationName", json!("IAM LoginClient"));
        put("ssoApplicationType", json!("APP"));
        put("ssoRp", json!("LoginClient_APPID"));
        let (provider, kind) = if federated {
            ("Example Directory", "SAML")
        } else {
            ("UserNamePassword", "LOCAL")
        };
        put("ssoIdentityProvider", json!(provider));
        put("ssoIdentityProviderType", json!(kind));
    }
    if event.starts_with("admin.approle.") || event.starts_with("admin.grant.") {
        put("resourceType", json!("AppRole"));
    }
    for name in ["adminValuesAdded", "adminValuesRemoved"] {
        let values = resource.get(name).and_then(Value::as_str);
        // JSON in a text there, an object here.
        if let Some(values) = values.and_then(|text| serde_json::from_str(text).ok()) {
            put(name, values);
        }
    }
    details.entry("reasonValue").or_insert_with(|| json!(""));
    Value::Object(details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_ons_are_named_as_the_vendor_names_them() {
        for (event, federated, service, name) in [
            (
                "sso.session.create.success",
                false,
                "IdentitySignOn",
                "InteractiveLogin",
            ),
            (
                "sso.session.create.success",
                true,
                "IdentitySignOn",
                "FederatedInteractiveLogin",
            ),
            (
                "sso.authentication.failure",
                false,
                "IdentitySignOn",
                "InteractiveLogin",
            ),
            ("sso.app.access.failure", false, "IdentitySignOn", "AccessApp"),
            ("sso.session.delete.success", false, "IdentitySignOn", "SessionDelete"),
            (
                "admin.group.add.member.success",
                false,
                "IdentityDomain",
                "GroupAddMember",
            ),
        ] {
            assert_eq!(named(event, federated), (service, name.to_owned()), "{event}");
        }
    }
}

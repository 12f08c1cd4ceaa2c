//! The events that a user wants: by default what concerns sign-ins, accounts, roles and groups.
//!
//! Logging Search selects on the server, by [`EventSelection::query`]; ListEvents cannot, so [`EventSelection::wants`] does it here.
//! It does so for both: the query gives at least the events that are wanted, as long as their types begin with `com.oraclecloud.`, as
//! all do that Oracle documents.

use crate::operation::{self, ApiOperation};
use plugin_sdk::{Fault, Request};

/// The values of the parameter `all`.
pub const ALL: [&str; 2] = ["false", "true"];

/// A selection of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventSelection {
    /// Identity domains' own events, sign-ins to the console, and changes of the tenancy's accounts, groups and policies.
    Identity,
    /// Identity domains' events with one of these ids.
    Ids(Vec<String>),
    /// Every call of an API.
    All,
}

impl EventSelection {
    /// The selection that a request's parameters make.
    pub fn of(request: &Request) -> Result<EventSelection, Fault> {
        let ids: Vec<String> = request.parameter_values("event-id").map(str::to_owned).collect();
        let is_id = |id: &str| {
            !id.is_empty()
                && id.len() <= 200
                && (id.bytes()).all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        };
        if let Some(wrong) = ids.iter().find(|id| !is_id(id)) {
            return Err(
                Fault::invalid_request(format!("the parameter event-id cannot be {wrong:?}")).hint(
                    "give an id such as sso.session.create.success: letters, digits, dots, hyphens and underscores",
                ),
            );
        }
        match (request.choice("all", &ALL)? == "true", ids.is_empty()) {
            (true, true) => Ok(EventSelection::All),
            (true, false) => Err(
                Fault::invalid_request("the parameters all and event-id exclude each other").hint(
                    "leave out one of them: event-id selects events of an identity domain, all selects every call",
                ),
            ),
            (false, true) => Ok(EventSelection::Identity),
            (false, false) => Ok(EventSelection::Ids(ids)),
        }
    }

    /// The condition of a Logging Search; none where every event is wanted. Functions, comparisons and wild cards as in the Logging
    /// Query Language Specification.
    pub fn query(&self) -> Option<String> {
        const ID: &str = "data.additionalDetails.eventId";
        match self {
            EventSelection::All => None,
            EventSelection::Ids(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| format!("{ID} = '{id}'")).collect();
                Some(ids.join(" or "))
            }
            EventSelection::Identity => {
                let types = operation::known_types().map(|kind| format!("lower(type) = '{kind}'"));
                // What is wanted without being listed: the other operations of one service, one operation of any service.
                let others = [
                    format!("lower(type) = '{}'", operation::every_sign_on()),
                    format!("lower(data.eventName) = '{}'", operation::ACCESS_APP),
                ];
                let conditions: Vec<_> = std::iter::once(format!("isnotnull({ID})"))
                    .chain(types)
                    .chain(others)
                    .collect();
                Some(conditions.join(" or "))
            }
        }
    }

    /// True of an event that is wanted, by its operation and the id that an identity domain gave it.
    pub fn wants(&self, operation: ApiOperation, id: Option<&str>) -> bool {
        match self {
            EventSelection::All => true,
            EventSelection::Ids(ids) => id.is_some_and(|id| ids.iter().any(|wanted| wanted == id)),
            EventSelection::Identity => id.is_some_and(is_domains) || operation != ApiOperation::Call,
        }
    }
}

/// True of an id that an identity domain gives, such as `sso.session.create.success`. Other services write other things into a
/// member of that name.
pub fn is_domains(id: &str) -> bool {
    id.contains('.')
        && !id.starts_with("ocid1.")
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::RecordPart::{Data, Details, Envelope};
    use crate::record::AuditRecord;
    use plugin_sdk::{FaultKind, Window, golden};
    use serde_json::{Value, json};

    fn selection(parameters: &[(&str, &str)]) -> Result<EventSelection, Fault> {
        EventSelection::of(&golden::request(Window { from: 0, to: 1 }, 1, parameters))
    }

    #[test]
    fn ids_are_compared_and_cannot_end_a_query_early() {
        let ids = selection(&[("event-id", "sso.session.create.success"), ("event-id", "a-b_c")]).unwrap();
        assert_eq!(
            ids.query().unwrap(),
            "data.additionalDetails.eventId = 'sso.session.create.success' or data.additionalDetails.eventId = 'a-b_c'"
        );
        let call = ApiOperation::Call;
        assert!(
            ids.wants(call, Some("a-b_c")) && !ids.wants(ApiOperation::Policy, Some("a")) && !ids.wants(call, None)
        );
        for id in ["", "a' or 1 = 1", "a\"b", "é", "a b", "a*"] {
            let fault = selection(&[("event-id", id)]).unwrap_err();
            assert_eq!(fault.kind, FaultKind::InvalidRequest, "{id}");
        }
    }

    #[test]
    fn all_and_ids_exclude_each_other() {
        assert_eq!(selection(&[("all", "true")]).unwrap(), EventSelection::All);
        assert_eq!(selection(&[("all", "false")]).unwrap(), EventSelection::Identity);
        assert!(selection(&[("all", "true"), ("event-id", "a.b")]).is_err());
        assert!(selection(&[("all", "perhaps")]).is_err());
    }

    #[test]
    fn by_default_identity_is_wanted_and_nothing_else() {
        let identity = EventSelection::Identity;
        for (kind, id) in [
            ("com.oraclecloud.IdentitySignOn.InteractiveLogin", None),
            ("com.oraclecloud.identityControlPlane.CreatePolicy", None),
            ("com.oraclecloud.anything.Else", Some("admin.user.create.success")),
        ] {
            assert!(identity.wants(operation::read(kind, ""), id), "{kind} {id:?}");
        }
        for (kind, id) in [
            ("com.oraclecloud.virtualNetwork.CreateVcn", None),
            ("com.oraclecloud.Audit.ListEvents", None),
            ("com.oraclecloud.x.y", Some("6f9619ff-8b86-d011-b42d-00cf4fc964ff")),
            ("com.oraclecloud.x.y", Some("ocid1.event.oc1..aaaa")),
        ] {
            assert!(!identity.wants(operation::read(kind, ""), id), "{kind} {id:?}");
        }
        assert!(identity.query().unwrap().starts_with(
            "isnotnull(data.additionalDetails.eventId) or lower(type) = 'com.oraclecloud.identitysignon.interactivelogin' or "
        ));
    }

    /// True where a query of terms with `or` in between holds of a record.
    fn finds(query: &str, record: &AuditRecord<'_>) -> bool {
        let field = |path: &str| match path {
            "type" => record
                .get(Envelope, "eventType")
                .or_else(|| record.get(Envelope, "type")),
            "data.eventName" => record.get(Data, "eventName"),
            "data.additionalDetails.eventId" => record.get(Details, "eventId"),
            other => panic!("{other}"),
        };
        query.split(" or ").any(|term| {
            if let Some(path) = term.strip_prefix("isnotnull(").and_then(|rest| rest.strip_suffix(')')) {
                return field(path).is_some();
            }
            let (path, literal) = term.split_once(" = ").unwrap();
            let path = path.strip_prefix("lower(").unwrap().strip_suffix(')').unwrap();
            let literal = literal.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
            let text = field(path).unwrap_or_default().to_lowercase();
            match literal.strip_suffix('*') {
                Some(begin) => text.starts_with(begin),
                None => text == literal,
            }
        })
    }

    /// The records of all golden cases.
    fn golden() -> Vec<Value> {
        let cases = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).unwrap();
        let files = cases
            .map(|case| case.unwrap().path().join("input.json"))
            .filter(|file| file.is_file());
        files
            .flat_map(|file| {
                let mut input: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
                let records = match &mut input {
                    Value::Object(members) => members.remove("results").unwrap(),
                    other => other.take(),
                };
                records.as_array().unwrap().clone()
            })
            .collect()
    }

    #[test]
    fn a_search_finds_every_event_that_is_wanted() {
        let event = |kind: &str, name: &str| json!({"type": kind, "data": {"eventName": name}});
        let listed = operation::known_types().map(|kind| event(&kind, ""));
        let others = [
            event(
                "com.oraclecloud.IdentitySignOn.AuthenticateClient",
                "AuthenticateClient",
            ),
            event("com.oraclecloud.identitySignOn.", ""),
            event("com.oraclecloud.SomeService.AccessApp", "AccessApp"),
            event("com.oraclecloud.SomeService.X", "accessAPP"),
            event("", "AccessApp"),
        ];
        let selection = EventSelection::Identity;
        let query = selection.query().unwrap();
        let (mut wanted, mut unwanted) = (0, 0);
        for record in golden().into_iter().chain(listed).chain(others) {
            let line = record.to_string();
            let Some(record) = AuditRecord::read(&line) else {
                continue;
            };
            let kind = (record.get(Envelope, "eventType")).or_else(|| record.get(Envelope, "type"));
            let name = record.get(Data, "eventName");
            let operation = operation::read(&kind.unwrap_or_default(), &name.unwrap_or_default());
            if selection.wants(operation, record.get(Details, "eventId").as_deref()) {
                wanted += 1;
                assert!(finds(&query, &record), "{line}");
            } else if !finds(&query, &record) {
                unwanted += 1;
            }
        }
        assert!(wanted > 100 && unwanted > 5, "{wanted} {unwanted}");
    }
}

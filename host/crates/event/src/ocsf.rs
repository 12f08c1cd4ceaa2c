//! OCSF 1.8.0, the Open Cybersecurity Schema Framework (Apache-2.0).
//!
//! An event becomes an object of one of five classes of the category Identity & Access Management: Account Change 3001,
//! Authentication 3002, Entity Management 3004, User Access Management 3005, Group Management 3006. `class_of` chooses.
//! What has no place in its class is kept in `unmapped`, beside the attributes.
//!
//! When an event was collected is `metadata.logged_time`, "the time when the logging system collected and logged the
//! event"; `processed_time` is that of a later step, such as a transformation. Which connection it came by is
//! `metadata.log_source`, "the log system or component where the data originated"; `loggers` would need each to be
//! described as a device or product, and tell nothing more.
//!
//! Four choices that the schema leaves open:
//! - a required attribute of which the source says nothing reads `Unknown`;
//! - `service` exists only in Authentication; elsewhere the service that recorded the event is `metadata.log_provider`,
//!   and the session is the actor's;
//! - a role that a group got or lost is Group Management with the group and its `privileges`, and without a `user`;
//! - Entity Management and the life of a group have no user that changes, so the subject is who did it.

mod line;

use std::{fmt, net::IpAddr};

use serde::{Serialize, Serializer};

use super::{Activity, Collected, Correlation, Event, Outcome, Principal, Provenance, attributes::Attributes};

/// The version of the schema, in `metadata.version`.
pub const VERSION: &str = "1.8.0";

const VENDOR: &str = "Oracle";

const UNKNOWN: &str = "Unknown";

/// The longest text that the schema's type `ip_t` admits.
const IP_LENGTH: usize = 40;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    AccountChange = 3001,
    Authentication = 3002,
    EntityManagement = 3004,
    UserAccess = 3005,
    GroupManagement = 3006,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Class::AccountChange => "Account Change",
            Class::Authentication => "Authentication",
            Class::EntityManagement => "Entity Management",
            Class::UserAccess => "User Access Management",
            Class::GroupManagement => "Group Management",
        }
    }
}

/// The number of an activity that its class has no case for.
const UNLISTED: u32 = 99;

/// The class, the activity's number in it and its caption. Number 99 is for what the class has no case for; the source's
/// own name for the event is then the better caption.
fn class_of(activity: Activity) -> (Class, u32, &'static str) {
    use Class::{AccountChange, Authentication, EntityManagement, GroupManagement, UserAccess};
    match activity {
        Activity::Logon => (Authentication, 1, "Logon"),
        Activity::Logoff => (Authentication, 2, "Logoff"),
        Activity::ApplicationAccess => (Authentication, 99, "Application Access"),
        Activity::AuthenticationOther => (Authentication, 99, "Other"),
        Activity::AccountCreate => (AccountChange, 1, "Create"),
        Activity::AccountEnable => (AccountChange, 2, "Enable"),
        Activity::PasswordChange => (AccountChange, 3, "Password Change"),
        Activity::PasswordReset => (AccountChange, 4, "Password Reset"),
        Activity::AccountDisable => (AccountChange, 5, "Disable"),
        Activity::AccountDelete => (AccountChange, 6, "Delete"),
        Activity::AccountLock => (AccountChange, 9, "Lock"),
        Activity::AccountUnlock => (AccountChange, 12, "Unlock"),
        Activity::AccountUpdate => (AccountChange, 99, "Update"),
        Activity::RoleAssign => (UserAccess, 1, "Assign Privileges"),
        Activity::RoleRevoke => (UserAccess, 2, "Revoke Privileges"),
        Activity::GroupAddMember => (GroupManagement, 3, "Add User"),
        Activity::GroupRemoveMember => (GroupManagement, 4, "Remove User"),
        Activity::GroupDelete => (GroupManagement, 5, "Delete"),
        Activity::GroupCreate => (GroupManagement, 6, "Create"),
        Activity::GroupUpdate => (GroupManagement, 99, "Update"),
        Activity::Other => (EntityManagement, 99, "Other"),
    }
}

/// The same of an event: a role that a group got or lost is the group's matter.
fn class_of_event(event: &Event) -> (Class, u32, &'static str) {
    let (class, number, caption) = class_of(event.activity);
    let class = if event.is_about_group() {
        Class::GroupManagement
    } else {
        class
    };
    (class, number, caption)
}

/// An event as [`Encoding::Ocsf`](super::Encoding::Ocsf) writes it.
#[derive(Serialize)]
pub struct Ocsf<'a> {
    pub time: i64,
    pub class_uid: u32,
    pub class_name: &'static str,
    pub category_uid: u32,
    pub activity_id: u32,
    pub activity_name: &'a str,
    pub type_uid: u32,
    pub severity_id: u32,
    pub severity: &'static str,
    pub status_id: u32,
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src_endpoint: Option<Endpoint<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst_endpoint: Option<Endpoint<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_request: Option<HttpRequest<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileges: Option<[&'a str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<Entity<'a>>,
    pub metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    pub unmapped: Attributes<'a>,
}

#[derive(Serialize, Clone, Copy)]
pub struct User<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<&'a str>,
}

impl<'a> From<&'a Principal> for User<'a> {
    fn from(principal: &'a Principal) -> Self {
        User {
            name: &principal.name,
            uid: principal.id.as_deref(),
            display_name: principal.display_name.as_deref(),
        }
    }
}

#[derive(Serialize)]
pub struct Actor<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session<'a>>,
}

#[derive(Serialize)]
pub struct Endpoint<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<Ip<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub svc_name: Option<&'a str>,
}

/// An address as the source wrote it, or in canonical form where the source's is too long for the schema.
pub enum Ip<'a> {
    Verbatim(&'a str),
    Canonical(IpAddr),
}

impl<'a> Ip<'a> {
    /// Nothing where the text is no address.
    fn parse(text: &'a str) -> Option<Self> {
        let address: IpAddr = text.parse().ok()?;
        Some(if text.len() > IP_LENGTH {
            Ip::Canonical(address)
        } else {
            Ip::Verbatim(text)
        })
    }
}

impl fmt::Display for Ip<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ip::Verbatim(text) => f.write_str(text),
            Ip::Canonical(address) => address.fmt(f),
        }
    }
}

impl Serialize for Ip<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize)]
pub struct Named<'a> {
    pub name: &'a str,
}

#[derive(Serialize, Clone, Copy)]
pub struct Session<'a> {
    pub uid: &'a str,
}

#[derive(Serialize)]
pub struct HttpRequest<'a> {
    pub user_agent: &'a str,
}

#[derive(Serialize)]
pub struct Entity<'a> {
    pub name: &'a str,
    pub type_id: u32,
    pub r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User<'a>>,
}

#[derive(Serialize)]
pub struct Metadata<'a> {
    pub version: &'static str,
    pub product: Product,
    pub log_name: &'a str,
    pub log_source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_uid: Option<&'a str>,
    /// The members up to here, from the brace on.
    #[serde(skip)]
    ready: &'a [u8],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_code: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub labels: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logged_time: Option<&'a Collected>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_uid: Option<&'a Correlation>,
}

#[derive(Serialize)]
pub struct Product {
    pub name: &'static str,
    pub vendor_name: &'static str,
}

impl<'a> Ocsf<'a> {
    #[inline(always)]
    pub fn of(event: &'a Event, provenance: &'a Provenance) -> Self {
        let (class, activity_id, caption) = class_of_event(event);
        let is_about_group = event.is_about_group();
        let is_about_role = matches!(event.activity, Activity::RoleAssign | Activity::RoleRevoke);
        let (severity_id, severity) = match event.outcome {
            Outcome::Failure => (2, "Low"),
            Outcome::Success | Outcome::Unknown => (1, "Informational"),
        };
        let (status_id, status) = match event.outcome {
            Outcome::Success => (1, "Success"),
            Outcome::Failure => (2, "Failure"),
            Outcome::Unknown => (0, UNKNOWN),
        };
        let service = event.service(provenance);
        let target = event.target.as_deref();
        let session = event.session.as_deref().map(|uid| Session { uid });
        let ip = event.source_ip.as_deref().and_then(Ip::parse);
        let authentication = class == Class::Authentication;
        let masked = if ip.is_none() { event.source_ip.as_deref() } else { None };
        let unplaced = if class == Class::AccountChange { target } else { None };
        Ocsf {
            time: event.time,
            class_uid: class as u32,
            class_name: class.name(),
            category_uid: 3,
            activity_id,
            activity_name: event
                .action
                .as_deref()
                .filter(|_| activity_id == UNLISTED)
                .unwrap_or(caption),
            type_uid: class as u32 * 100 + activity_id,
            severity_id,
            severity,
            status_id,
            status,
            status_code: event.code.as_deref(),
            status_detail: event.message.as_deref(),
            message: event.message.as_deref(),
            user: (class != Class::EntityManagement && !is_about_group).then(|| User::from(&event.subject)),
            actor: actor_of(event, class, session.filter(|_| !authentication)),
            src_endpoint: ip.map(|ip| Endpoint {
                ip: Some(ip),
                svc_name: None,
            }),
            dst_endpoint: target.filter(|_| authentication).map(|name| Endpoint {
                ip: None,
                svc_name: Some(name),
            }),
            service: authentication.then_some(Named { name: service }),
            session: session.filter(|_| authentication),
            http_request: event.user_agent.as_deref().map(|user_agent| HttpRequest { user_agent }),
            privileges: is_about_role.then_some([target.unwrap_or(UNKNOWN)]),
            group: (class == Class::GroupManagement).then_some(Named {
                name: if is_about_group {
                    &event.subject.name
                } else {
                    target.unwrap_or(UNKNOWN)
                },
            }),
            entity: (class == Class::EntityManagement).then(|| entity_of(event)),
            metadata: Metadata {
                version: VERSION,
                product: Product {
                    name: provenance.product.name(),
                    vendor_name: VENDOR,
                },
                log_name: &provenance.report,
                log_source: &provenance.connection,
                tenant_uid: provenance.tenant.as_deref(),
                ready: provenance.ready.or(|| line::begun(provenance)),
                log_provider: (!authentication).then_some(service),
                uid: event.id.as_deref(),
                event_code: event.action.as_deref(),
                labels: &event.labels,
                logged_time: event.collected.as_ref(),
                correlation_uid: event.correlation.as_ref(),
            },
            unmapped: Attributes {
                listed: &event.attributes,
                misplaced: [
                    ("source_ip", masked),
                    ("target", unplaced),
                    ("group_id", event.group_id()),
                    ("group_display_name", event.group_display_name()),
                ],
            },
        }
    }
}

fn actor_of<'a>(event: &'a Event, class: Class, session: Option<Session<'a>>) -> Option<Actor<'a>> {
    let by_subject = class == Class::EntityManagement
        || matches!(
            event.activity,
            Activity::GroupCreate | Activity::GroupUpdate | Activity::GroupDelete
        );
    let user = event
        .actor
        .as_ref()
        .or(by_subject.then_some(&event.subject))
        .map(User::from);
    (user.is_some() || session.is_some()).then_some(Actor { user, session })
}

/// The target; without one, the subject. A subject that did not act is told of beside the target.
fn entity_of(event: &Event) -> Entity<'_> {
    let user = User::from(&event.subject);
    match &event.target {
        Some(target) => Entity {
            name: target,
            type_id: 0,
            r#type: UNKNOWN,
            user: event.actor.is_some().then_some(user),
        },
        None => Entity {
            name: &event.subject.name,
            type_id: 2,
            r#type: "User",
            user: Some(user),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::samples;

    fn rendered(event: &Event, provenance: &Provenance) -> Value {
        serde_json::to_value(Ocsf::of(event, provenance)).unwrap()
    }

    #[test]
    fn a_failed_sign_in_of_an_epm_report_is_a_failed_logon() {
        let mut event = samples::sparse(Activity::Logon, Outcome::Failure);
        event.source_ip = Some("198.51.100.4".into());
        event.service = Some("identity-domain".into());
        let text = serde_json::to_string_pretty(&Ocsf::of(&event, &samples::epm())).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "time": 1741611600000,
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
          "user": {
            "name": "jdoe"
          },
          "src_endpoint": {
            "ip": "198.51.100.4"
          },
          "service": {
            "name": "identity-domain"
          },
          "metadata": {
            "version": "1.8.0",
            "product": {
              "name": "Oracle EPM Cloud",
              "vendor_name": "Oracle"
            },
            "log_name": "invalid-login",
            "log_source": "epm"
          }
        }
        "#);
    }

    #[test]
    fn a_full_logon_places_every_field() {
        let event = samples::full(Activity::Logon, Outcome::Failure);
        let text = serde_json::to_string_pretty(&Ocsf::of(&event, &samples::domain())).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "time": 1525902954890,
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
          "status_code": "SSO-1001",
          "status_detail": "You entered an incorrect user name or password.",
          "message": "You entered an incorrect user name or password.",
          "user": {
            "name": "jdoe@example.com",
            "uid": "u-17",
            "display_name": "Jane Doe"
          },
          "actor": {
            "user": {
              "name": "admin@example.com",
              "display_name": "Al Admin"
            }
          },
          "src_endpoint": {
            "ip": "203.0.113.7"
          },
          "dst_endpoint": {
            "svc_name": "Service Administrator"
          },
          "service": {
            "name": "SSO"
          },
          "session": {
            "uid": "s-42"
          },
          "http_request": {
            "user_agent": "Mozilla/5.0"
          },
          "metadata": {
            "version": "1.8.0",
            "product": {
              "name": "Oracle Identity Domain",
              "vendor_name": "Oracle"
            },
            "log_name": "audit-events",
            "log_source": "domain",
            "tenant_uid": "acme",
            "uid": "ecaae86c21fc4df69cfaa80448fc9478",
            "event_code": "sso.authentication.failure",
            "labels": [
              "identity",
              "vip"
            ],
            "logged_time": 1525903200000,
            "correlation_uid": "aee4ea660b6b358853e24f8ff598c044"
          },
          "unmapped": {
            "ssoRp": "gate",
            "rId": [
              "0:1",
              "0:2"
            ]
          }
        }
        "#);
    }

    #[test]
    fn a_role_assignment_names_the_role_the_member_and_who_did_it() {
        let event = samples::full(Activity::RoleAssign, Outcome::Success);
        let text = serde_json::to_string_pretty(&Ocsf::of(&event, &samples::domain())).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "time": 1525902954890,
          "class_uid": 3005,
          "class_name": "User Access Management",
          "category_uid": 3,
          "activity_id": 1,
          "activity_name": "Assign Privileges",
          "type_uid": 300501,
          "severity_id": 1,
          "severity": "Informational",
          "status_id": 1,
          "status": "Success",
          "status_code": "SSO-1001",
          "status_detail": "You entered an incorrect user name or password.",
          "message": "You entered an incorrect user name or password.",
          "user": {
            "name": "jdoe@example.com",
            "uid": "u-17",
            "display_name": "Jane Doe"
          },
          "actor": {
            "user": {
              "name": "admin@example.com",
              "display_name": "Al Admin"
            },
            "session": {
              "uid": "s-42"
            }
          },
          "src_endpoint": {
            "ip": "203.0.113.7"
          },
          "http_request": {
            "user_agent": "Mozilla/5.0"
          },
          "privileges": [
            "Service Administrator"
          ],
          "metadata": {
            "version": "1.8.0",
            "product": {
              "name": "Oracle Identity Domain",
              "vendor_name": "Oracle"
            },
            "log_name": "audit-events",
            "log_source": "domain",
            "tenant_uid": "acme",
            "log_provider": "SSO",
            "uid": "ecaae86c21fc4df69cfaa80448fc9478",
            "event_code": "sso.authentication.failure",
            "labels": [
              "identity",
              "vip"
            ],
            "logged_time": 1525903200000
          },
          "unmapped": {
            "ssoRp": "gate",
            "rId": [
              "0:1",
              "0:2"
            ]
          }
        }
        "#);
    }

    #[test]
    fn every_activity_has_its_class_and_type() {
        let table: Vec<String> = Activity::ALL
            .iter()
            .map(|activity| {
                let event = samples::sparse(*activity, Outcome::Success);
                let provenance = samples::domain();
                let ocsf = Ocsf::of(&event, &provenance);
                format!(
                    "{:20} {} {} {}",
                    activity.name(),
                    ocsf.type_uid,
                    ocsf.class_name,
                    ocsf.activity_name
                )
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"), @"
        logon                300201 Authentication Logon
        logoff               300202 Authentication Logoff
        account-create       300101 Account Change Create
        account-update       300199 Account Change Update
        account-enable       300102 Account Change Enable
        account-disable      300105 Account Change Disable
        account-delete       300106 Account Change Delete
        account-lock         300109 Account Change Lock
        account-unlock       300112 Account Change Unlock
        password-change      300103 Account Change Password Change
        password-reset       300104 Account Change Password Reset
        role-assign          300501 User Access Management Assign Privileges
        role-revoke          300502 User Access Management Revoke Privileges
        group-create         300606 Group Management Create
        group-update         300699 Group Management Update
        group-delete         300605 Group Management Delete
        group-add-member     300603 Group Management Add User
        group-remove-member  300604 Group Management Remove User
        application-access   300299 Authentication Application Access
        authentication-other 300299 Authentication Other
        other                300499 Entity Management Other
        ");
    }

    #[test]
    fn what_is_no_address_is_kept_unmapped() {
        for text in [
            "10.xxx.xxx.x",
            "",
            "localhost",
            "10.0.0.1:443",
            "fe80::1%eth0",
            " 10.0.0.1",
            "010.0.0.1",
        ] {
            let mut event = samples::sparse(Activity::Logon, Outcome::Success);
            event.source_ip = Some(text.into());
            event.attributes = vec![("source_ip".into(), "column".into())];
            let value = rendered(&event, &samples::domain());
            assert_eq!(value.get("src_endpoint"), None, "{text:?}");
            assert_eq!(value["unmapped"]["source_ip"], json!(["column", text]));
        }
    }

    #[test]
    fn an_address_stays_as_written_unless_it_is_too_long_for_the_schema() {
        for (text, written) in [
            ("10.0.0.1", "10.0.0.1"),
            ("2001:0DB8::1", "2001:0DB8::1"),
            (
                "0000:0000:0000:0000:0000:ffff:203.100.113.207",
                "::ffff:203.100.113.207",
            ),
        ] {
            let mut event = samples::sparse(Activity::Logon, Outcome::Success);
            event.source_ip = Some(text.into());
            let value = rendered(&event, &samples::domain());
            assert_eq!(value["src_endpoint"]["ip"], json!(written));
        }
    }

    #[test]
    fn an_activity_without_a_case_in_its_class_takes_the_sources_name() {
        let mut event = samples::sparse(Activity::AuthenticationOther, Outcome::Success);
        assert_eq!(rendered(&event, &samples::domain())["activity_name"], json!("Other"));
        event.action = Some("sso.auth.factor.initiated".into());
        assert_eq!(
            rendered(&event, &samples::domain())["activity_name"],
            json!("sso.auth.factor.initiated")
        );
        event.activity = Activity::Logon;
        assert_eq!(rendered(&event, &samples::domain())["activity_name"], json!("Logon"));
    }

    #[test]
    fn in_classes_without_a_changed_user_the_subject_is_who_did_it() {
        for activity in [
            Activity::GroupCreate,
            Activity::GroupUpdate,
            Activity::GroupDelete,
            Activity::Other,
        ] {
            let mut event = samples::sparse(activity, Outcome::Success);
            event.target = Some("Planners".into());
            assert_eq!(
                rendered(&event, &samples::domain())["actor"]["user"]["name"],
                json!("jdoe")
            );
            event.actor = Some(Principal::named("admin"));
            assert_eq!(
                rendered(&event, &samples::domain())["actor"]["user"]["name"],
                json!("admin")
            );
        }
        let deleted = samples::sparse(Activity::AccountDelete, Outcome::Success);
        assert_eq!(rendered(&deleted, &samples::domain()).get("actor"), None);
    }

    #[test]
    fn a_required_attribute_without_a_source_is_unknown() {
        let role = samples::sparse(Activity::RoleRevoke, Outcome::Success);
        assert_eq!(rendered(&role, &samples::domain())["privileges"], json!(["Unknown"]));
        let group = samples::sparse(Activity::GroupAddMember, Outcome::Success);
        assert_eq!(
            rendered(&group, &samples::domain())["group"],
            json!({"name": "Unknown"})
        );
    }

    #[test]
    fn a_role_of_a_group_is_group_management() {
        for (activity, number, caption) in [
            (Activity::RoleAssign, 1, "Assign Privileges"),
            (Activity::RoleRevoke, 2, "Revoke Privileges"),
        ] {
            let mut event = samples::full(activity, Outcome::Success);
            event.labels = vec!["role".into(), "group".into()];
            let mut line = Vec::new();
            Ocsf::line(&event, &samples::domain(), &mut line);
            let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(value["class_uid"], 3006);
            assert_eq!(value["class_name"], "Group Management");
            assert_eq!(value["activity_id"], number);
            assert_eq!(value["activity_name"], caption);
            assert_eq!(value["type_uid"], 300_600 + number);
            assert_eq!(value["group"]["name"], "jdoe@example.com");
            assert_eq!(value["privileges"], serde_json::json!(["Service Administrator"]));
            assert!(value.get("user").is_none());
            assert_eq!(value["actor"]["user"]["name"], "admin@example.com");
            assert_eq!(value["unmapped"]["group_id"], "u-17");
            assert_eq!(value["unmapped"]["group_display_name"], "Jane Doe");
        }
    }
}

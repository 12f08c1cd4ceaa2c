//! ECS 9.4.0, the Elastic Common Schema (Apache-2.0).
//!
//! Where somebody acted on an account of somebody else, `user` is who acted and `user.target` the account; otherwise
//! `user` is the subject. A role given or taken is `user.changes.roles`; where a group got or lost it, the group is `group`,
//! and the role `oracle.target`. An application is `service.target.name`. What ECS has no field for is under `oracle`, the
//! namespace of this program's own fields: the connection's name, what a sign-in is called in all reports, the session, a
//! target without a place, and the attributes.
//!
//! When an event was collected is `event.created`, "when the event was first read by an agent, or by your pipeline". The
//! same stands in `event.ingested`, which is of the store that it arrives in: one that stamps it does so over ours.

mod line;

use std::{fmt, net::IpAddr};

use serde::{Serialize, Serializer};

use super::{Activity, Correlation, Event, Provenance, attributes::Attributes, time::Rfc3339};

/// The version of the schema, in `ecs.version`.
pub const VERSION: &str = "9.4.0";

/// `event.category` and `event.type`.
fn category_of(activity: Activity) -> ([&'static str; 1], &'static [&'static str]) {
    const AUTHENTICATION: [&str; 1] = ["authentication"];
    const IAM: [&str; 1] = ["iam"];
    match activity {
        Activity::Logon => (AUTHENTICATION, &["start"]),
        Activity::Logoff => (AUTHENTICATION, &["end"]),
        Activity::ApplicationAccess | Activity::AuthenticationOther => (AUTHENTICATION, &["info"]),
        Activity::AccountCreate => (IAM, &["user", "creation"]),
        Activity::AccountDelete => (IAM, &["user", "deletion"]),
        Activity::AccountUpdate
        | Activity::AccountEnable
        | Activity::AccountDisable
        | Activity::AccountLock
        | Activity::AccountUnlock
        | Activity::PasswordChange
        | Activity::PasswordReset => (IAM, &["user", "change"]),
        Activity::RoleAssign | Activity::RoleRevoke => (IAM, &["user", "admin", "change"]),
        Activity::GroupCreate => (IAM, &["group", "creation"]),
        Activity::GroupDelete => (IAM, &["group", "deletion"]),
        Activity::GroupUpdate | Activity::GroupAddMember | Activity::GroupRemoveMember => (IAM, &["group", "change"]),
        Activity::Other => (IAM, &["info"]),
    }
}

/// An event as [`Encoding::Ecs`](super::Encoding::Ecs) writes it.
#[derive(Serialize)]
pub struct Ecs<'a> {
    #[serde(rename = "@timestamp")]
    pub timestamp: Rfc3339,
    pub ecs: Version,
    pub event: EventSet<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    pub user: User<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<UserAgent<'a>>,
    pub service: Service<'a>,
    pub observer: Observer,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<Cloud<'a>>,
    pub related: Related<'a>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub tags: &'a [String],
    pub oracle: Own<'a>,
}

#[derive(Serialize)]
pub struct Version {
    pub version: &'static str,
}

#[derive(Serialize)]
pub struct EventSet<'a> {
    pub kind: &'static str,
    pub category: [&'static str; 1],
    pub r#type: &'static [&'static str],
    pub outcome: &'static str,
    pub action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'a str>,
    pub module: &'static str,
    pub dataset: Dataset<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingested: Option<Rfc3339>,
}

#[derive(Serialize)]
pub struct User<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes<'a>>,
}

#[derive(Serialize)]
pub struct Target<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<&'a str>,
}

#[derive(Serialize)]
pub struct Changes<'a> {
    pub roles: [&'a str; 1],
}

#[derive(Serialize)]
pub struct Named<'a> {
    pub name: &'a str,
}

#[derive(Serialize)]
pub struct Source<'a> {
    pub address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<&'a str>,
}

#[derive(Serialize)]
pub struct UserAgent<'a> {
    pub original: &'a str,
}

#[derive(Serialize)]
pub struct Service<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Named<'a>>,
}

#[derive(Serialize)]
pub struct Observer {
    pub vendor: &'static str,
    pub product: &'static str,
}

#[derive(Serialize)]
pub struct Cloud<'a> {
    pub account: Account<'a>,
}

#[derive(Serialize)]
pub struct Account<'a> {
    pub id: &'a str,
}

#[derive(Serialize)]
pub struct Related<'a> {
    pub user: Distinct<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<[&'a str; 1]>,
}

#[derive(Serialize)]
pub struct Own<'a> {
    pub connection: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'a str>,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes<'a>,
}

impl<'a> Ecs<'a> {
    #[inline(always)]
    pub fn of(event: &'a Event, provenance: &'a Provenance) -> Self {
        let is_about_group = event.is_about_group();
        let (category, kind) = match category_of(event.activity) {
            (category, _) if is_about_group => (category, ["group", "admin", "change"].as_slice()),
            category => category,
        };
        let actor = event.actor.as_ref();
        let account = Some(&event.subject).filter(|_| !is_about_group);
        let user = actor.or(account);
        let name = user.map_or("Unknown", |user| user.name.as_str());
        let ip = event.source_ip.as_deref().filter(|text| text.parse::<IpAddr>().is_ok());
        let mut places = Places::default();
        *places.of(event.activity) = event.target.as_deref();
        if is_about_group {
            places.none = places.role.take();
            places.group = Some(&event.subject.name);
        }
        Ecs {
            timestamp: Rfc3339(event.time),
            ecs: Version { version: VERSION },
            event: EventSet {
                kind: "event",
                category,
                r#type: kind,
                outcome: event.outcome.name(),
                action: event.action.as_deref().unwrap_or(event.activity.name()),
                code: event.code.as_deref(),
                reason: event.message.as_deref(),
                id: event.id.as_deref(),
                provider: event.service.as_deref(),
                module: "oracle",
                dataset: Dataset(&provenance.report),
                created: event.collected.map(|at| Rfc3339(at.ms())),
                ingested: event.collected.map(|at| Rfc3339(at.ms())),
            },
            message: event.message.as_deref(),
            user: User {
                name,
                id: user.and_then(|user| user.id.as_deref()),
                full_name: user.and_then(|user| user.display_name.as_deref()),
                target: actor.and(account).map(|account| Target {
                    name: &account.name,
                    id: account.id.as_deref(),
                    full_name: account.display_name.as_deref(),
                }),
                changes: places.role.map(|role| Changes { roles: [role] }),
            },
            group: places.group.map(|name| Named { name }),
            source: event.source_ip.as_deref().map(|address| Source { address, ip }),
            user_agent: event.user_agent.as_deref().map(|original| UserAgent { original }),
            service: Service {
                name: event.service(provenance),
                target: places.application.map(|name| Named { name }),
            },
            observer: Observer {
                vendor: "Oracle",
                product: provenance.product.name(),
            },
            cloud: provenance.tenant.as_deref().map(|id| Cloud {
                account: Account { id },
            }),
            related: Related {
                user: Distinct(
                    account.map_or(name, |account| &account.name),
                    actor.map(|actor| actor.name.as_str()),
                ),
                ip: ip.map(|ip| [ip]),
            },
            tags: &event.labels,
            oracle: Own {
                connection: &provenance.connection,
                correlation_uid: event.correlation.as_ref().map(Correlation::as_str),
                session: event.session.as_deref(),
                target: places.none,
                attributes: Attributes {
                    listed: &event.attributes,
                    misplaced: [
                        ("group_id", event.group_id()),
                        ("group_display_name", event.group_display_name()),
                        ("", None),
                        ("", None),
                    ],
                },
            },
        }
    }
}

/// Where a target goes: the activity says what kind of thing it is.
#[derive(Default)]
struct Places<'a> {
    role: Option<&'a str>,
    group: Option<&'a str>,
    application: Option<&'a str>,
    none: Option<&'a str>,
}

impl<'a> Places<'a> {
    fn of(&mut self, activity: Activity) -> &mut Option<&'a str> {
        match activity {
            Activity::RoleAssign | Activity::RoleRevoke => &mut self.role,
            Activity::GroupCreate
            | Activity::GroupUpdate
            | Activity::GroupDelete
            | Activity::GroupAddMember
            | Activity::GroupRemoveMember => &mut self.group,
            Activity::Logon | Activity::Logoff | Activity::ApplicationAccess | Activity::AuthenticationOther => {
                &mut self.application
            }
            _ => &mut self.none,
        }
    }
}

/// `oracle.<report>` with underscores, the form that ECS wants of `event.dataset`.
pub struct Dataset<'a>(pub(crate) &'a str);

impl fmt::Display for Dataset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("oracle.")?;
        for (index, word) in self.0.split('-').enumerate() {
            if index > 0 {
                f.write_str("_")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

impl Serialize for Dataset<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Up to two strings as an array, without the second where it equals the first.
pub struct Distinct<'a>(pub(crate) &'a str, pub(crate) Option<&'a str>);

impl<'a> Distinct<'a> {
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let first = self.0;
        std::iter::once(first).chain(self.1.filter(|second| *second != first))
    }
}

impl Serialize for Distinct<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Principal;
    use crate::{Outcome, samples};

    fn rendered(event: &Event) -> Value {
        serde_json::to_value(Ecs::of(event, &samples::domain())).unwrap()
    }

    #[test]
    fn a_failed_sign_in_of_an_epm_report() {
        let mut event = samples::sparse(Activity::Logon, Outcome::Failure);
        event.source_ip = Some("198.51.100.4".into());
        let text = serde_json::to_string_pretty(&Ecs::of(&event, &samples::epm())).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "@timestamp": "2025-03-10T13:00:00.000Z",
          "ecs": {
            "version": "9.4.0"
          },
          "event": {
            "kind": "event",
            "category": [
              "authentication"
            ],
            "type": [
              "start"
            ],
            "outcome": "failure",
            "action": "logon",
            "module": "oracle",
            "dataset": "oracle.invalid_login"
          },
          "user": {
            "name": "jdoe"
          },
          "source": {
            "address": "198.51.100.4",
            "ip": "198.51.100.4"
          },
          "service": {
            "name": "epm-acme.example.com"
          },
          "observer": {
            "vendor": "Oracle",
            "product": "Oracle EPM Cloud"
          },
          "related": {
            "user": [
              "jdoe"
            ],
            "ip": [
              "198.51.100.4"
            ]
          },
          "oracle": {
            "connection": "epm"
          }
        }
        "#);
    }

    #[test]
    fn a_full_role_assignment_places_every_field() {
        let event = samples::full(Activity::RoleAssign, Outcome::Success);
        let text = serde_json::to_string_pretty(&Ecs::of(&event, &samples::domain())).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "@timestamp": "2018-05-09T21:55:54.890Z",
          "ecs": {
            "version": "9.4.0"
          },
          "event": {
            "kind": "event",
            "category": [
              "iam"
            ],
            "type": [
              "user",
              "admin",
              "change"
            ],
            "outcome": "success",
            "action": "sso.authentication.failure",
            "code": "SSO-1001",
            "reason": "You entered an incorrect user name or password.",
            "id": "ecaae86c21fc4df69cfaa80448fc9478",
            "provider": "SSO",
            "module": "oracle",
            "dataset": "oracle.audit_events",
            "created": "2018-05-09T22:00:00.000Z",
            "ingested": "2018-05-09T22:00:00.000Z"
          },
          "message": "You entered an incorrect user name or password.",
          "user": {
            "name": "admin@example.com",
            "full_name": "Al Admin",
            "target": {
              "name": "jdoe@example.com",
              "id": "u-17",
              "full_name": "Jane Doe"
            },
            "changes": {
              "roles": [
                "Service Administrator"
              ]
            }
          },
          "source": {
            "address": "203.0.113.7",
            "ip": "203.0.113.7"
          },
          "user_agent": {
            "original": "Mozilla/5.0"
          },
          "service": {
            "name": "SSO"
          },
          "observer": {
            "vendor": "Oracle",
            "product": "Oracle Identity Domain"
          },
          "cloud": {
            "account": {
              "id": "acme"
            }
          },
          "related": {
            "user": [
              "jdoe@example.com",
              "admin@example.com"
            ],
            "ip": [
              "203.0.113.7"
            ]
          },
          "tags": [
            "identity",
            "vip"
          ],
          "oracle": {
            "connection": "domain",
            "session": "s-42",
            "attributes": {
              "ssoRp": "gate",
              "rId": [
                "0:1",
                "0:2"
              ]
            }
          }
        }
        "#);
    }

    #[test]
    fn a_target_goes_where_its_kind_belongs() {
        for (activity, pointer) in [
            (Activity::RoleRevoke, "/user/changes/roles/0"),
            (Activity::GroupDelete, "/group/name"),
            (Activity::ApplicationAccess, "/service/target/name"),
            (Activity::AccountUpdate, "/oracle/target"),
            (Activity::Other, "/oracle/target"),
        ] {
            let mut event = samples::sparse(activity, Outcome::Success);
            event.target = Some("the target".into());
            assert_eq!(
                rendered(&event).pointer(pointer),
                Some(&json!("the target")),
                "{activity:?}"
            );
        }
    }

    #[test]
    fn a_group_that_gets_a_role_is_no_user() {
        let mut event = samples::sparse(Activity::RoleAssign, Outcome::Success);
        event.subject = Principal::named("Night shift");
        event.subject.id = Some("g9".into());
        event.actor = Some(Principal::named("admin"));
        event.target = Some("Auditor".into());
        event.labels = vec!["role".into(), "group".into()];
        let value = rendered(&event);
        assert_eq!(value["event"]["type"], json!(["group", "admin", "change"]));
        assert_eq!(value["group"], json!({"name": "Night shift"}));
        assert_eq!(value["user"], json!({"name": "admin"}));
        assert_eq!(value["related"], json!({"user": ["admin"]}));
        assert_eq!(value["oracle"]["target"], json!("Auditor"));
        assert_eq!(value["oracle"]["attributes"], json!({"group_id": "g9"}));
        event.actor = None;
        assert_eq!(rendered(&event)["user"], json!({"name": "Unknown"}));
    }

    #[test]
    fn a_masked_address_is_no_ip() {
        let mut event = samples::sparse(Activity::Logon, Outcome::Success);
        event.source_ip = Some("10.xxx.xxx.x".into());
        let value = rendered(&event);
        assert_eq!(value["source"], json!({"address": "10.xxx.xxx.x"}));
        assert_eq!(value["related"], json!({"user": ["jdoe"]}));
    }

    #[test]
    fn without_an_actor_the_subject_is_the_user() {
        let mut event = samples::sparse(Activity::PasswordChange, Outcome::Success);
        assert_eq!(rendered(&event)["user"], json!({"name": "jdoe"}));
        event.actor = Some(Principal::named("admin"));
        assert_eq!(
            rendered(&event)["user"],
            json!({"name": "admin", "target": {"name": "jdoe"}})
        );
        assert_eq!(rendered(&event)["related"]["user"], json!(["jdoe", "admin"]));
    }
}

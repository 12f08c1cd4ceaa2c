//! The flat event: what the plugin gave, without a schema's rearrangement. Routes and scripts read this one.
//!
//! Every member is always there, `null` where the source said nothing; `attributes` is an object in which a name that
//! came more than once has an array of its values. Times are RFC 3339 with milliseconds, in UTC. `tenant`, `collected` and
//! `correlation_uid` are the host's: they stand at the end.

mod line;

use serde::Serialize;

use super::{Correlation, Event, Provenance, attributes::Attributes, time::Rfc3339};

/// An event as [`Encoding::Event`](super::Encoding::Event) writes it.
#[derive(Serialize)]
pub struct Flat<'a> {
    pub id: Option<&'a str>,
    pub time: Rfc3339,
    pub activity: &'static str,
    pub outcome: &'static str,
    pub subject: &'a str,
    pub subject_id: Option<&'a str>,
    pub subject_display_name: Option<&'a str>,
    pub actor: Option<&'a str>,
    pub actor_id: Option<&'a str>,
    pub actor_display_name: Option<&'a str>,
    pub target: Option<&'a str>,
    pub source_ip: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub session: Option<&'a str>,
    pub service: &'a str,
    pub action: Option<&'a str>,
    pub code: Option<&'a str>,
    pub message: Option<&'a str>,
    pub labels: &'a [String],
    pub attributes: Attributes<'a>,
    pub report: &'a str,
    pub connection: &'a str,
    pub tenant: Option<&'a str>,
    pub collected: Option<Rfc3339>,
    pub correlation_uid: Option<&'a str>,
}

impl<'a> Flat<'a> {
    #[inline(always)]
    pub fn of(event: &'a Event, provenance: &'a Provenance) -> Self {
        let actor = event.actor.as_ref();
        Flat {
            id: event.id.as_deref(),
            time: Rfc3339(event.time),
            activity: event.activity.name(),
            outcome: event.outcome.name(),
            subject: &event.subject.name,
            subject_id: event.subject.id.as_deref(),
            subject_display_name: event.subject.display_name.as_deref(),
            actor: actor.map(|actor| actor.name.as_str()),
            actor_id: actor.and_then(|actor| actor.id.as_deref()),
            actor_display_name: actor.and_then(|actor| actor.display_name.as_deref()),
            target: event.target.as_deref(),
            source_ip: event.source_ip.as_deref(),
            user_agent: event.user_agent.as_deref(),
            session: event.session.as_deref(),
            service: event.service(provenance),
            action: event.action.as_deref(),
            code: event.code.as_deref(),
            message: event.message.as_deref(),
            labels: &event.labels,
            attributes: Attributes::of(&event.attributes),
            report: &provenance.report,
            connection: &provenance.connection,
            tenant: provenance.tenant.as_deref(),
            collected: event.collected.map(|at| Rfc3339(at.ms())),
            correlation_uid: event.correlation.as_ref().map(Correlation::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activity, Outcome, samples};

    #[test]
    fn a_full_event_shows_every_field() {
        let event = samples::full(Activity::Logon, Outcome::Failure);
        insta::assert_snapshot!(serde_json::to_string_pretty(&Flat::of(&event, &samples::domain())).unwrap(), @r#"
        {
          "id": "ecaae86c21fc4df69cfaa80448fc9478",
          "time": "2018-05-09T21:55:54.890Z",
          "activity": "logon",
          "outcome": "failure",
          "subject": "jdoe@example.com",
          "subject_id": "u-17",
          "subject_display_name": "Jane Doe",
          "actor": "admin@example.com",
          "actor_id": null,
          "actor_display_name": "Al Admin",
          "target": "Service Administrator",
          "source_ip": "203.0.113.7",
          "user_agent": "Mozilla/5.0",
          "session": "s-42",
          "service": "SSO",
          "action": "sso.authentication.failure",
          "code": "SSO-1001",
          "message": "You entered an incorrect user name or password.",
          "labels": [
            "identity",
            "vip"
          ],
          "attributes": {
            "ssoRp": "gate",
            "rId": [
              "0:1",
              "0:2"
            ]
          },
          "report": "audit-events",
          "connection": "domain",
          "tenant": "acme",
          "collected": "2018-05-09T22:00:00.000Z",
          "correlation_uid": "aee4ea660b6b358853e24f8ff598c044"
        }
        "#);
    }

    #[test]
    fn what_the_source_did_not_say_is_null() {
        let event = samples::sparse(Activity::Logon, Outcome::Failure);
        insta::assert_snapshot!(serde_json::to_string(&Flat::of(&event, &samples::epm())).unwrap(), @r#"{"id":null,"time":"2025-03-10T13:00:00.000Z","activity":"logon","outcome":"failure","subject":"jdoe","subject_id":null,"subject_display_name":null,"actor":null,"actor_id":null,"actor_display_name":null,"target":null,"source_ip":null,"user_agent":null,"session":null,"service":"epm-acme.example.com","action":null,"code":null,"message":null,"labels":[],"attributes":{},"report":"invalid-login","connection":"epm","tenant":null,"collected":null,"correlation_uid":null}"#);
    }
}

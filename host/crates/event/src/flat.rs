//! The flat event: what the plugin gave, without a schema's rearrangement. Routes and scripts read this one.
//!
//! Every member is always there, `null` where the source said nothing; `attributes` is an object in which a name that
//! came more than once has an array of its values. Times are RFC 3339 with milliseconds, in UTC. `report`, `connection` and
//! what follows them are the host's.

use serde::Serialize;

use super::{Correlation, Event, Provenance, attributes::Attributes, cell::Cell, json, time::Rfc3339};

/// Makes, of the list of the members, all that goes through them: the type, its names, columns and JSON.
macro_rules! members {
    (of $event:ident and $provenance:ident: $($name:ident: $type:ty = $value:expr,)*) => {
        /// An event as [`Encoding::Event`](super::Encoding::Event) writes it.
        #[derive(Serialize)]
        pub struct Flat<'a> {
            $(pub $name: $type,)*
        }

        /// The names of the members, in their order.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        impl<'a> Flat<'a> {
            #[inline(always)]
            pub fn of($event: &'a Event, $provenance: &'a Provenance) -> Self {
                Flat { $($name: $value,)* }
            }

            /// The member of that name.
            pub fn member(&self, name: &str) -> Option<Cell<'_>> {
                match name {
                    $(stringify!($name) => Some(self.$name.cell()),)*
                    _ => None,
                }
            }

            /// Calls `each` with every member, in their order.
            pub(crate) fn each(&self, each: &mut dyn FnMut(&'static str, Cell<'_>)) {
                $(each(stringify!($name), self.$name.cell());)*
            }

            /// Appends the event as one object, byte for byte what `serde_json` would write of it.
            #[inline]
            pub(crate) fn write(&self, out: &mut Vec<u8>) {
                let start = out.len();
                $(self.$name.append(concat!(",\"", stringify!($name), "\":"), out);)*
                // Before the first member is no comma.
                out.get_mut(start).into_iter().for_each(|comma| *comma = b'{');
                out.push(b'}');
            }
        }
    };
}

// What is the plugin's comes in the order of the WIT, a principal as four members.
members! { of event and provenance:
    id: Option<&'a str> = event.id.as_deref(),
    time: Rfc3339 = Rfc3339(event.time),
    activity: &'static str = event.activity.name(),
    outcome: &'static str = event.outcome.name(),
    subject: &'a str = &event.subject.name,
    subject_id: Option<&'a str> = event.subject.id.as_deref(),
    subject_display_name: Option<&'a str> = event.subject.display_name.as_deref(),
    subject_kind: &'static str = event.subject.kind.name(),
    actor: Option<&'a str> = event.actor.as_ref().map(|actor| actor.name.as_str()),
    actor_id: Option<&'a str> = event.actor.as_ref().and_then(|actor| actor.id.as_deref()),
    actor_display_name: Option<&'a str> = event.actor.as_ref().and_then(|actor| actor.display_name.as_deref()),
    actor_kind: Option<&'static str> = event.actor.as_ref().map(|actor| actor.kind.name()),
    target: Option<&'a str> = event.target.as_deref(),
    source_ip: Option<&'a str> = event.source_ip.as_deref(),
    user_agent: Option<&'a str> = event.user_agent.as_deref(),
    session: Option<&'a str> = event.session.as_deref(),
    service: &'a str = event.service(provenance),
    action: Option<&'a str> = event.action.as_deref(),
    code: Option<&'a str> = event.code.as_deref(),
    message: Option<&'a str> = event.message.as_deref(),
    labels: &'a [String] = &event.labels,
    attributes: Attributes<'a> = Attributes::of(&event.attributes),
    report: &'a str = &provenance.report,
    connection: &'a str = &provenance.connection,
    tenant: Option<&'a str> = provenance.tenant.as_deref(),
    collected: Option<Rfc3339> = event.collected.map(|at| Rfc3339(at.ms())),
    correlation_uid: Option<&'a str> = event.correlation.as_ref().map(Correlation::as_str),
    vendor: &'a str = &provenance.product.vendor,
    product: &'a str = &provenance.product.name,
}

/// The type of a member: how it stands in a column, and how it is appended to an object after `before`, its name.
trait Member {
    fn cell(&self) -> Cell<'_>;
    fn append(&self, before: &str, out: &mut Vec<u8>);
}

impl Member for &str {
    fn cell(&self) -> Cell<'_> {
        Cell::Text(Some(self))
    }

    #[inline]
    fn append(&self, before: &str, out: &mut Vec<u8>) {
        json::member(out, before, Some(self));
    }
}

impl Member for Option<&str> {
    fn cell(&self) -> Cell<'_> {
        Cell::Text(*self)
    }

    #[inline]
    fn append(&self, before: &str, out: &mut Vec<u8>) {
        json::nullable(out, before, *self);
    }
}

impl Member for Rfc3339 {
    fn cell(&self) -> Cell<'_> {
        Cell::Time(Some(*self))
    }

    #[inline]
    fn append(&self, before: &str, out: &mut Vec<u8>) {
        json::raw(out, before);
        self.write(out);
    }
}

impl Member for Option<Rfc3339> {
    fn cell(&self) -> Cell<'_> {
        Cell::Time(*self)
    }

    #[inline]
    fn append(&self, before: &str, out: &mut Vec<u8>) {
        match self {
            Some(time) => time.append(before, out),
            None => json::nullable(out, before, None),
        }
    }
}

impl Member for &[String] {
    fn cell(&self) -> Cell<'_> {
        Cell::Labels(self)
    }

    #[inline]
    fn append(&self, before: &str, out: &mut Vec<u8>) {
        json::raw(out, before);
        json::texts(out, self.iter().map(String::as_str));
    }
}

impl Member for Attributes<'_> {
    fn cell(&self) -> Cell<'_> {
        Cell::Attributes(self)
    }

    #[inline]
    fn append(&self, before: &str, out: &mut Vec<u8>) {
        json::raw(out, before);
        self.write(out);
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
          "subject_kind": "user",
          "actor": "admin@example.com",
          "actor_id": null,
          "actor_display_name": "Al Admin",
          "actor_kind": "user",
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
          "correlation_uid": "aee4ea660b6b358853e24f8ff598c044",
          "vendor": "Oracle",
          "product": "Oracle Identity Domain"
        }
        "#);
    }

    /// The members that each kind of field is.
    mod members_of {
        pub use self::account as principal;
        pub use self::account as optional_principal;
        pub use self::{one as text, one as time, one as activity, one as outcome, one as texts, one as pairs};

        pub fn one(name: &str) -> Vec<String> {
            vec![name.to_owned()]
        }

        pub fn account(name: &str) -> Vec<String> {
            ["", "_id", "_display_name", "_kind"]
                .map(|of| format!("{name}{of}"))
                .into()
        }
    }

    #[test]
    fn every_field_of_an_event_is_a_member_in_its_place() {
        macro_rules! members {
            ($($name:ident: $kind:ident $bits:tt,)*) => { [$(members_of::$kind(stringify!($name))),*].concat() };
        }
        let mut expected = event_codec::for_each_field!(members);
        // The host's.
        let hosts = [
            "report",
            "connection",
            "tenant",
            "collected",
            "correlation_uid",
            "vendor",
            "product",
        ];
        expected.extend(hosts.map(str::to_owned));
        assert_eq!(NAMES, expected);
    }

    #[test]
    fn what_the_source_did_not_say_is_null() {
        let event = samples::sparse(Activity::Logon, Outcome::Failure);
        insta::assert_snapshot!(serde_json::to_string(&Flat::of(&event, &samples::epm())).unwrap(), @r#"{"id":null,"time":"2025-03-10T13:00:00.000Z","activity":"logon","outcome":"failure","subject":"jdoe","subject_id":null,"subject_display_name":null,"subject_kind":"user","actor":null,"actor_id":null,"actor_display_name":null,"actor_kind":null,"target":null,"source_ip":null,"user_agent":null,"session":null,"service":"epm-acme.example.com","action":null,"code":null,"message":null,"labels":[],"attributes":{},"report":"invalid-login","connection":"epm","tenant":null,"collected":null,"correlation_uid":null,"vendor":"Oracle","product":"Oracle EPM Cloud"}"#);
    }
}

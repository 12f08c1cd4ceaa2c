//! Occurrences as the identity domain's `AuditEvent` resources.

use serde_json::{Map, Value, json};

use super::chance::{hex32, mix, pick, word};
use super::changes::{APPS, ChangeTarget, administration, change};
use super::history::{EventPart, Login, PastEvent, SimulatedPast};
use super::people::{self, Person};

/// The resource type's schema.
pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:oracle:idcs:AuditEvent";

/// Attributes that a filter may speak of, in lower case, besides those below `meta` and `idcsCreatedBy`.
pub(super) const SEARCHABLE: [&str; 35] = [
    "id",
    "schemas",
    "timestamp",
    "eventid",
    "servicename",
    "message",
    "reasonvalue",
    "ecid",
    "rid",
    "actorid",
    "actorname",
    "actordisplayname",
    "actortype",
    "clientip",
    "clientid",
    "quotacount",
    "tenantname",
    "ssosessionid",
    "ssoidentityprovider",
    "ssoauthnlevel",
    "ssocompletedfactors",
    "ssoapplicationid",
    "ssoapplicationname",
    "ssoapplicationtype",
    "ssorp",
    "ssouseragent",
    "ssocomments",
    "ssoprotectedresource",
    "adminresourcetype",
    "adminresourcename",
    "adminresourceid",
    "adminrefresourcetype",
    "adminrefresourcename",
    "adminapproleappname",
    "adminvaluesadded",
];

const SESSIONS: [(&str, &str); 6] = [
    ("sso.session.delete.success", "Session delete success"),
    ("sso.app.access.success", "Application access success"),
    ("sso.session.delete.success", "Session delete success"),
    ("sso.app.access.success", "Application access success"),
    ("sso.app.access.failure", "Application access failure"),
    ("sso.session.modify.success", "Session modify success"),
];

const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0",
    "EPMAutomate/25.07 (Linux)",
];

const FAILED: &str = "Authentication failure You entered an incorrect user name or password.";

/// The identity domain's view of the past.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resources {
    pub(super) history: SimulatedPast,
    pub(super) seed: u64,
}

impl Resources {
    /// The event id of an occurrence; cheaper than the resource.
    pub(super) fn event_id(occurrence: &PastEvent) -> &'static str {
        match occurrence.part {
            EventPart::Login => "sso.session.create.success",
            EventPart::Failure => "sso.authentication.failure",
            EventPart::Session => session(occurrence).0,
            EventPart::Change => change(occurrence).0,
        }
    }

    /// The resource's id, which holds its position.
    pub(super) fn id(self, position: i64) -> String {
        let place = position.cast_unsigned() ^ mix(&[self.seed, 11]);
        format!("{:016x}{place:016x}", mix(&[self.seed, 12, position.cast_unsigned()]))
    }

    /// The position that an id holds.
    pub(super) fn position(self, id: &str) -> Option<i64> {
        let place = u64::from_str_radix(id.get(16..).filter(|place| place.len() == 16)?, 16).ok()?;
        let position = (place ^ mix(&[self.seed, 11])).cast_signed();
        (self.id(position) == id).then_some(position)
    }

    /// The whole resource; `base` is what its links begin with.
    pub(super) fn resource(self, occurrence: &PastEvent, base: &str) -> Value {
        let id = self.id(occurrence.position);
        let login = self.history.login(occurrence);
        let actor = self.actor(occurrence, &login);
        let created = written(occurrence.time + 3 + i64::try_from(occurrence.chance >> 40 & 0xF).unwrap_or(0));
        let by = json!({
            "type": "User", "display": actor.name, "value": actor.id, "$ref": format!("{base}/admin/v1/Users/{}", actor.id),
        });
        let mut resource = json!({
            "schemas": [SCHEMA],
            "id": id,
            "meta": {
                "created": created, "lastModified": created, "resourceType": "AuditEvent",
                "location": format!("{base}/admin/v1/AuditEvents/{id}"),
            },
            "idcsCreatedBy": by,
            "idcsLastModifiedBy": by,
            "timestamp": written(occurrence.time),
            "eventId": Self::event_id(occurrence),
            "actorId": actor.id,
            "actorName": actor.login,
            "actorDisplayName": actor.name,
            "actorType": "User",
            "clientIp": actor.address,
            "ecId": format!("^{:x}", mix(&[self.seed, 13, occurrence.position.cast_unsigned()])),
            "rId": format!("0:1:1:{}", occurrence.chance % 9),
            "quotaCount": 0,
            "tenantName": "simulator",
        });
        if let Some(members) = resource.as_object_mut() {
            match occurrence.part {
                EventPart::Login | EventPart::Failure | EventPart::Session => self.sign_on(occurrence, base, members),
                EventPart::Change => administration(occurrence, members),
            }
        }
        resource
    }

    /// The login of whoever did it.
    pub(super) fn actor_login(self, occurrence: &PastEvent) -> &'static str {
        self.actor(occurrence, &self.history.login(occurrence)).login
    }

    fn actor(self, occurrence: &PastEvent, login: &Login) -> ResourceActor {
        match occurrence.part {
            // As the vendor's example has it: whoever failed to log in is nobody yet.
            EventPart::Failure => ResourceActor {
                login: login.user,
                name: login.user,
                id: "IDCS".to_owned(),
                address: login.address.to_string(),
            },
            EventPart::Login => ResourceActor::person(login, login.person.unwrap_or(people::person(0))),
            EventPart::Session => {
                let before = self.history.login(&self.session_start(occurrence));
                ResourceActor::person(&before, before.person.unwrap_or(people::person(0)))
            }
            EventPart::Change => {
                let (_, _, about) = change(occurrence);
                let person = match about {
                    ChangeTarget::Own => people::person(occurrence.chance >> 8),
                    _ => pick(&ADMINISTRATORS, occurrence.chance, people::PEOPLE[29]),
                };
                ResourceActor::person(
                    &Login {
                        address: person.address(occurrence.chance >> 24),
                        ..*login
                    },
                    person,
                )
            }
        }
    }

    /// The login that opened the session: the one of the group before.
    fn session_start(self, occurrence: &PastEvent) -> PastEvent {
        match occurrence.part {
            EventPart::Session => self
                .history
                .in_group(occurrence.position.div_euclid(4) - 1, EventPart::Login),
            _ => *occurrence,
        }
    }

    fn sign_on(self, occurrence: &PastEvent, base: &str, members: &mut Map<String, Value>) {
        let chance = occurrence.chance;
        let mut put = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
        put("serviceName", json!("SSO"));
        put("ssoIdentityProvider", json!("localIDP"));
        put("ssoUserAgent", json!(pick(&BROWSERS, chance >> 16, BROWSERS[0])));
        put("ssoProtectedResource", json!(format!("{base}/ui/v1/adminconsole")));
        if occurrence.part == EventPart::Failure {
            put("message", json!(FAILED));
            put("ssoComments", json!(FAILED));
            put("reasonValue", json!("SSO-1001"));
            put("ssoAuthnLevel", json!(0));
            put("ssoRp", json!("idcscloudgate"));
            return;
        }
        let start = self.session_start(occurrence);
        put(
            "ssoSessionId",
            json!(hex32(&[self.seed, 14, start.position.cast_unsigned()])),
        );
        put("ssoAuthnLevel", json!(1));
        let factors = if start.chance.is_multiple_of(4) {
            "{USERNAME_PASSWORD=AUTH_SUCCESS, TOTP=AUTH_SUCCESS}"
        } else {
            "{USERNAME_PASSWORD=AUTH_SUCCESS}"
        };
        put("ssoCompletedFactors", json!(factors));
        if occurrence.part == EventPart::Login {
            put("message", json!("Session create success"));
            return;
        }
        let (event, message) = session(occurrence);
        put("message", json!(message));
        if event.starts_with("sso.app.") {
            let app = pick(&APPS, chance >> 4, APPS[0]);
            put("ssoApplicationName", json!(app));
            put("ssoApplicationId", json!(hex32(&[word(app)])));
            put("ssoApplicationType", json!("Web"));
        }
        if event.ends_with(".failure") {
            put("reasonValue", json!("SSO-1017"));
        }
    }
}

/// The one who did it.
pub struct ResourceActor {
    login: &'static str,
    name: &'static str,
    id: String,
    address: String,
}

impl ResourceActor {
    fn person(login: &Login, person: Person) -> Self {
        Self {
            login: person.login,
            name: person.name,
            id: person.id(),
            address: login.address.to_string(),
        }
    }
}

const ADMINISTRATORS: [Person; 3] = [people::PEOPLE[29], people::PEOPLE[0], people::PEOPLE[4]];

fn session(occurrence: &PastEvent) -> (&'static str, &'static str) {
    pick(&SESSIONS, occurrence.chance, SESSIONS[0])
}

/// A time as SCIM writes it, with three digits after the second.
pub(super) fn written(time: i64) -> String {
    jiff::Timestamp::from_millisecond(time)
        .map(|time| format!("{time:.3}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::history::DAY;
    use super::*;

    fn day() -> (Resources, Vec<PastEvent>) {
        let history = SimulatedPast::new(1, 40, true);
        let first = history.position_at(20_272 * DAY);
        (
            Resources { history, seed: 1 },
            (first..first + 160).map(|position| history.at(position)).collect(),
        )
    }

    #[test]
    fn an_id_leads_back_to_its_occurrence() {
        let (resources, day) = day();
        for occurrence in &day {
            assert_eq!(
                resources.position(&resources.id(occurrence.position)),
                Some(occurrence.position)
            );
        }
        for id in [
            "",
            "0",
            "ecaae86c21fc4df69cfaa80448fc9478",
            "ééééééééééééééééé",
            &resources.id(1)[1..],
        ] {
            assert_eq!(resources.position(id), None);
        }
    }

    #[test]
    fn a_day_holds_every_kind_of_event() {
        let (_, day) = day();
        let seen: HashSet<_> = day.iter().map(Resources::event_id).collect();
        for (event, ..) in crate::changes::CHANGES {
            assert!(seen.contains(event), "{event}");
        }
        assert!(seen.is_superset(&HashSet::from([
            "sso.session.create.success",
            "sso.authentication.failure"
        ])));
        assert!(seen.is_superset(&SESSIONS.iter().map(|(event, _)| *event).collect()));
    }

    #[test]
    fn a_failed_login_looks_like_the_vendors_example() {
        let (resources, day) = day();
        let failure = day
            .iter()
            .find(|occurrence| occurrence.part == EventPart::Failure)
            .unwrap();
        let resource = resources.resource(failure, "https://idcs");
        assert_eq!(resource["eventId"], "sso.authentication.failure");
        assert_eq!(resource["reasonValue"], "SSO-1001");
        assert_eq!(resource["actorName"], resources.history.login(failure).user);
        assert_eq!(
            resource["meta"]["location"],
            format!("https://idcs/admin/v1/AuditEvents/{}", resource["id"].as_str().unwrap())
        );
        let time: jiff::Timestamp = resource["timestamp"].as_str().unwrap().parse().unwrap();
        assert_eq!(time.as_millisecond(), failure.time);
        assert_eq!(
            resource["timestamp"].as_str().unwrap().len(),
            "2018-05-09T21:55:54.890Z".len()
        );
    }

    #[test]
    fn a_session_belongs_to_a_login_before_it() {
        let (resources, day) = day();
        for end in day.iter().filter(|occurrence| occurrence.part == EventPart::Session) {
            let session = resources.resource(end, "")["ssoSessionId"].clone();
            let start = resources.session_start(end);
            let login = resources.resource(&start, "");
            assert_eq!(
                (&login["ssoSessionId"], &login["eventId"]),
                (&session, &json!("sso.session.create.success"))
            );
            assert!(start.position < end.position);
        }
    }
}

//! The members that a sink leaves out of its events, by their dotted paths: [`Omissions`].
//!
//! A path names a member as people write it, `unmapped.meta` or `src_endpoint.ip`, and stands for all that is below it. In
//! names that hold dots themselves these are taken as they stand, so `unmapped.meta` leaves out the attribute `meta.created`
//! as well as `meta`, and nothing needs to be escaped. An object of which nothing is left goes too.
//!
//! Leaving out what an event cannot be without is refused: by what it is known, when it was, what it was, and whom it is about.

mod error;
mod fields;
mod needed;
mod paths;
mod thin;

pub use self::error::OmissionError;
use self::{
    fields::{ADDRESS, FIELDS, VARIANTS, Variant},
    needed::{KEYS, NEEDED},
    paths::{Paths, attributes_of, covers, names_something, places_of},
    thin::thin,
};
use super::{Activity, Encoding, Event, Outcome, Principal, Product, Provenance};

/// The members that are left out of the events of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omissions {
    paths: Paths,
    encoding: Encoding,
    /// For each kind of event, which fields of it stand in no document any more.
    gone: Vec<u16>,
}

impl Omissions {
    /// Leaves these members out of events of that encoding.
    ///
    /// # Errors
    ///
    /// Fails where an event cannot be without one of the members.
    pub fn new(encoding: Encoding, paths: &[String]) -> Result<Self, OmissionError> {
        let needed = NEEDED.iter().find(|(of, _)| *of == encoding).map(|(_, needed)| *needed);
        for path in paths {
            if !names_something(encoding, path) {
                return Err(OmissionError::NoPath(path.clone()));
            }
            if let Some((member, why)) = needed
                .unwrap_or_default()
                .iter()
                .find(|(member, _)| covers(path, member))
            {
                return Err(OmissionError::Needed {
                    path: path.clone(),
                    encoding,
                    member,
                    why,
                });
            }
        }
        let mut omissions = Omissions {
            paths: Paths::new(paths),
            encoding,
            gone: Vec::new(),
        };
        for key in KEYS.into_iter().filter(|_| encoding == Encoding::Ocsf) {
            let object = key.rsplit_once('.').map_or("", |(object, _)| object);
            if omissions.omits(key) && !omissions.omits(object) {
                return Err(OmissionError::Key {
                    path: key.into(),
                    encoding,
                    object: object.into(),
                });
            }
        }
        omissions.gone = (Activity::ALL.into_iter())
            .flat_map(|activity| VARIANTS.map(|variant| omissions.gone_of(activity, variant)))
            .collect();
        Ok(omissions)
    }

    /// True if the member of this path is left out.
    pub fn omits(&self, path: &str) -> bool {
        self.paths.omit(path)
    }

    /// True if an attribute of this name is left out.
    pub(crate) fn omits_attribute(&self, name: &str) -> bool {
        let mut members = attributes_of(self.encoding).iter();
        members.any(|of| self.omits(&format!("{of}.{name}")))
    }

    /// Appends the event, which is one JSON object, without what is left out.
    pub(crate) fn thin(&self, event: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
        thin(&self.paths, event, out)
    }

    /// The event for the places beside its document, such as columns: without the fields that the document no longer has.
    pub(crate) fn trim(&self, event: &Event) -> Event {
        let mut event = event.clone();
        let variant = Variant::of(&event);
        let index = Activity::ALL.iter().position(|activity| *activity == event.activity);
        let variants = VARIANTS.iter().position(|each| *each == variant);
        let gone = (index.zip(variants))
            .and_then(|(index, variant)| self.gone.get(index * VARIANTS.len() + variant))
            .copied()
            .unwrap_or_default();
        for (bit, field) in FIELDS.iter().enumerate() {
            if gone & (1 << bit) != 0 {
                field(&mut event, None);
            }
        }
        event
            .attributes
            .retain(|(name, _)| !self.omits_attribute(name) && !self.omits_a_place_of(name));
        event
    }

    /// True if a place is left out that a rendering has for an attribute of this name.
    fn omits_a_place_of(&self, name: &str) -> bool {
        places_of(self.encoding, name).iter().any(|path| self.omits(path))
    }

    /// The fields of such an event that stand in its document, and not in the thinned one, one bit each.
    fn gone_of(&self, activity: Activity, variant: Variant) -> u16 {
        let mut event = Event::new(0, activity, Outcome::Success, Principal::named(""));
        let sentinels: Vec<String> = (0..FIELDS.len()).map(|number| format!("<{number}>")).collect();
        event.actor = Some(Principal::named(""));
        for (field, sentinel) in FIELDS.iter().zip(&sentinels) {
            field(&mut event, Some(sentinel));
        }
        variant.make(&mut event);
        let provenance = Provenance::new("", "", "", Product::epm_cloud());
        let (mut whole, mut thinned) = (Vec::new(), Vec::new());
        self.encoding.write(&event, &provenance, &mut whole);
        if self.thin(&whole, &mut thinned).is_err() {
            return 0;
        }
        let holds = |document: &[u8], text: &str| String::from_utf8_lossy(document).contains(&format!("\"{text}\""));
        let gone = (sentinels.iter().enumerate()).filter(|(number, sentinel)| {
            let text = match (*number == ADDRESS, &event.source_ip) {
                (true, Some(address)) => address,
                _ => sentinel,
            };
            holds(&whole, text) && !holds(&thinned, text)
        });
        gone.map(|(bit, _)| 1 << bit).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::samples;

    fn omissions(encoding: Encoding, paths: &[&str]) -> Result<Omissions, OmissionError> {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        Omissions::new(encoding, &paths)
    }

    fn thinned(encoding: Encoding, paths: &[&str], event: &Event) -> (Value, Value) {
        let (mut whole, mut thin) = (Vec::new(), Vec::new());
        encoding.write(event, &samples::domain(), &mut whole);
        omissions(encoding, paths).unwrap().thin(&whole, &mut thin).unwrap();
        (
            serde_json::from_slice(&whole).unwrap(),
            serde_json::from_slice(&thin).unwrap(),
        )
    }

    #[test]
    fn an_event_can_be_without_every_field_but_those_that_it_is_known_by() {
        let mut event = samples::full(Activity::Logon, Outcome::Failure);
        for field in FIELDS {
            field(&mut event, None);
        }
        let bare = Event::new(
            event.time,
            event.activity,
            event.outcome,
            Principal::named("jdoe@example.com"),
        );
        let kept = Event {
            id: event.id.clone(),
            attributes: event.attributes.clone(),
            collected: event.collected,
            correlation: event.correlation,
            ..bare
        };
        assert_eq!(event, kept);
    }

    #[test]
    fn what_is_named_goes_and_everything_else_stays_as_it_was() {
        let mut event = samples::full(Activity::Logon, Outcome::Failure);
        for (name, value) in [
            ("meta", "{}"),
            ("meta.created", "x"),
            ("metadata", "kept"),
            ("a\"b.c", "y"),
            ("No.", "7"),
        ] {
            event.attributes.push((name.into(), value.into()));
        }
        for (encoding, paths, gone) in [
            (
                Encoding::Ocsf,
                [
                    "unmapped.meta",
                    "class_name",
                    "src_endpoint.ip",
                    "unmapped.a\"b.c",
                    "unmapped.No.",
                ]
                .as_slice(),
                [
                    "/unmapped/meta",
                    "/unmapped/meta.created",
                    "/class_name",
                    "/src_endpoint",
                    "/unmapped/a\"b.c",
                    "/unmapped/No.",
                ]
                .as_slice(),
            ),
            (
                Encoding::Ecs,
                &["oracle.attributes", "related.ip", "observer"],
                &["/oracle/attributes", "/related/ip", "/observer"],
            ),
            (
                Encoding::Event,
                &["attributes.meta", "message", "attributes.rId"],
                &[
                    "/attributes/meta",
                    "/attributes/meta.created",
                    "/message",
                    "/attributes/rId",
                ],
            ),
        ] {
            let (mut whole, thin) = thinned(encoding, paths, &event);
            for pointer in gone {
                let (above, name) = pointer.rsplit_once('/').unwrap();
                let above = whole.pointer_mut(above).unwrap().as_object_mut().unwrap();
                assert!(above.remove(name).is_some(), "{pointer}");
            }
            assert_eq!(whole, thin, "{encoding}");
        }
    }

    #[test]
    fn an_event_of_which_nothing_is_left_out_is_the_same_bytes() {
        for activity in Activity::ALL {
            let event = samples::full(activity, Outcome::Success);
            for encoding in Encoding::ALL {
                let (mut whole, mut thin) = (Vec::new(), Vec::new());
                encoding.write(&event, &samples::domain(), &mut whole);
                let none = omissions(
                    encoding,
                    &[
                        "absent",
                        "unmapped.absent",
                        "oracle.attributes.absent",
                        "attributes.absent",
                    ],
                );
                none.unwrap().thin(&whole, &mut thin).unwrap();
                assert_eq!(String::from_utf8(thin).unwrap(), String::from_utf8(whole).unwrap());
            }
        }
    }

    #[test]
    fn what_an_event_cannot_be_without_is_refused() {
        for (encoding, path, message) in [
            (
                Encoding::Ocsf,
                "time",
                "\"time\" cannot be left out of ocsf events: `time` would go, and it says when the event was",
            ),
            (
                Encoding::Ocsf,
                "metadata",
                "`metadata.uid` would go, and an event is known by it",
            ),
            (Encoding::Ocsf, "class_uid", "it says what the event is"),
            (Encoding::Ocsf, "user", "it says whom the event is about"),
            (
                Encoding::Ocsf,
                "actor.user.name",
                "left out alone: without it `actor.user` is not valid",
            ),
            (Encoding::Ecs, "event", "`event.id` would go"),
            (Encoding::Ecs, "@timestamp", "it says when"),
            (Encoding::Event, "id", "an event is known by it"),
            (Encoding::Event, "actor", "the subject seems to have acted"),
            (Encoding::Event, "", "\"\" is not the path"),
            (Encoding::Event, "attributes.", "is not the path"),
            (Encoding::Event, "source..ip", "is not the path"),
        ] {
            let error = omissions(encoding, &[path]).unwrap_err().to_string();
            assert!(error.contains(message), "{path}: {error}");
        }
        omissions(Encoding::Ocsf, &["actor.user"]).unwrap();
        omissions(Encoding::Ocsf, &["actor.user.name", "actor"]).unwrap();
    }

    #[test]
    fn columns_beside_the_document_lose_what_stands_nowhere_in_it() {
        let event = samples::full(Activity::RoleAssign, Outcome::Success);
        let trim = |encoding, paths: &[&str]| omissions(encoding, paths).unwrap().trim(&event);
        assert_eq!(trim(Encoding::Ocsf, &["src_endpoint"]).source_ip, None);
        assert_eq!(trim(Encoding::Ecs, &["source.ip"]).source_ip, event.source_ip);
        assert_eq!(trim(Encoding::Ecs, &["source", "related.ip"]).source_ip, None);
        assert_eq!(trim(Encoding::Ocsf, &["message"]).message, event.message);
        assert_eq!(trim(Encoding::Ocsf, &["message", "status_detail"]).message, None);
        assert_eq!(trim(Encoding::Ocsf, &["actor.user"]).actor, None);
        assert_eq!(trim(Encoding::Event, &["labels"]).labels, [""; 0]);
        let attributes = trim(Encoding::Ocsf, &["unmapped.rId"]).attributes;
        assert_eq!(attributes, [("ssoRp".to_owned(), "gate".to_owned())]);
        let mut call = event.clone();
        call.attributes = samples::request().into();
        for (encoding, path, left) in [
            (Encoding::Ocsf, "http_request", ["request_id"; 0].as_slice()),
            (Encoding::Ocsf, "http_request.url", &["request_id", "request_method"]),
            (Encoding::Ocsf, "api.request", &["request_method", "request_path"]),
            (Encoding::Ecs, "url.path", &["request_id", "request_method"]),
            (Encoding::Ecs, "http.request.method", &["request_id", "request_path"]),
            (
                Encoding::Event,
                "attributes.request_id",
                &["request_method", "request_path"],
            ),
        ] {
            let attributes = omissions(encoding, &[path]).unwrap().trim(&call).attributes;
            let names: Vec<_> = attributes.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, left, "{encoding} {path}");
        }
        // Which member it is in depends on the address.
        let mut masked = event.clone();
        masked.source_ip = Some("10.xxx".into());
        let omitted = omissions(Encoding::Ocsf, &["src_endpoint"]).unwrap();
        assert_eq!(omitted.trim(&masked).source_ip, masked.source_ip);
        let omitted = omissions(Encoding::Ocsf, &["unmapped.source_ip"]).unwrap();
        assert_eq!(omitted.trim(&masked).source_ip, None);
        assert_eq!(omitted.trim(&event).source_ip, event.source_ip);
    }
}

//! What a sink leaves out of its events: [`Omissions`], by the dotted paths of members.
//!
//! A path names a member as people write it, `unmapped.meta` or `src_endpoint.ip`, and stands for all that is below it. In
//! names that hold dots themselves these are taken as they stand, so `unmapped.meta` leaves out the attribute `meta.created`
//! as well as `meta`, and nothing needs to be escaped. An object of which nothing is left goes too.
//!
//! What an event cannot be without is refused: by what it is known, when it was, what it was, and whom it is about.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Activity, Encoding, Event, GROUP, Outcome, Principal, Product, Provenance, json};

/// The members that every event keeps, and why.
const NEEDED: [(Encoding, &[(&str, &str)]); 3] = [
    (
        Encoding::Ocsf,
        &[
            ("metadata.uid", KNOWN),
            ("metadata.log_name", KNOWN),
            ("metadata.log_source", KNOWN),
            ("time", WHEN),
            ("class_uid", CLASS),
            ("category_uid", CLASS),
            ("activity_id", CLASS),
            ("type_uid", CLASS),
            ("severity_id", SCHEMA),
            ("status_id", ENDED),
            ("metadata.version", SCHEMA),
            ("metadata.product.name", SCHEMA),
            ("service.name", SCHEMA),
            ("user.name", WHOM),
            ("privileges", SCHEMA),
            ("group.name", WHOM),
            ("entity.name", WHOM),
        ],
    ),
    (
        Encoding::Ecs,
        &[
            ("event.id", KNOWN),
            ("event.dataset", KNOWN),
            ("oracle.connection", KNOWN),
            ("@timestamp", WHEN),
            ("event.kind", CLASS),
            ("event.category", CLASS),
            ("event.type", CLASS),
            ("event.outcome", ENDED),
            ("ecs.version", SCHEMA),
            ("user.name", WHOM),
        ],
    ),
    (
        Encoding::Event,
        &[
            ("id", KNOWN),
            ("report", KNOWN),
            ("connection", KNOWN),
            ("time", WHEN),
            ("activity", CLASS),
            ("outcome", ENDED),
            ("subject", WHOM),
            ("actor", ACTED),
        ],
    ),
];

const KNOWN: &str = "an event is known by it";
const WHEN: &str = "it says when the event was";
const CLASS: &str = "it says what the event is";
const ENDED: &str = "it says how the event ended";
const WHOM: &str = "it says whom the event is about";
const ACTED: &str = "without it the subject seems to have acted";
const SCHEMA: &str = "the schema demands it";

/// Members of OCSF without which the object around them says nothing that its schema takes.
const KEYS: [&str; 2] = ["actor.user.name", "entity.user.name"];

/// The member whose own members are the attributes, by the source's names.
fn attributes_of(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Ocsf => "unmapped",
        Encoding::Ecs => "oracle.attributes",
        Encoding::Event => "attributes",
    }
}

/// A path that cannot be left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OmissionError {
    /// A path that names nothing.
    #[error("{0:?} is no path of a member: write its names with dots between them")]
    NoPath(String),
    /// An event cannot be without it.
    #[error("{path:?} cannot be left out of {encoding} events: `{member}` would go, and {why}")]
    Needed {
        /// As it was written.
        path: String,
        /// The encoding of the sink's events.
        encoding: Encoding,
        /// The member that would go.
        member: &'static str,
        /// The reason why an event cannot be without it.
        why: &'static str,
    },
    /// The object around it cannot be without it.
    #[error("{path:?} cannot be left out alone: without it `{object}` is not valid in {encoding} events")]
    Key {
        /// As it was written.
        path: String,
        /// The encoding of the sink's events.
        encoding: Encoding,
        /// Members that could be left out instead.
        object: String,
    },
}

/// The members that are left out of the events of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omissions {
    paths: Vec<String>,
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
            paths: paths.to_vec(),
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

    /// Whether the member of this path is left out.
    pub fn omits(&self, path: &str) -> bool {
        self.paths.iter().any(|omitted| covers(omitted, path))
    }

    /// Whether an attribute of this name is left out.
    pub(crate) fn omits_attribute(&self, name: &str) -> bool {
        self.omits(&format!("{}.{name}", attributes_of(self.encoding)))
    }

    /// Whether something below this path is left out.
    fn reaches_into(&self, path: &str) -> bool {
        self.paths.iter().any(|omitted| below(path, omitted))
    }

    /// Appends the event, which is one JSON object, without what is left out.
    pub(crate) fn thin(&self, event: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut deserializer = serde_json::Deserializer::from_slice(event);
        Object {
            omissions: self,
            path: "",
            out,
        }
        .deserialize(&mut deserializer)
        .map(drop)
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
        event.attributes.retain(|(name, _)| !self.omits_attribute(name));
        event
    }

    /// Which fields of such an event stand in its document, and not in the thinned one.
    fn gone_of(&self, activity: Activity, variant: Variant) -> u16 {
        let mut event = Event::new(0, activity, Outcome::Success, Principal::named(""));
        let sentinels: Vec<String> = (0..FIELDS.len()).map(|number| format!("<{number}>")).collect();
        event.actor = Some(Principal::named(""));
        for (field, sentinel) in FIELDS.iter().zip(&sentinels) {
            field(&mut event, Some(sentinel));
        }
        variant.make(&mut event);
        let provenance = Provenance::new("", "", "", Product::EpmCloud);
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

/// Whether the path can be one: attributes can have any name, all else has plain ones.
fn names_something(encoding: Encoding, path: &str) -> bool {
    let attribute = (path.strip_prefix(attributes_of(encoding))).and_then(|rest| rest.strip_prefix('.'));
    match attribute {
        Some(name) => !name.is_empty(),
        None => !path.split('.').any(str::is_empty) && !path.contains(char::is_control),
    }
}

/// Whether who leaves out `omitted` leaves out `path`.
fn covers(omitted: &str, path: &str) -> bool {
    path == omitted || below(omitted, path)
}

/// Whether `path` is below `above`.
fn below(above: &str, path: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

/// Sets a field of an event.
type Field = fn(&mut Event, Option<&str>);

/// The fields that an event can be without: not in the order of the list, and an account's one by one, but all that are
/// there. A test holds them against the list.
const FIELDS: [Field; 14] = [
    |event, value| event.source_ip = value.map(str::to_owned),
    |event, value| event.subject.id = value.map(str::to_owned),
    |event, value| event.subject.display_name = value.map(str::to_owned),
    |event, value| match (&mut event.actor, value) {
        (Some(actor), Some(value)) => actor.name = value.to_owned(),
        _ => event.actor = None,
    },
    |event, value| {
        if let Some(actor) = &mut event.actor {
            actor.id = value.map(str::to_owned);
        }
    },
    |event, value| {
        if let Some(actor) = &mut event.actor {
            actor.display_name = value.map(str::to_owned);
        }
    },
    |event, value| event.target = value.map(str::to_owned),
    |event, value| event.user_agent = value.map(str::to_owned),
    |event, value| event.session = value.map(str::to_owned),
    |event, value| event.service = value.map(str::to_owned),
    |event, value| event.action = value.map(str::to_owned),
    |event, value| event.code = value.map(str::to_owned),
    |event, value| event.labels = value.map(str::to_owned).into_iter().collect(),
    |event, value| event.message = value.map(str::to_owned),
];

/// Which of [`FIELDS`] is the address.
const ADDRESS: usize = 0;

/// What decides, beside the activity, where the fields of an event stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Variant {
    about_group: bool,
    /// The address is one.
    address: bool,
}

const VARIANTS: [Variant; 4] = [
    Variant {
        about_group: false,
        address: false,
    },
    Variant {
        about_group: false,
        address: true,
    },
    Variant {
        about_group: true,
        address: false,
    },
    Variant {
        about_group: true,
        address: true,
    },
];

impl Variant {
    fn of(event: &Event) -> Self {
        let address = |text: &String| text.parse::<std::net::IpAddr>().is_ok();
        Variant {
            about_group: event.is_about_group(),
            address: event.source_ip.as_ref().is_some_and(address),
        }
    }

    fn make(self, event: &mut Event) {
        if self.about_group {
            event.labels.push(GROUP.into());
        }
        if self.address {
            event.source_ip = Some("192.0.2.1".into());
        }
    }
}

/// One object of an event, and how far down it is.
struct Object<'a> {
    omissions: &'a Omissions,
    path: &'a str,
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    /// Whether any member of the object is left.
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        self.out.push(b'{');
        let mut left = false;
        while let Some(Name(name)) = members.next_key::<Name>()? {
            let path: Cow<'_, str> = match self.path {
                "" => Cow::Borrowed(&name),
                above => Cow::Owned(format!("{above}.{name}")),
            };
            if self.omissions.omits(&path) {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let start = self.out.len();
            if left {
                self.out.push(b',');
            }
            json::text(self.out, &name);
            self.out.push(b':');
            if self.omissions.reaches_into(&path) {
                let value = members.next_value::<&RawValue>()?.get();
                if value.starts_with('{') {
                    let mut inner = serde_json::Deserializer::from_str(value);
                    let object = Object {
                        omissions: self.omissions,
                        path: &path,
                        out: self.out,
                    };
                    if !object.deserialize(&mut inner).map_err(A::Error::custom)? {
                        self.out.truncate(start);
                        continue;
                    }
                } else {
                    self.out.extend_from_slice(value.as_bytes());
                }
            } else {
                let value = members.next_value::<&RawValue>()?.get();
                self.out.extend_from_slice(value.as_bytes());
            }
            left = true;
        }
        self.out.push(b'}');
        Ok(left)
    }
}

/// A member's name, borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

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
            (Encoding::Event, "", "\"\" is no path"),
            (Encoding::Event, "attributes.", "is no path"),
            (Encoding::Event, "source..ip", "is no path"),
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

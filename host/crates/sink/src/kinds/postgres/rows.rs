//! Events as columns of values.

use std::borrow::Cow;

use tokio_postgres::types::{ToSql, Type};

use crate::idempotency_key;
use event::{Event, Provenance, Rendering};

/// The replacement for the one character that PostgreSQL keeps in no text.
const REPLACEMENT: &str = "\u{fffd}";

/// The values of a batch, an array a column.
#[derive(Default)]
pub(super) struct Rows<'a> {
    report: Cow<'a, str>,
    connection: Cow<'a, str>,
    ids: Vec<Cow<'a, str>>,
    times: Vec<i64>,
    activities: Vec<&'static str>,
    outcomes: Vec<&'static str>,
    subjects: Vec<Cow<'a, str>>,
    actors: Vec<Option<Cow<'a, str>>>,
    targets: Vec<Option<Cow<'a, str>>>,
    source_ips: Vec<Option<Cow<'a, str>>>,
    documents: Vec<String>,
    identities: Vec<Cow<'a, str>>,
}

impl<'a> Rows<'a> {
    /// The rows of the events; `addresses` where the table takes addresses only. What is none stands in the document.
    pub(super) fn of(
        events: &'a [Event],
        encoding: &Rendering,
        provenance: &'a Provenance,
        addresses: bool,
    ) -> Rows<'a> {
        let mut rows = Rows {
            report: text(&provenance.report),
            connection: text(&provenance.connection),
            ..Rows::default()
        };
        let optional = |value: Option<&'a str>| value.map(text);
        for event in events {
            // What the sink leaves out is in no column either.
            let left = encoding.trim(event);
            let kept = |is_left: bool, value: &'a Option<String>| value.as_deref().filter(|_| is_left);
            // Only events that never went through a run have no id.
            let nameless = || Cow::Owned(idempotency_key(std::slice::from_ref(event), provenance));
            rows.ids.push(match &event.id {
                Some(id) => text(id),
                None => nameless(),
            });
            rows.identities.push(match event.identity(provenance) {
                Some(identity) => identity,
                None => nameless(),
            });
            rows.times.push(event.time);
            rows.activities.push(event.activity.name());
            rows.outcomes.push(event.outcome.name());
            rows.subjects.push(text(&event.subject.name));
            let actor = event.actor.as_ref().filter(|_| left.actor.is_some());
            rows.actors.push(optional(actor.map(|actor| actor.name.as_str())));
            rows.targets.push(optional(kept(left.target.is_some(), &event.target)));
            let source_ip = kept(left.source_ip.is_some(), &event.source_ip);
            rows.source_ips.push(match addresses {
                true => source_ip.and_then(address),
                false => optional(source_ip),
            });
            let mut json = Vec::with_capacity(1024);
            encoding.write(event, provenance, &mut json);
            rows.documents.push(document(&json));
        }
        rows
    }

    /// The parameters of [`TableName::insertions`](super::table::TableName::insertions).
    pub(super) fn parameters(&self) -> [(&(dyn ToSql + Sync), Type); 12] {
        [
            (&self.report, Type::TEXT),
            (&self.connection, Type::TEXT),
            (&self.ids, Type::TEXT_ARRAY),
            (&self.times, Type::INT8_ARRAY),
            (&self.activities, Type::TEXT_ARRAY),
            (&self.outcomes, Type::TEXT_ARRAY),
            (&self.subjects, Type::TEXT_ARRAY),
            (&self.actors, Type::TEXT_ARRAY),
            (&self.targets, Type::TEXT_ARRAY),
            (&self.source_ips, Type::TEXT_ARRAY),
            (&self.documents, Type::TEXT_ARRAY),
            (&self.identities, Type::TEXT_ARRAY),
        ]
    }
}

/// The address as PostgreSQL reads it, where it is one. It knows no zones.
fn address(value: &str) -> Option<Cow<'static, str>> {
    let address: std::net::IpAddr = value.trim().parse().ok()?;
    Some(Cow::Owned(address.to_string()))
}

/// The text as PostgreSQL can keep it.
fn text(value: &str) -> Cow<'_, str> {
    match value.contains('\0') {
        true => Cow::Owned(value.replace('\0', REPLACEMENT)),
        false => Cow::Borrowed(value),
    }
}

/// The JSON as a jsonb can keep it: a NUL character stands there escaped.
fn document(json: &[u8]) -> String {
    const NUL: &str = "\\u0000";
    let json = String::from_utf8_lossy(json);
    let mut clean = String::with_capacity(json.len());
    let mut rest = json.as_ref();
    while let Some(place) = rest.find('\\') {
        let (before, escape) = rest.split_at(place);
        clean.push_str(before);
        rest = match escape.strip_prefix(NUL) {
            Some(after) => {
                clean.push_str(REPLACEMENT);
                after
            }
            None => {
                // The character after a backslash belongs to it: an escaped backslash begins no escape.
                let end = escape.chars().take(2).map(char::len_utf8).sum();
                let (pair, after) = escape.split_at(end);
                clean.push_str(pair);
                after
            }
        };
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use event::{Activity, Encoding, Outcome, samples};

    #[test]
    fn a_nul_is_replaced_and_what_looks_like_one_is_not() {
        for value in ["a\0b", "\0", "\\u0000", "\\\\u0000", "\\\0", "plain", "\"\\", "\\\\"] {
            let json = serde_json::to_vec(value).unwrap();
            let kept: String = serde_json::from_str(&document(&json)).unwrap();
            assert_eq!(kept, value.replace('\0', REPLACEMENT), "{value:?}");
            assert_eq!(text(value), value.replace('\0', REPLACEMENT));
        }
    }

    #[test]
    fn only_addresses_are_addresses() {
        for (value, kept) in [
            ("203.0.113.7", Some("203.0.113.7")),
            (" 2001:DB8::1 ", Some("2001:db8::1")),
            ("::ffff:10.0.0.1", Some("::ffff:10.0.0.1")),
            ("203.0.113.7:443", None),
            ("fe80::1%eth0", None),
            ("010.0.0.1", None),
            ("10.0.0.0/8", None),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(address(value).as_deref(), kept, "{value:?}");
        }
    }

    #[test]
    fn what_a_sink_leaves_out_is_in_no_column() {
        let paths = ["actor", "src_endpoint", "privileges"].map(str::to_owned);
        let event = [samples::full(Activity::Logon, Outcome::Failure)];
        let provenance = samples::domain();
        assert!(
            Rendering::without(Encoding::Ocsf, &paths).is_err(),
            "the schema demands privileges"
        );
        let rendering = Rendering::without(Encoding::Ocsf, &paths[..2]).unwrap();
        for addresses in [false, true] {
            let rows = Rows::of(&event, &rendering, &provenance, addresses);
            assert_eq!((&rows.actors[0], &rows.source_ips[0]), (&None, &None));
            assert_eq!(rows.targets[0].as_deref(), event[0].target.as_deref());
            assert!(!rows.documents[0].contains("203.0.113.7"), "{}", rows.documents[0]);
            let whole = Rows::of(&event, &Encoding::Ocsf.into(), &provenance, addresses);
            assert!(whole.actors[0].is_some() && whole.source_ips[0].is_some());
        }
    }

    proptest! {
        #[test]
        fn every_text_survives_but_for_its_nul(value in any::<String>()) {
            let json = serde_json::to_vec(&value).unwrap();
            let kept: String = serde_json::from_str(&document(&json)).unwrap();
            prop_assert_eq!(kept, value.replace('\0', REPLACEMENT));
        }

        #[test]
        fn every_event_is_one_row(events in proptest::collection::vec(samples::event(), 0..5)) {
            let provenance = samples::epm();
            for encoding in Encoding::ALL {
                let rows = Rows::of(&events, &encoding.into(), &provenance, false);
                prop_assert_eq!(rows.documents.len(), events.len());
                prop_assert_eq!(rows.ids.len(), events.len());
                for document in &rows.documents {
                    prop_assert!(!document.contains('\0'));
                    prop_assert!(serde_json::from_str::<serde_json::Value>(document).is_ok());
                }
            }
        }
    }
}

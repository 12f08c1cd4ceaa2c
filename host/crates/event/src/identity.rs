//! The identity of an event, by which a receiver tells it from all others.
//!
//! An id that the source gave is unique within its source at best: two connections may each have an event `evt-1`. A
//! receiver that knows what it has seen must not take the second for the first, so the identity of such an event is made
//! of the stream and the id. A [derived id](super::id) holds the stream already, and is its own identity.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::{
    Event, Provenance,
    digest::{put, put_hex},
};

/// Changes when the form of what is hashed does, since then receivers take every event for a new one.
const FORM: &str = "identity/1";

impl Event {
    /// The identity: a derived id as it is; for an id of the source 32 hexadecimal digits, the first half of a SHA-256 over
    /// the report, the connection and the id. None without an id, which only events have that never went through a run.
    pub fn identity(&self, provenance: &Provenance) -> Option<Cow<'_, str>> {
        let id = self.id.as_deref().filter(|id| !id.is_empty())?;
        Some(match self.id_is_derived {
            true => Cow::Borrowed(id),
            false => Cow::Owned(of_stream(provenance, id)),
        })
    }
}

/// The identity of what has this id in its stream.
fn of_stream(provenance: &Provenance, id: &str) -> String {
    let mut hashed = Vec::with_capacity(128);
    for text in [FORM, &provenance.report, &provenance.connection, id] {
        put(&mut hashed, text);
    }
    let digest: [u8; 32] = Sha256::digest(&hashed).into();
    let mut half = [0; 16];
    half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    let mut text = String::with_capacity(32);
    put_hex(&mut text, &half);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Ids;
    use crate::{Activity, Outcome, Principal, samples};

    fn event(id: Option<&str>) -> Event {
        Event {
            id: id.map(str::to_owned),
            ..Event::new(0, Activity::Logon, Outcome::Success, Principal::named("jdoe"))
        }
    }

    #[test]
    fn the_same_id_of_two_streams_is_two_identities() {
        let of = |report: &str, connection: &str| {
            let provenance = Provenance {
                report: report.into(),
                connection: connection.into(),
                ..samples::epm()
            };
            event(Some("evt-1")).identity(&provenance).unwrap().into_owned()
        };
        let identities = [of("a", "b"), of("a", "c"), of("c", "b"), of("ab", ""), of("", "ab")];
        let distinct: std::collections::HashSet<_> = identities.iter().collect();
        assert_eq!(distinct.len(), identities.len());
        assert_eq!(of("a", "b"), of("a", "b"));
        // What receivers hold must be known again after an update.
        insta::assert_snapshot!(of("audit-events", "domain"), @"92897b5423e85803214f1b99eb171251");
    }

    #[test]
    fn a_derived_id_is_its_own_identity_and_survives_being_kept() {
        let provenance = samples::epm();
        let mut derived = event(None);
        let mut given = event(Some("evt-1"));
        let mut ids = Ids::new(&provenance.report, &provenance.connection);
        ids.assign(&mut derived).unwrap();
        ids.assign(&mut given).unwrap();
        assert_eq!(derived.identity(&provenance).as_deref(), derived.id.as_deref());
        assert_ne!(given.identity(&provenance).as_deref(), given.id.as_deref());
        for event in [derived, given] {
            let kept: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
            assert_eq!(kept, event);
        }
        assert_eq!(event(None).identity(&provenance), None);
        assert_eq!(event(Some("")).identity(&provenance), None);
    }

    #[test]
    fn memory_that_is_used_again_says_nothing_of_the_id_before() {
        let mut ids = Ids::new("r", "c");
        let mut reused = event(None);
        ids.assign(&mut reused).unwrap();
        reused.id = Some("evt-1".into());
        ids.assign(&mut reused).unwrap();
        assert!(!reused.id_is_derived);
    }
}

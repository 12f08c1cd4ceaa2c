//! Names for sign-ins, the same in every report that tells of one.
//!
//! A failed sign-in stands in the Invalid Login report and among an identity domain's audit events, a successful one in
//! User Login and there. Each report gives it an id of its own. [`Correlator`] gives it another: 32 hexadecimal digits,
//! the first half of a SHA-256 over the tenant, the second in which it happened, the user's name in lower case, the
//! address and the outcome, which are all that these reports have in common. Whoever tries often within a second has one
//! name for all these attempts. Only sign-ins have one.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::{Activity, Correlation, Event, Outcome, digest::digits};

/// Changes when what is hashed does, since then the names of all sign-ins do.
const FORM: &[u8] = b"sign-in/1";

/// A name longer than this does not keep its buffer.
const SCRATCH: usize = 1 << 16;

/// Names the sign-ins of one tenant.
#[derive(Debug)]
pub struct Correlator {
    /// The bytes to hash: those that all sign-ins of the tenant share, then the sign-in's.
    hashed: Vec<u8>,
    /// The position at which the sign-in begins.
    row: usize,
}

impl Correlator {
    /// For the tenant, where it is known.
    pub fn new(tenant: Option<&str>) -> Self {
        let mut hashed = FORM.to_vec();
        match tenant {
            None => hashed.push(0),
            Some(tenant) => {
                hashed.push(1);
                hashed.extend_from_slice(&(tenant.len() as u64).to_le_bytes());
                hashed.extend_from_slice(tenant.as_bytes());
            }
        }
        Correlator {
            row: hashed.len(),
            hashed,
        }
    }

    /// The name of the sign-in that the event tells of, if it tells of one.
    pub fn of(&mut self, event: &Event) -> Option<Correlation> {
        if event.activity != Activity::Logon {
            return None;
        }
        self.hashed.truncate(self.row);
        self.put(event);
        // All at once: the hash function takes whole blocks from where they lie, and a sign-in mostly fits into one.
        let digest: [u8; 32] = Sha256::digest(&self.hashed).into();
        let [half, _] = digest.as_chunks::<16>().0 else {
            return None;
        };
        if self.hashed.capacity() > SCRATCH {
            self.hashed.truncate(self.row);
            self.hashed.shrink_to_fit();
        }
        Some(Correlation(digits(half)))
    }

    /// The user's name ends it, so that it needs no length.
    fn put(&mut self, event: &Event) {
        let out = &mut self.hashed;
        out.push(match event.outcome {
            Outcome::Success => 0,
            Outcome::Failure => 1,
            Outcome::Unknown => 2,
        });
        out.extend_from_slice(&event.time.div_euclid(1000).to_le_bytes());
        let text = event.source_ip.as_deref().unwrap_or_default().trim();
        match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V4(address)) => {
                out.push(4);
                out.extend_from_slice(&address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                out.push(6);
                out.extend_from_slice(&address.octets());
            }
            // None, or a masked one.
            Err(_) => {
                out.push(0);
                out.extend_from_slice(&(text.len() as u64).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
        let name = event.subject.name.trim();
        if name.is_ascii() {
            let begin = out.len();
            out.extend_from_slice(name.as_bytes());
            out.iter_mut().skip(begin).for_each(|byte| byte.make_ascii_lowercase());
        } else {
            out.extend_from_slice(name.to_lowercase().as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{Principal, samples};

    fn sign_in(time: i64, user: &str, address: &str, outcome: Outcome) -> Event {
        let mut event = Event::new(time, Activity::Logon, outcome, Principal::named(user));
        event.source_ip = Some(address.into());
        event
    }

    fn name(tenant: Option<&str>, event: &Event) -> String {
        Correlator::new(tenant).of(event).unwrap().as_str().to_owned()
    }

    #[test]
    fn the_name_of_a_sign_in_never_changes() {
        let event = sign_in(1_741_611_600_000, "jdoe", "198.51.100.4", Outcome::Failure);
        insta::assert_snapshot!(name(None, &event), @"1154e4b49ddf879db072b31493b3f320");
        insta::assert_snapshot!(name(Some("acme"), &event), @"65b3e6924715949189ca2108ce4a08e0");
    }

    #[test]
    fn what_two_reports_write_differently_is_one_sign_in() {
        let one = sign_in(1_741_611_600_000, "j.Doe@Example.com", "198.51.100.4", Outcome::Failure);
        for mut other in [
            sign_in(1_741_611_600_999, "J.DOE@example.com", "198.51.100.4", Outcome::Failure),
            sign_in(
                1_741_611_600_123,
                " j.doe@example.com",
                "::ffff:198.51.100.4",
                Outcome::Failure,
            ),
        ] {
            // What one report says and another does not plays no part.
            other.id = Some("own".into());
            other.service = Some("SSO".into());
            other.user_agent = Some("Mozilla/5.0".into());
            assert_eq!(name(None, &one), name(None, &other));
        }
        let umlaut = |user| name(None, &sign_in(0, user, "", Outcome::Success));
        assert_eq!(umlaut("MÜLLER"), umlaut("müller"));
    }

    #[test]
    fn other_sign_ins_have_other_names() {
        let one = sign_in(1_741_611_600_000, "jdoe", "198.51.100.4", Outcome::Failure);
        let mut all = vec![
            one.clone(),
            sign_in(1_741_611_601_000, "jdoe", "198.51.100.4", Outcome::Failure),
            sign_in(1_741_611_599_999, "jdoe", "198.51.100.4", Outcome::Failure),
            sign_in(1_741_611_600_000, "jdo", "198.51.100.4", Outcome::Failure),
            sign_in(1_741_611_600_000, "jdoe", "198.51.100.5", Outcome::Failure),
            sign_in(1_741_611_600_000, "jdoe", "198.51.xxx.xxx", Outcome::Failure),
            sign_in(1_741_611_600_000, "jdoe", "198.51.100.4", Outcome::Success),
            sign_in(1_741_611_600_000, "jdoe", "198.51.100.4", Outcome::Unknown),
        ];
        all.push(Event {
            source_ip: None,
            ..one.clone()
        });
        let names: HashSet<_> = (all.iter().map(|event| name(None, event)))
            .chain([name(Some(""), &one), name(Some("acme"), &one)])
            .collect();
        assert_eq!(names.len(), all.len() + 2);
    }

    #[test]
    fn only_a_sign_in_has_a_name() {
        for activity in Activity::ALL {
            let event = samples::full(activity, Outcome::Success);
            let named = Correlator::new(None).of(&event).is_some();
            assert_eq!(named, activity == Activity::Logon, "{activity:?}");
        }
    }

    #[test]
    fn a_long_name_gives_its_buffer_back() {
        let mut correlator = Correlator::new(Some("acme"));
        correlator.of(&sign_in(0, &"x".repeat(2 * SCRATCH), "", Outcome::Failure));
        assert!(correlator.hashed.capacity() <= SCRATCH);
        let next = sign_in(0, "x", "", Outcome::Failure);
        assert_eq!(
            correlator.of(&next).unwrap().as_str(),
            name(Some("acme"), &next),
            "the tenant stays"
        );
    }

    proptest! {
        #[test]
        fn any_sign_in_has_32_digits_that_survive_being_kept(event in samples::event()) {
            let Some(found) = Correlator::new(None).of(&event) else { return Ok(()) };
            prop_assert_eq!(found.as_str().len(), 32);
            let kept = serde_json::to_string(&found).unwrap();
            prop_assert_eq!(serde_json::from_str::<Correlation>(&kept).unwrap(), found);
        }
    }
}

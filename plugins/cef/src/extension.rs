//! The extension: what the event says, under the keys of the standard's dictionary.
//!
//! | key | holds |
//! |---|---|
//! | `rt`, `externalId`, `cat`, `act`, `outcome` | time in milliseconds, id, activity, the source's own name for it, outcome |
//! | `suser`, `suid` | who acted: the actor, else the subject |
//! | `duser`, `duid` | whom the event is about: the subject |
//! | `src`, or `c6a2` | the client's address, IPv4 or IPv6 |
//! | `requestClientApplication`, `deviceExternalId` | user agent, service |
//! | `reason`, `msg` | code, message |
//! | `cs1` to `cs6` | session, target, the subject's name for people, labels, an address that is none, attributes |

use std::net::{Ipv4Addr, Ipv6Addr};

use plugin_sdk::sink::Event;

use crate::text::value;

/// The length of custom strings; the lengths in [`of`] are the dictionary's as well.
const CUSTOM: usize = 4000;

/// The pairs of an event, each only where there is something to say.
pub fn of(id: &str, event: &Event, attributes: bool) -> String {
    let mut pairs = Pairs::default();
    let actor = event.actor.as_ref().unwrap_or(&event.subject);
    pairs.add("rt", &event.time.to_string(), 32);
    // Not cut: half an id is none.
    pairs.add("externalId", id, usize::MAX);
    pairs.add("cat", event.activity.name(), 1023);
    pairs.add("act", event.action.as_deref().unwrap_or_default(), 63);
    pairs.add("outcome", event.outcome.name(), 63);
    pairs.add("suser", &actor.name, 1023);
    pairs.add("suid", actor.id.as_deref().unwrap_or_default(), 1023);
    pairs.add("duser", &event.subject.name, 1023);
    pairs.add("duid", event.subject.id.as_deref().unwrap_or_default(), 1023);
    let address = event.source_ip.as_deref().unwrap_or_default();
    let mut no_address = "";
    if address.parse::<Ipv4Addr>().is_ok() {
        pairs.add("src", address, 64);
    } else if address.parse::<Ipv6Addr>().is_ok() {
        pairs.custom("c6a2", "Source IPv6 Address", address);
    } else {
        no_address = address;
    }
    pairs.add(
        "requestClientApplication",
        event.user_agent.as_deref().unwrap_or_default(),
        1023,
    );
    pairs.add("deviceExternalId", event.service.as_deref().unwrap_or_default(), 255);
    pairs.add("reason", event.code.as_deref().unwrap_or_default(), 1023);
    pairs.add("msg", event.message.as_deref().unwrap_or_default(), 1023);
    pairs.custom("cs1", "session", event.session.as_deref().unwrap_or_default());
    pairs.custom("cs2", "target", event.target.as_deref().unwrap_or_default());
    pairs.custom(
        "cs3",
        "displayName",
        event.subject.display_name.as_deref().unwrap_or_default(),
    );
    pairs.custom("cs4", "labels", &event.labels.join(","));
    pairs.custom("cs5", "address", no_address);
    if attributes {
        pairs.custom("cs6", "attributes", &json(&event.attributes));
    }
    pairs.0
}

#[derive(Default)]
struct Pairs(String);

impl Pairs {
    fn add(&mut self, key: &str, text: &str, most: usize) {
        let value = value(text, most);
        if value.is_empty() {
            return;
        }
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.extend([key, "=", &value]);
    }

    /// A custom field, after the label that names it.
    fn custom(&mut self, key: &str, label: &str, text: &str) {
        if !value(text, CUSTOM).is_empty() {
            self.add(&format!("{key}Label"), label, CUSTOM);
            self.add(key, text, CUSTOM);
        }
    }
}

/// The whole pairs that fit, as a JSON array of arrays: a name may come twice.
fn json(attributes: &[(String, String)]) -> String {
    let mut text = String::new();
    let mut length = 2;
    for pair in attributes {
        let Ok(pair) = serde_json::to_string(pair) else {
            continue;
        };
        length += pair.chars().count() + 1;
        if length > CUSTOM {
            break;
        }
        text.push_str(if text.is_empty() { "" } else { "," });
        text.push_str(&pair);
    }
    match text.as_str() {
        "" => text,
        pairs => format!("[{pairs}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_cut_between_pairs() {
        let attributes = vec![("name".to_string(), "x".repeat(100)); 100];
        let text = json(&attributes);
        let pairs: Vec<(String, String)> = serde_json::from_str(&text).unwrap();
        assert!(text.len() <= CUSTOM && pairs.len() > 30);
        assert_eq!(json(&[]), "");
    }
}

//! The tokens that the identity domain has given out: access tokens with an end, refresh tokens that may be used once,
//! device codes that somebody has to confirm.

use std::collections::{HashMap, HashSet};

use super::chance::hex32;

/// An access token.
#[derive(Clone, Debug)]
struct Access {
    subject: String,
    /// In ms.
    ends: i64,
    /// The number of times that the token may still be used.
    uses: u64,
}

/// A refresh token, and whose.
#[derive(Clone, Debug)]
struct Refresh {
    subject: String,
    client: String,
    /// Tokens that came from the same login; they fall together.
    family: u64,
    used: bool,
}

/// A device that waits for somebody to confirm it.
#[derive(Clone, Debug)]
struct Device {
    client: String,
    polls_left: u64,
}

/// The state of a device code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeviceStanding {
    Unknown,
    Pending,
    Confirmed,
}

/// Every token of one simulator.
#[derive(Debug)]
pub(super) struct Tokens {
    seed: u64,
    made: u64,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    revoked: HashSet<u64>,
    devices: HashMap<String, Device>,
}

impl Tokens {
    /// Knows one refresh token from the start, as if `subject` had logged in with `client` before.
    pub(super) fn new(seed: u64, first: &str, subject: &str, client: &str) -> Self {
        let refresh = Refresh {
            subject: subject.to_owned(),
            client: client.to_owned(),
            family: 0,
            used: false,
        };
        Self {
            seed,
            made: 0,
            access: HashMap::new(),
            refresh: HashMap::from([(first.to_owned(), refresh)]),
            revoked: HashSet::new(),
            devices: HashMap::new(),
        }
    }

    /// A new access token that ends at a time in ms and may be used so often.
    pub(super) fn grant(&mut self, subject: &str, ends: i64, uses: u64) -> String {
        let token = self.make("at");
        self.access.insert(
            token.clone(),
            Access {
                subject: subject.to_owned(),
                ends,
                uses,
            },
        );
        token
    }

    /// The subject of an access token, which this uses once.
    pub(super) fn subject(&mut self, token: &str, now: i64) -> Option<String> {
        let access = self.access.get_mut(token).filter(|access| now < access.ends)?;
        access.uses = access.uses.checked_sub(1)?;
        Some(access.subject.clone())
    }

    /// A new refresh token: in a family of its own, or in that of the one it replaces.
    pub(super) fn refresh(&mut self, subject: &str, client: &str, replaces: Option<&str>) -> String {
        let token = self.make("rt");
        let family = replaces
            .and_then(|old| self.refresh.get(old))
            .map_or(self.made, |old| old.family);
        let fresh = Refresh {
            subject: subject.to_owned(),
            client: client.to_owned(),
            family,
            used: false,
        };
        self.refresh.insert(token.clone(), fresh);
        token
    }

    /// Uses a refresh token up and answers whom it stands for. A second use ends the whole family: one of the two
    /// callers must be a thief.
    pub(super) fn redeem(&mut self, token: &str, client: &str) -> Option<String> {
        let refresh = self.refresh.get_mut(token).filter(|refresh| refresh.client == client)?;
        if std::mem::replace(&mut refresh.used, true) {
            self.revoked.insert(refresh.family);
        }
        (!self.revoked.contains(&refresh.family)).then(|| refresh.subject.clone())
    }

    /// A device code and the code that its user types.
    pub(super) fn device(&mut self, client: &str, polls: u64) -> (String, String) {
        let code = self.make("dc");
        let user_code: String = hex32(&[self.seed, self.made, 5])
            .chars()
            .take(8)
            .collect::<String>()
            .to_uppercase();
        self.devices.insert(
            code.clone(),
            Device {
                client: client.to_owned(),
                polls_left: polls,
            },
        );
        (code, user_code)
    }

    /// The state of a device code; asking moves it on by one poll. A confirmed one is used up.
    pub(super) fn confirmed(&mut self, code: &str, client: &str) -> DeviceStanding {
        let Some(device) = self.devices.get_mut(code).filter(|device| device.client == client) else {
            return DeviceStanding::Unknown;
        };
        if let Some(left) = device.polls_left.checked_sub(1) {
            device.polls_left = left;
            return DeviceStanding::Pending;
        }
        self.devices.remove(code);
        DeviceStanding::Confirmed
    }

    fn make(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-{}", hex32(&[self.seed, self.made, 4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_token_ends_by_time_and_by_use() {
        let mut tokens = Tokens::new(1, "first", "jdoe", "app");
        let token = tokens.grant("jdoe", 1000, 2);
        assert_eq!(tokens.subject(&token, 1000), None);
        assert_eq!(tokens.subject(&token, 999).as_deref(), Some("jdoe"));
        assert_eq!(tokens.subject(&token, 999).as_deref(), Some("jdoe"));
        assert_eq!(tokens.subject(&token, 999), None);
    }

    #[test]
    fn a_refresh_token_used_twice_ends_its_family() {
        let mut tokens = Tokens::new(1, "first", "jdoe", "app");
        assert_eq!(tokens.redeem("first", "other"), None);
        assert_eq!(tokens.redeem("first", "app").as_deref(), Some("jdoe"));
        let second = tokens.refresh("jdoe", "app", Some("first"));
        let stranger = tokens.refresh("ann", "app", None);
        assert_eq!(tokens.redeem("first", "app"), None);
        assert_eq!(tokens.redeem(&second, "app"), None);
        assert_eq!(tokens.redeem(&stranger, "app").as_deref(), Some("ann"));
    }

    #[test]
    fn a_device_waits_to_be_confirmed_and_only_once() {
        let mut tokens = Tokens::new(1, "first", "jdoe", "app");
        let (code, user_code) = tokens.device("app", 1);
        assert_eq!(user_code.len(), 8);
        assert_eq!(tokens.confirmed(&code, "other"), DeviceStanding::Unknown);
        assert_eq!(tokens.confirmed(&code, "app"), DeviceStanding::Pending);
        assert_eq!(tokens.confirmed(&code, "app"), DeviceStanding::Confirmed);
        assert_eq!(tokens.confirmed(&code, "app"), DeviceStanding::Unknown);
    }
}

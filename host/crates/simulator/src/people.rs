//! The people who work here, and who knocks: the thirty users of the environment, and the names that strangers type into the login form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::chance::{mix, pick, word};

/// A user of the identity domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) login: &'static str,
    pub(super) name: &'static str,
}

impl Person {
    const fn new(login: &'static str, name: &'static str) -> Self {
        Self { login, name }
    }

    /// The id that the identity domain knows the user by.
    pub(super) fn id(&self) -> String {
        super::chance::hex32(&[word(self.login)])
    }

    /// One of the user's own addresses: mostly the office, sometimes home, all from ranges set aside for documentation
    /// (RFC 5737, RFC 3849).
    pub(super) fn address(&self, number: u64) -> IpAddr {
        let own = mix(&[word(self.login)]);
        let host = low_byte(own);
        match number % 10 {
            0..=5 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1 + host % 24)),
            6..=8 => IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1 + host % 250)),
            _ => IpAddr::V6(Ipv6Addr::new(
                0x2001,
                0xDB8,
                0,
                u16::from(host),
                0,
                0,
                0,
                u16::from(low_byte(own >> 8)),
            )),
        }
    }
}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// Everybody with an account. A few names are here because files and terminals stumble over them.
pub(super) const PEOPLE: [Person; 30] = [
    Person::new("john.doe@example.com", "John Doe"),
    Person::new("alex.chen@example.com", "Alex Chen"),
    Person::new("clark.okafor@example.com", "Clark Okafor"),
    Person::new("maria.garcia@example.com", "María García"),
    Person::new("priya.nair@example.com", "Priya Nair"),
    Person::new("tom.o'brien@example.com", "Tom O'Brien"),
    Person::new("zoë.müller@example.com", "Zoë Müller"),
    Person::new("yuki.tanaka@example.com", "田中 有紀"),
    Person::new("ivan.petrov@example.com", "Иван Петров"),
    Person::new("layla.haddad@example.com", "ليلى حداد"),
    Person::new("emma.larsen@example.com", "Emma Larsen"),
    Person::new("lucas.silva@example.com", "Lucas Silva"),
    Person::new("fatima.khan@example.com", "Fatima Khan"),
    Person::new("noah.dubois@example.com", "Noah Dubois"),
    Person::new("sofia.rossi@example.com", "Sofia Rossi"),
    Person::new("david.cohen@example.com", "David Cohen"),
    Person::new("grace.mbeki@example.com", "Grace Mbeki"),
    Person::new("henry.park@example.com", "Henry Park"),
    Person::new("olga.nowak@example.com", "Olga Nowak"),
    Person::new("pedro.alves@example.com", "Pedro Alves"),
    Person::new("ruth.weber@example.com", "Ruth Weber"),
    Person::new("sam.jones@example.com", "Sam Jones"),
    Person::new("tina.berg@example.com", "Tina Berg"),
    Person::new("omar.farouk@example.com", "Omar Farouk"),
    Person::new("nina.kovač@example.com", "Nina Kovač"),
    Person::new("paul.martin@example.com", "Martin, Paul"),
    Person::new("quinn.adams@example.com", "Quinn \"Q\" Adams"),
    Person::new("epm.integration", "EPM Integration"),
    Person::new("svc-close", "Close Automation"),
    Person::new("planning_admin", "Planning Administrator"),
];

/// The person that `number` falls on.
pub(super) fn person(number: u64) -> Person {
    pick(&PEOPLE, number, PEOPLE[0])
}

/// Names that anyone guesses.
const GUESSED: [&str; 8] = [
    "admin",
    "administrator",
    "root",
    "test",
    "oracle",
    "epm_default_admin",
    "guest",
    "backup",
];

/// Names made to hurt whoever reads them later: formulas, quotes, line breaks, control characters, bidirectional overrides, markup.
const HOSTILE: [&str; 12] = [
    "=cmd|' /C calc'!A0",
    "+1+1@SUM(A1:A9)",
    "-2+3|cmd",
    "@HYPERLINK(\"http://192.0.2.66/\",\"x\")",
    "\"quoted\", \"twice\"",
    "two\nlines",
    "carriage\rreturn\tand tab",
    "\u{1b}[2J\u{1b}[31mred",
    "bell\u{7}and\u{0}nul",
    "\u{202e}nimda",
    "<script>alert(1)</script>",
    "🦀.ferris@example.com",
];

/// A name typed by somebody who has no account.
pub(super) fn stranger(number: u64, hostile: bool) -> &'static str {
    if hostile && number.is_multiple_of(3) {
        pick(&HOSTILE, number / 3, "admin")
    } else {
        pick(&GUESSED, number / 3, "admin")
    }
}

/// The address from which attempts on other people's accounts come.
pub(super) fn attacker(number: u64) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, pick(&[7, 66, 200], number, 7)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_login_is_a_different_one() {
        let mut logins: Vec<_> = PEOPLE.iter().map(|person| person.login).collect();
        logins.sort_unstable();
        logins.dedup();
        assert_eq!(logins.len(), PEOPLE.len());
    }

    #[test]
    fn addresses_belong_to_documentation_ranges() {
        for number in 0..1000 {
            let documentation = match person(number).address(number / 7) {
                IpAddr::V4(address) => matches!(address.octets(), [192, 0, 2, _] | [198, 51, 100, _]),
                IpAddr::V6(address) => address.segments()[..2] == [0x2001, 0xDB8],
            };
            assert!(documentation, "{number}");
        }
    }

    #[test]
    fn strangers_are_harmless_when_asked_to_be() {
        assert!((0..300).all(|number| !HOSTILE.contains(&stranger(number, false))));
        assert!(
            HOSTILE
                .iter()
                .all(|name| (0..300).any(|number| stranger(number, true) == *name))
        );
    }
}

//! The address of a client, out of what servers and proxies write in its place.
//!
//! | written | address | port |
//! |---|---|---|
//! | `198.51.100.7`, `2001:db8::1` | as it stands | |
//! | `198.51.100.7:51234`, `[2001:db8::1]:443`, `/198.51.100.7:51234` | without the rest | 51234, 443 |
//! | `203.0.113.5, 10.0.0.1`, as `X-Forwarded-For` lists who passed a request on | the first: the client | |
//! | `for="[2001:db8::1]:443";proto=https`, RFC 7239 | as above | 443 |
//! | `[2001:db8::1]`, `(203.0.113.5)`, ` 203.0.113.5. ` | without brackets, dot and blanks | |
//! | `fe80::1%eth0`, with a zone, RFC 4007 | without the zone | |
//! | `::ffff:203.0.113.5`, RFC 4291 section 2.5.5.2 | `203.0.113.5` | |
//!
//! `unknown`, `-`, masked addresses and names of hosts are no addresses, and so is a list that begins with one.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// The attribute that keeps a client's port.
pub const PORT: &str = "source_port";

/// A client's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client<'a> {
    /// An IPv4 or IPv6 address and nothing else.
    pub ip: Cow<'a, str>,
    /// The port, as it is written.
    pub port: Option<Cow<'a, str>>,
    /// True where the text says more than the address, or says it in another way.
    pub is_all: bool,
}

impl<'a> Client<'a> {
    /// The client that a text tells of; none where it begins with no address.
    #[inline]
    pub fn of(text: &'a str) -> Option<Client<'a>> {
        if is_ipv4(text) {
            return Some(Client {
                ip: text.into(),
                port: None,
                is_all: true,
            });
        }
        Client::within(text)
    }

    #[cold]
    fn within(text: &'a str) -> Option<Client<'a>> {
        // The first of a list. Nothing that may stand in an address separates the items of one.
        let first = text.trim_start_matches(is_trim).split([',', ';', '|']).next()?;
        let first = first.trim_matches(is_trim);
        let first = match first.split_at_checked(4) {
            Some((word, node)) if word.eq_ignore_ascii_case("for=") => node.trim_matches(is_trim),
            _ => first,
        };
        // Java writes a socket's address behind its host's name, if it knows that, and a slash.
        let first = first.rsplit_once('/').map_or(first, |(_, address)| address);
        let first = first.split_ascii_whitespace().next()?;
        let (address, port) = match first.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, "")) => (address, None),
            Some((address, rest)) => (address, Some(rest.strip_prefix(':')?)),
            None => {
                let first = first.trim_end_matches(is_trim).trim_matches(['(', ')', '<', '>']);
                match first.split_once(':') {
                    // An address of version 6 has two colons or more, and needs brackets to have a port.
                    Some((address, port)) if !port.contains(':') => (address, Some(port)),
                    _ => (first, None),
                }
            }
        };
        let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
        if port.is_some_and(|port| !is_port(port)) {
            return None;
        }
        let address = address.trim_end_matches(is_trim);
        let ip = if is_ipv4(address) {
            Cow::Borrowed(address)
        } else {
            let address = address.split_once('%').map_or(address, |(address, _)| address);
            let parsed: Ipv6Addr = Some(address).filter(|address| address.contains(':'))?.parse().ok()?;
            match parsed.to_ipv4_mapped() {
                Some(address) => address.to_string().into(),
                None => address.into(),
            }
        };
        let is_all = ip == text;
        let port = port.map(Cow::Borrowed);
        Some(Client { ip, port, is_all })
    }

    /// The client, with texts of its own where it is not all that was written.
    pub(crate) fn into_owned<'b>(self) -> Client<'b> {
        Client {
            ip: self.ip.into_owned().into(),
            port: self.port.map(|port| port.into_owned().into()),
            is_all: self.is_all,
        }
    }
}

/// Characters around an address that say nothing.
fn is_trim(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '.')
}

/// True where a text is an IPv4 or IPv6 address and nothing else.
pub fn is_address(text: &str) -> bool {
    is_ipv4(text) || text.contains(':') && text.parse::<Ipv6Addr>().is_ok()
}

#[inline(always)]
pub(crate) fn is_ipv4(text: &str) -> bool {
    let after = after_number(text.as_bytes())
        .and_then(after_dot)
        .and_then(after_dot)
        .and_then(after_dot);
    after.is_some_and(<[u8]>::is_empty)
}

#[inline(always)]
fn after_dot(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'.', number @ ..] => after_number(number),
        _ => None,
    }
}

/// The text behind the number up to 255, without leading zeros, that a text begins with.
#[inline(always)]
fn after_number(text: &[u8]) -> Option<&[u8]> {
    let digit = |at: usize| Some(u32::from(text.get(at)?.wrapping_sub(b'0'))).filter(|digit| *digit < 10);
    let length = match (digit(0)?, digit(1), digit(2)) {
        (0, _, _) | (_, None, _) => 1,
        (_, _, None) => 2,
        (hundreds, Some(tens), Some(ones)) if hundreds * 100 + tens * 10 + ones < 256 => 3,
        _ => return None,
    };
    text.get(length..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::IpAddr;

    #[test]
    fn the_client_is_found_in_whatever_is_written() {
        for (text, ip, port) in [
            ("198.51.100.7", "198.51.100.7", None),
            ("2001:db8::1", "2001:db8::1", None),
            ("2001:DB8::1", "2001:DB8::1", None),
            ("198.51.100.7:51234", "198.51.100.7", Some("51234")),
            ("[2001:db8::1]:443", "2001:db8::1", Some("443")),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[198.51.100.7]:80", "198.51.100.7", Some("80")),
            ("/198.51.100.7:51234", "198.51.100.7", Some("51234")),
            ("gate.example.com/198.51.100.7:51234", "198.51.100.7", Some("51234")),
            ("/[2001:db8::1]:443", "2001:db8::1", Some("443")),
            ("203.0.113.5, 10.0.0.1", "203.0.113.5", None),
            ("203.0.113.5,10.0.0.1, 10.0.0.2", "203.0.113.5", None),
            ("203.0.113.5 10.0.0.1", "203.0.113.5", None),
            ("203.0.113.5;10.0.0.1", "203.0.113.5", None),
            ("203.0.113.5:4711, 10.0.0.1:80", "203.0.113.5", Some("4711")),
            ("2001:db8::1, 10.0.0.1", "2001:db8::1", None),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60", None),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17", Some("4711")),
            ("(203.0.113.5)", "203.0.113.5", None),
            ("\"203.0.113.5\"", "203.0.113.5", None),
            (" 203.0.113.5. ", "203.0.113.5", None),
            ("203.0.113.5.", "203.0.113.5", None),
            ("fe80::1%eth0", "fe80::1", None),
            ("[fe80::1%25en0]:443", "fe80::1", Some("443")),
            ("::ffff:1.2.3.4", "1.2.3.4", None),
            ("::FFFF:0102:0304", "1.2.3.4", None),
            ("[::ffff:1.2.3.4]:443", "1.2.3.4", Some("443")),
        ] {
            let client = Client::of(text).map(|client| (client.ip, client.port, client.is_all));
            assert_eq!(client, Some((ip.into(), port.map(Cow::from), ip == text)), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in [
            "",
            " ",
            "-",
            "unknown",
            "unknown, 203.0.113.5",
            "-, 203.0.113.5",
            "10.xxx.xxx.x",
            "203.0.113",
            "203.0.113.256",
            "203.0.113.5:65536",
            "203.0.113.5:+80",
            "203.0.113.5:",
            "203.0.113.5:http",
            "gate.example.com",
            "gate.example.com:443",
            "[2001:db8::1",
            "[2001:db8::1]443",
            "2001:db8::g",
            "for=_hidden",
            "for=unknown",
        ] {
            assert_eq!(Client::of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_what_the_standard_library_takes_for_one(
            text in "[0-9]{1,3}(\\.[0-9]{1,4}){2,4}|(25[0-9]|[01]{0,3})(\\.[0-9]{0,3}){3}|[0-9a-f:.]{0,24}|\\PC{0,12}",
        ) {
            prop_assert_eq!(is_address(&text), text.parse::<IpAddr>().is_ok(), "{}", text);
        }

        #[test]
        fn every_address_is_one(address: IpAddr, port: Option<u16>) {
            let text = address.to_string();
            prop_assert!(is_address(&text));
            let written = match (address, port) {
                (_, None) => text.clone(),
                (IpAddr::V4(_), Some(port)) => format!("{text}:{port}"),
                (IpAddr::V6(_), Some(port)) => format!("[{text}]:{port}"),
            };
            let client = Client::of(&written).unwrap();
            prop_assert_eq!(client.ip.parse::<IpAddr>().unwrap(), address.to_canonical());
            prop_assert_eq!(client.port.map(Cow::into_owned), port.map(|port| port.to_string()));
        }

        #[test]
        fn a_client_has_an_address(text in "[0-9a-f:.,;/%\\[\\] -]{0,40}|\\PC{0,20}") {
            if let Some(client) = Client::of(&text) {
                prop_assert!(is_address(&client.ip), "{}", client.ip);
            }
        }
    }
}

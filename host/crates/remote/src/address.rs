//! The network addresses that a connection may reach.
//!
//! [`refused`] names what is special about an address; [`GuardedResolver`] drops such addresses from what the system's
//! resolver answers, so that the check holds for the address actually connected to, and a name whose address changes
//! between check and use gains nothing.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, c: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

/// The IANA special-purpose registry, as far as it is not globally reachable, and cloud metadata services.
const V4: &[(Ipv4Net, &str)] = &[
    (v4(169, 254, 169, 254, 32), "cloud metadata"),
    (v4(168, 63, 129, 16, 32), "cloud metadata"),
    (v4(100, 100, 100, 200, 32), "cloud metadata"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(100, 64, 0, 0, 10), "shared (carrier-grade NAT)"),
    (v4(0, 0, 0, 0, 8), "unspecified"),
    (v4(192, 0, 0, 0, 24), "reserved"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

const V6: &[(Ipv6Net, &str)] = &[
    (v6(0xfc00, 0, 0, 7), "private"),
    (v6(0xfe80, 0, 0, 10), "link-local"),
    (v6(0xfec0, 0, 0, 10), "site-local"),
    (v6(0xff00, 0, 0, 8), "multicast"),
    (v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (v6(0x3fff, 0, 0, 20), "documentation"),
    (v6(0x2001, 0, 0, 32), "tunnelled"),
    (v6(0x64, 0xff9b, 1, 48), "private"),
    (v6(0x100, 0, 0, 64), "discard"),
];

/// The kind of an address where a connection to the public internet has no business; none for all others.
pub(crate) fn refused(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => V4.iter().find(|(net, _)| net.contains(&address)).map(|(_, kind)| *kind),
        IpAddr::V6(address) if address.is_loopback() => Some("loopback"),
        IpAddr::V6(address) if address.is_unspecified() => Some("unspecified"),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => refused(IpAddr::V4(inner)),
            None => V6.iter().find(|(net, _)| net.contains(&address)).map(|(_, kind)| *kind),
        },
    }
}

/// The IPv4 address that a translating IPv6 address stands for: mapped, compatible, NAT64, 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let tail = (u32::from(g) << 16) | u32::from(h);
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => {
            Some(Ipv4Addr::from_bits(tail))
        }
        (0x2002, high, low, ..) => Some(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))),
        _ => None,
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A name all of whose addresses are refused.
#[derive(Debug, thiserror::Error)]
#[error("{host} leads to {address}, a {kind} address")]
pub(super) struct AddressRefused {
    pub(super) host: String,
    pub(super) address: IpAddr,
    pub(super) kind: &'static str,
}

/// A name that nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UnknownName(String);

impl UnknownName {
    /// Takes what the system's resolver says, if that is what it says. It tells so in words only.
    fn of(error: &std::io::Error) -> Option<UnknownName> {
        const WORDS: [&str; 5] = [
            "Name or service not known",
            "No address associated with",
            "Name does not resolve",
            "nodename nor servname",
            "No such host is known",
        ];
        let text = error.to_string();
        WORDS
            .iter()
            .any(|words| text.contains(words))
            .then_some(UnknownName(text))
    }
}

/// The system's resolver, minus the addresses that the connection may not reach.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    /// Names that may lead anywhere: the proxy that the operator chose.
    exempt: Arc<HashSet<String>>,
    allow_private: bool,
}

impl GuardedResolver {
    pub(super) fn new(allow_private: bool, exempt: HashSet<String>) -> Self {
        GuardedResolver {
            exempt: Arc::new(exempt),
            allow_private,
        }
    }

    fn admit(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, AddressRefused> {
        if self.allow_private || self.exempt.contains(host) {
            return Ok(found);
        }
        let mut worst = None;
        let mut admitted = Vec::with_capacity(found.len());
        for address in found {
            match refused(address.ip()) {
                None => admitted.push(address),
                Some(kind) => worst = worst.or(Some((address.ip(), kind))),
            }
        }
        match worst {
            Some((address, kind)) if admitted.is_empty() => Err(AddressRefused {
                host: host.to_owned(),
                address,
                kind,
            }),
            _ => Ok(admitted),
        }
    }

    /// The addresses of a name, or the one that it is, without those that may not be reached.
    pub(super) async fn lookup(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, BoxError> {
        let found: Vec<SocketAddr> = match tokio::net::lookup_host((host, port)).await {
            Ok(found) => found.collect(),
            Err(error) => {
                return Err(match UnknownName::of(&error) {
                    Some(unknown) => unknown.into(),
                    None => error.into(),
                });
            }
        };
        Ok(self.admit(host, found)?)
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let admitted: Addrs = Box::new(resolver.lookup(name.as_str(), 0).await?.into_iter());
            Ok(admitted)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_told_from_passing_trouble() {
        for (text, unknown) in [
            ("failed to lookup address information: Name or service not known", true),
            (
                "failed to lookup address information: nodename nor servname provided, or not known",
                true,
            ),
            ("No such host is known. (os error 11001)", true),
            (
                "failed to lookup address information: Temporary failure in name resolution",
                false,
            ),
            ("connection refused", false),
        ] {
            assert_eq!(
                UnknownName::of(&std::io::Error::other(text)).is_some(),
                unknown,
                "{text}"
            );
        }
    }

    #[test]
    fn special_addresses_are_named_in_every_spelling() {
        for (text, kind) in [
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::127.0.0.1", "loopback"),
            ("0.0.0.0", "unspecified"),
            ("::", "unspecified"),
            ("10.1.2.3", "private"),
            ("172.31.255.255", "private"),
            ("192.168.0.1", "private"),
            ("::ffff:10.0.0.1", "private"),
            ("64:ff9b::a00:1", "private"),
            ("64:ff9b:1::1", "private"),
            ("2002:a00:1::", "private"),
            ("169.254.169.254", "cloud metadata"),
            ("::ffff:169.254.169.254", "cloud metadata"),
            ("169.254.1.1", "link-local"),
            ("100.64.0.1", "shared (carrier-grade NAT)"),
            ("100.100.100.200", "cloud metadata"),
            ("fd00:ec2::254", "private"),
            ("fc00::1", "private"),
            ("fe80::1", "link-local"),
            ("ff02::1", "multicast"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("2001:0:1::", "tunnelled"),
        ] {
            assert_eq!(refused(text.parse().unwrap()), Some(kind), "{text}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for text in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "2606:4700::1",
            "64:ff9b::101:101",
        ] {
            assert_eq!(refused(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn of_mixed_answers_only_public_ones_remain() {
        let resolver = GuardedResolver::new(false, HashSet::new());
        let mixed = vec!["10.0.0.1:0".parse().unwrap(), "1.1.1.1:0".parse().unwrap()];
        assert_eq!(resolver.admit("h", mixed).unwrap(), vec!["1.1.1.1:0".parse().unwrap()]);
        let rebound = vec!["169.254.169.254:0".parse().unwrap()];
        assert_eq!(resolver.admit("h", rebound).unwrap_err().kind, "cloud metadata");
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused_unless_allowed() {
        let name = || "localhost".parse::<Name>().unwrap();
        let guarded = GuardedResolver::new(false, HashSet::new());
        assert!(guarded.resolve(name()).await.err().unwrap().is::<AddressRefused>());
        let open = GuardedResolver::new(true, HashSet::new());
        assert!(open.resolve(name()).await.unwrap().next().is_some());
        let proxied = GuardedResolver::new(false, HashSet::from(["localhost".to_owned()]));
        assert!(proxied.resolve(name()).await.unwrap().next().is_some());
    }
}

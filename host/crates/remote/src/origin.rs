//! The place to which a credential may go: [`Origin`], and [`BaseUrl`], which pins every URL to one.
//!
//! A server hands out links (`Job Status`, `Download link`, `Location`, `Link`). [`BaseUrl::resolve`] turns one into a
//! URL only if it stays on the base URL's origin (RFC 6454: scheme, host, port) and carries no user information.
//!
//! ```
//! use remote::BaseUrl;
//!
//! let base = BaseUrl::parse("https://epm.example.com/gateway").unwrap();
//! assert!(base.resolve(" https://epm.example.com/interop/rest/jobs/7").is_ok());
//! assert!(base.resolve("https://epm.example.com@evil.example/").is_err());
//! ```

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::error::RemoteError;
use super::sign_in;
use base::visible;

/// The first segments of the paths of EPM Cloud's pages and interfaces, and of an identity domain's.
const PAGES: [&str; 14] = [
    "HyperionPlanning",
    "epmcloud",
    "workspace",
    "interop",
    "aif",
    "calcmgr",
    "epm",
    "raframework",
    "ui",
    "admin",
    "oauth2",
    "fed",
    "sso",
    "login",
];

/// Bytes of a link that a server hands out: servers themselves take URLs of 8 KiB, few of more.
pub const LINK_BYTES: usize = 16 * 1024;

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of an `http` or `https` URL; other URLs have none.
    pub fn of(url: &Url) -> Option<Origin> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        Some(Origin {
            scheme: url.scheme().to_owned(),
            host: url.host()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    /// The host, with the port where it is not the scheme's own.
    pub fn authority(&self) -> String {
        match (self.scheme.as_str(), self.port) {
            ("http", 80) | ("https", 443) => self.host.to_string(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// The address, where the host is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address)),
            Host::Domain(_) => None,
        }
    }

    /// True if the host is this machine by definition: RFC 6761 section 6.3, or a loopback address.
    pub(super) fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name == "localhost" || name.ends_with(".localhost")
            }
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => {
                address.is_loopback() || address.to_ipv4_mapped().is_some_and(|inner| inner.is_loopback())
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

/// The URL that a connection is configured with; its path, if any, is a prefix of every path that a plugin names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    written: Url,
    origin: Origin,
}

impl BaseUrl {
    /// Reads what the user typed.
    pub fn parse(text: &str) -> Result<BaseUrl, RemoteError> {
        let text = text.trim();
        let url = Url::parse(text).map_err(|error| {
            let message = format!("{} is not a URL: {error}", quoted(text));
            match error {
                url::ParseError::RelativeUrlWithoutBase => {
                    RemoteError::settings_hint(message, format!("write https://{text}"))
                }
                _ => RemoteError::settings(message),
            }
        })?;
        if text.contains('\\') {
            return Err(RemoteError::settings(format!("{} contains a backslash", quoted(text))));
        }
        BaseUrl::new(url)
    }

    /// Takes a URL that has a host and nothing but a host, a port and a path.
    pub fn new(mut url: Url) -> Result<BaseUrl, RemoteError> {
        let Some(origin) = Origin::of(&url) else {
            return Err(RemoteError::settings_hint(
                format!("{}: URLs are not supported here", url.scheme()),
                "give a URL that starts with https://",
            ));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RemoteError::settings_hint(
                format!("the URL of {origin} contains user information"),
                "leave it out of the URL and configure `auth`",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(RemoteError::settings_hint(
                format!("the URL of {origin} contains a query or a fragment"),
                "give the base address only",
            ));
        }
        let written = url.clone();
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(BaseUrl { url, written, origin })
    }

    /// The URL; its path ends in a slash.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The URL as it was written: for requests to itself, which a slash more could lead elsewhere.
    pub fn itself(&self) -> &Url {
        &self.written
    }

    /// The origin to which credentials may go.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The address that is probably meant, where the path leads to a page or an interface of a known server: Oracle's
    /// environments and identity domains are configured with what stands before.
    pub(super) fn advised(&self) -> Option<String> {
        let segments: Vec<&str> = self
            .url
            .path_segments()?
            .filter(|segment| !segment.is_empty())
            .collect();
        let known = |segment: &&str| PAGES.iter().any(|page| segment.eq_ignore_ascii_case(page));
        let at = segments.iter().position(known)?;
        let mut advised = self.origin.to_string();
        for segment in segments.iter().take(at) {
            advised.push('/');
            advised.push_str(segment);
        }
        Some(advised)
    }

    /// The target of a redirect found at a URL, without path and query, if that is a place to sign in.
    pub(super) fn sign_in_place(&self, found_at: &Url, location: &str) -> Option<String> {
        let target = found_at.join(location.trim()).ok()?;
        let origin = Origin::of(&target)?;
        sign_in::is_place(&target, origin != self.origin).then(|| origin.to_string())
    }

    /// A URL below the base, each segment percent-encoded; no segments give the base as it was written.
    pub fn join<S: AsRef<str>>(&self, segments: impl IntoIterator<Item = S>) -> Result<Url, RemoteError> {
        let mut url = self.url.clone();
        let mut any = false;
        {
            let mut path = url
                .path_segments_mut()
                .map_err(|()| RemoteError::settings("the base URL has no path"))?;
            path.pop_if_empty();
            for segment in segments {
                let segment = segment.as_ref();
                // The URL library drops dot segments without a word, and with them the meaning of the path.
                if segment.is_empty() || segment == "." || segment == ".." || segment.contains(char::is_control) {
                    return Err(RemoteError::settings(format!(
                        "{} is not a path segment",
                        quoted(segment)
                    )));
                }
                path.push(segment);
                any = true;
            }
        }
        Ok(if any { url } else { self.written.clone() })
    }

    /// A link that the server handed out, if it stays on the origin. White space around it is ignored.
    pub fn resolve(&self, link: &str) -> Result<Url, RemoteError> {
        self.resolve_from(&self.url, link)
    }

    /// Like [`BaseUrl::resolve`], relative to the URL that the link was found at.
    pub(super) fn resolve_from(&self, found_at: &Url, link: &str) -> Result<Url, RemoteError> {
        let link = link.trim();
        if link.is_empty() {
            return Err(RemoteError::Malformed {
                reason: "a link is empty".into(),
            });
        }
        if link.len() > LINK_BYTES {
            return Err(RemoteError::Malformed {
                reason: format!(
                    "a link has {} bytes, more than the {LINK_BYTES} that one may have",
                    link.len()
                ),
            });
        }
        // Readers of URLs disagree about these; whoever sends them wants to be misread.
        if link.contains(|c: char| c == '\\' || c.is_control()) {
            return Err(self.escape("a URL with a backslash or a control character"));
        }
        let mut url = found_at.join(link).map_err(|error| RemoteError::Malformed {
            reason: format!("a link is not a URL: {error}"),
        })?;
        url.set_fragment(None);
        self.check(&url)?;
        Ok(url)
    }

    /// Checks that a URL is on the origin and free of user information.
    pub(super) fn check(&self, url: &Url) -> Result<(), RemoteError> {
        match Origin::of(url) {
            None => Err(self.escape(&format!("a {}: URL", url.scheme()))),
            Some(_) if !url.username().is_empty() || url.password().is_some() => {
                Err(self.escape("a URL with user information"))
            }
            Some(origin) if origin != self.origin => Err(self.escape(&origin.to_string())),
            Some(_) => Ok(()),
        }
    }

    fn escape(&self, link: &str) -> RemoteError {
        RemoteError::OriginEscape {
            link: link.to_owned(),
            origin: self.origin.to_string(),
        }
    }
}

fn quoted(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    let shown = visible::shown(&shown);
    // What follows an at sign's left side may be a password.
    match shown.rsplit_once('@') {
        Some((_, rest)) => format!("`…@{rest}`"),
        None => format!("`{shown}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> BaseUrl {
        BaseUrl::parse("https://epm.example.com").unwrap()
    }

    #[test]
    fn links_on_the_origin_resolve_in_every_spelling() {
        for (link, resolved) in [
            ("https://epm.example.com/jobs/1", "https://epm.example.com/jobs/1"),
            (" https://epm.example.com/jobs/1", "https://epm.example.com/jobs/1"),
            ("\n https://epm.example.com/jobs/1 \t", "https://epm.example.com/jobs/1"),
            ("HTTPS://EPM.Example.COM/jobs/1", "https://epm.example.com/jobs/1"),
            ("https://epm.example.com:443/jobs/1", "https://epm.example.com/jobs/1"),
            ("/jobs/1?x=y#frag", "https://epm.example.com/jobs/1?x=y"),
            ("jobs/1", "https://epm.example.com/jobs/1"),
            ("//epm.example.com/jobs/1", "https://epm.example.com/jobs/1"),
            ("/a/../b", "https://epm.example.com/b"),
            ("/x@evil.example/", "https://epm.example.com/x@evil.example/"),
        ] {
            assert_eq!(base().resolve(link).unwrap().as_str(), resolved, "{link}");
        }
    }

    #[test]
    fn links_elsewhere_escape() {
        for link in [
            "https://evil.example/jobs/1",
            "//evil.example/jobs/1",
            "///evil.example/jobs/1",
            "http://epm.example.com/jobs/1",
            "https://epm.example.com:8443/jobs/1",
            "https://epm.example.com:80/jobs/1",
            "https://epm.example.com@evil.example/",
            "https://epm.example.com:443@evil.example/",
            "https://user:pass@epm.example.com/jobs/1",
            "https://user@epm.example.com/jobs/1",
            "https://:pass@epm.example.com/jobs/1",
            "https://epm.example.com%40evil.example/",
            "https://evil.example#@epm.example.com/",
            "https://evil.example?@epm.example.com/",
            "https:\\\\evil.example\\",
            "/\\evil.example/",
            "https://evil.example\\@epm.example.com/",
            "https://epm.example.com.evil.example/",
            "https://epm.example.com./jobs/1",
            "https://epm.exаmple.com/jobs/1",
            "https://epm.example。com.evil.example/",
            "https://epm.example.com/a\r\nHost: evil.example",
            "ht\ntps://evil.example/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/plain,x",
            "ftp://epm.example.com/",
            "",
            "   ",
        ] {
            assert!(base().resolve(link).is_err(), "{link:?}");
        }
    }

    #[test]
    fn a_link_of_any_length_is_not_followed() {
        let link = |length: usize| format!("/{}", "x".repeat(length - 1));
        assert!(base().resolve(&link(LINK_BYTES)).is_ok());
        let error = base().resolve(&link(LINK_BYTES + 1)).unwrap_err().to_string();
        assert!(error.contains("16385 bytes") && error.len() < 200, "{error}");
    }

    #[test]
    fn relative_links_start_at_a_base_with_a_path() {
        let base = BaseUrl::parse("https://gw.example.com:8443/epm/").unwrap();
        assert_eq!(
            base.resolve("jobs/1").unwrap().as_str(),
            "https://gw.example.com:8443/epm/jobs/1"
        );
        assert_eq!(
            base.resolve("/epm/jobs/1").unwrap().as_str(),
            "https://gw.example.com:8443/epm/jobs/1"
        );
        assert_eq!(
            base.join(["a", "b c"]).unwrap().as_str(),
            "https://gw.example.com:8443/epm/a/b%20c"
        );
        assert_eq!(
            base.join::<&str>([]).unwrap().as_str(),
            "https://gw.example.com:8443/epm/"
        );
    }

    #[test]
    fn a_request_to_the_base_itself_goes_where_it_was_written_to_go() {
        for text in [
            "https://hooks.example.com/services/T0/x",
            "https://hooks.example.com/services/T0/x/",
        ] {
            let base = BaseUrl::parse(text).unwrap();
            assert_eq!(base.join::<&str>([]).unwrap().as_str(), text);
            assert_eq!(base.itself().as_str(), text);
            assert_eq!(base.join(["y"]).unwrap().path(), "/services/T0/x/y");
        }
    }

    #[test]
    fn a_segment_stays_one_segment() {
        for (segment, path) in [
            ("inbox\\a b.csv", "/inbox%5Ca%20b.csv"),
            ("a/b", "/a%2Fb"),
            ("100%", "/100%25"),
            ("q?x#y", "/q%3Fx%23y"),
            ("%2e%2e", "/%252e%252e"),
        ] {
            assert_eq!(base().join([segment]).unwrap().path(), path, "{segment}");
        }
        for segment in ["", ".", "..", "a\tb", "a\nb"] {
            assert!(base().join([segment]).is_err(), "{segment:?}");
        }
    }

    #[test]
    fn base_urls_that_cannot_be_meant_are_refused() {
        for text in [
            "epm.example.com",
            "",
            "https://",
            "ftp://epm.example.com",
            "https://user:secret@epm.example.com",
            "https://epm.example.com/?a=b",
            "https://epm.example.com/#x",
            "https:\\\\epm.example.com",
        ] {
            let error = BaseUrl::parse(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{text}");
        }
        assert_eq!(
            BaseUrl::parse("  HTTPS://EPM.example.com ").unwrap().url().as_str(),
            "https://epm.example.com/"
        );
    }

    #[test]
    fn this_machine_is_recognised() {
        for (text, loopback) in [
            ("http://localhost:80", true),
            ("http://LOCALHOST.", true),
            ("http://x.localhost", true),
            ("http://127.0.0.1", true),
            ("http://127.9.9.9", true),
            ("http://2130706433", true),
            ("http://0x7f.1", true),
            ("http://[::1]", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://localhost.example.com", false),
            ("http://notlocalhost", false),
            ("http://0.0.0.0", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().origin().is_loopback(), loopback, "{text}");
        }
    }
}

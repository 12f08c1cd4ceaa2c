//! The address of a database: `postgres://USER@HOST:PORT/DATABASE`.

use std::net::IpAddr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

/// The port where none is given.
const PORT: u16 = 5432;

/// The address of a database, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) database: String,
}

/// The place where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// A name or an address.
    Network(String),
    /// The folder of a Unix socket.
    Socket(PathBuf),
}

impl PostgresUrl {
    /// Takes a URL with a user and without a password. A host that begins with `%2F` is the folder of a Unix socket;
    /// without a database it is the one named like the user.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without quoting it: it may hold a password.
    pub fn parse(text: &str) -> Result<PostgresUrl, &'static str> {
        let url: Url = text.parse().map_err(|_| "the url is not a URL")?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err("the url does not begin with postgres://");
        }
        if url.password().is_some() {
            return Err("the url contains a password; give `password` beside it");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("the url has parameters; set them as keys of the sink instead");
        }
        let decode = |text: &str| -> Result<String, &'static str> {
            let decoded = percent_decode_str(text).decode_utf8();
            let decoded = decoded.map_err(|_| "the url is not UTF-8")?;
            match decoded.contains('\0') {
                true => Err("the url has a NUL character"),
                false => Ok(decoded.into_owned()),
            }
        };
        let user = decode(url.username())?;
        if user.is_empty() {
            return Err("the url names no user: postgres://USER@HOST/DATABASE");
        }
        let host = decode(url.host_str().unwrap_or_default())?;
        let host = match host.as_str() {
            "" => return Err("the url has no host"),
            path if path.starts_with('/') => Host::Socket(path.into()),
            name => Host::Network(name.trim_matches(['[', ']']).to_owned()),
        };
        let database = decode(url.path().trim_start_matches('/'))?;
        if database.contains('/') {
            return Err("the url has more than a database in its path");
        }
        Ok(PostgresUrl {
            host,
            port: url.port().unwrap_or(PORT),
            database: if database.is_empty() { user.clone() } else { database },
            user,
        })
    }

    /// True if the URL leads to this machine.
    pub fn is_local(&self) -> bool {
        match &self.host {
            Host::Socket(_) => true,
            Host::Network(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

impl std::fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Host::Socket(path) => write!(f, "{} at {}", self.database, path.display()),
            Host::Network(name) => write!(f, "{} at {name}:{}", self.database, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_user_a_host_and_a_database() {
        let url = PostgresUrl::parse("postgres://audit@db.example.com:6432/siem").unwrap();
        assert_eq!(url.to_string(), "siem at db.example.com:6432");
        assert_eq!((url.user.as_str(), url.is_local()), ("audit", false));

        let url = PostgresUrl::parse("postgresql://a%20b@[::1]").unwrap();
        assert_eq!(
            (url.user.as_str(), url.database.as_str(), url.port),
            ("a b", "a b", 5432)
        );
        assert!(url.is_local());

        let url = PostgresUrl::parse("postgres://audit@%2Fvar%2Frun%2Fpostgresql/siem").unwrap();
        assert_eq!(url.host, Host::Socket("/var/run/postgresql".into()));
        assert!(url.is_local());
    }

    #[test]
    fn what_is_more_or_less_than_an_address_is_refused() {
        for url in [
            "audit@db/siem",
            "http://audit@db/siem",
            "postgres://audit:secret@db/siem",
            "postgres://db/siem",
            "postgres://audit@/siem",
            "postgres://audit@db/siem?password=secret",
            "postgres://audit@db/siem/x",
            "postgres://audit@db/si%00em",
            "postgres://%ff@db/siem",
        ] {
            let problem = PostgresUrl::parse(url).unwrap_err();
            assert!(!problem.contains("secret"), "{url}");
        }
    }
}

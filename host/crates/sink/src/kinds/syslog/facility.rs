//! The facilities of RFC 5424 section 6.2.1.

use serde::{Deserialize, Serialize};

/// The kind of system that a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Facility {
    Kern,
    User,
    Mail,
    Daemon,
    Auth,
    Syslog,
    Lpr,
    News,
    Uucp,
    Cron,
    /// Security and authorization.
    #[default]
    Authpriv,
    Ftp,
    Ntp,
    /// Log audit.
    Audit,
    /// Log alert.
    Alert,
    Clock,
    Local0,
    Local1,
    Local2,
    Local3,
    Local4,
    Local5,
    Local6,
    Local7,
}

impl Facility {
    /// The numerical code: the place in the RFC's table.
    pub fn code(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_codes_of_the_rfc() {
        for (name, code) in [
            ("kern", 0),
            ("user", 1),
            ("daemon", 3),
            ("auth", 4),
            ("authpriv", 10),
            ("audit", 13),
            ("alert", 14),
            ("clock", 15),
            ("local0", 16),
            ("local7", 23),
        ] {
            let facility: Facility = serde_json::from_value(name.into()).unwrap();
            assert_eq!(facility.code(), code, "{name}");
        }
        assert_eq!(Facility::default(), Facility::Authpriv);
    }
}

//! The subject of a NATS account to which events are published.

use std::str::FromStr;

use crate::template::{TemplatePiece, distinct, pieces};
use event::Provenance;

/// The longest value of a placeholder, in bytes.
const VALUE_BYTES: usize = 64;

/// A subject in which `{report}` and `{connection}` stand for one token each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectTemplate(String);

/// The reason why a text is no subject to publish to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the subject {subject:?} {problem}")]
pub struct BadSubject {
    subject: String,
    problem: &'static str,
}

impl SubjectTemplate {
    /// The subject of a run's events: of a placeholder's value only letters and digits of ASCII, `-` and `_` remain, and
    /// where that changes it a digest stands behind it.
    pub(super) fn expand(&self, provenance: &Provenance) -> String {
        pieces(&self.0)
            .map(|piece| match piece {
                TemplatePiece::Text(text) => text.to_owned(),
                TemplatePiece::Placeholder("report") => token(&provenance.report),
                TemplatePiece::Placeholder(_) => token(&provenance.connection),
            })
            .collect()
    }

    /// The subject that a stream must listen to for the subjects of every report and connection.
    pub(super) fn wildcard(&self) -> String {
        let tokens = self
            .0
            .split('.')
            .map(|token| if token.contains('{') { "*" } else { token });
        tokens.collect::<Vec<_>>().join(".")
    }
}

impl Default for SubjectTemplate {
    fn default() -> Self {
        SubjectTemplate("audit.{report}.{connection}".into())
    }
}

impl FromStr for SubjectTemplate {
    type Err = BadSubject;

    fn from_str(subject: &str) -> Result<Self, BadSubject> {
        let refuse = |problem| {
            Err(BadSubject {
                subject: subject.to_owned(),
                problem,
            })
        };
        let known = |piece: TemplatePiece<'_>| match piece {
            TemplatePiece::Text(text) => !text.contains('}'),
            TemplatePiece::Placeholder(name) => matches!(name, "report" | "connection"),
        };
        if !pieces(subject).all(known) {
            return refuse("has a placeholder that is neither {report} nor {connection}");
        }
        if subject.split('.').any(str::is_empty) {
            return refuse("has an empty token");
        }
        if subject.contains(|c: char| c.is_whitespace() || c.is_control() || c == '*' || c == '>') {
            return refuse("has a wildcard or a space");
        }
        if subject.starts_with('$') || subject.starts_with("_INBOX") {
            return refuse("belongs to the server");
        }
        Ok(SubjectTemplate(subject.to_owned()))
    }
}

fn token(value: &str) -> String {
    distinct(value, VALUE_BYTES, |_, c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use event::Product;

    fn expand(template: &str, report: &str, connection: &str) -> String {
        let provenance = Provenance::new(report, connection, "epm.example.com", Product::epm_cloud());
        template.parse::<SubjectTemplate>().unwrap().expand(&provenance)
    }

    #[test]
    fn placeholders_become_one_token_each() {
        let template = SubjectTemplate::default().0;
        assert_eq!(expand(&template, "user-login", "epm"), "audit.user-login.epm");
        assert_eq!(expand("plain", "r", "c"), "plain");
        for (value, start) in [("a.b", "a_b-"), ("*", "_-"), ("> x", "__x-"), ("", "_-")] {
            let subject = expand(&template, value, "epm");
            assert!(subject.starts_with(&format!("audit.{start}")), "{subject}");
        }
    }

    #[test]
    fn names_that_differ_have_subjects_of_their_own() {
        let names = ["a.b", "a_b", "a b", "*", "_", "", "m\u{fc}ller", "m_ller"];
        let subjects: std::collections::BTreeSet<_> = names
            .iter()
            .map(|name| expand("audit.{connection}", "r", name))
            .collect();
        assert_eq!(subjects.len(), names.len(), "{subjects:?}");
        for name in ["a_b", "_", "m_ller", "user-login"] {
            assert_eq!(expand("audit.{connection}", "r", name), format!("audit.{name}"));
        }
    }

    #[test]
    fn a_stream_listens_to_every_report_and_connection() {
        assert_eq!(SubjectTemplate::default().wildcard(), "audit.*.*");
        let partly: SubjectTemplate = "audit-{report}.x.epm".parse().unwrap();
        assert_eq!(partly.wildcard(), "*.x.epm");
    }

    #[test]
    fn what_is_no_subject_is_refused() {
        for (subject, problem) in [
            ("", "has an empty token"),
            ("audit..x", "has an empty token"),
            ("audit.", "has an empty token"),
            ("audit.*", "has a wildcard or a space"),
            ("audit.>", "has a wildcard or a space"),
            ("audit x", "has a wildcard or a space"),
            ("$JS.API.STREAM.DELETE.x", "belongs to the server"),
            (
                "audit.{date}",
                "has a placeholder that is neither {report} nor {connection}",
            ),
            (
                "audit.{report",
                "has a placeholder that is neither {report} nor {connection}",
            ),
        ] {
            assert_eq!(
                subject.parse::<SubjectTemplate>().unwrap_err().problem,
                problem,
                "{subject}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_value_adds_a_token(report in any::<String>(), connection in any::<String>()) {
            let subject = expand("audit.{report}.{connection}", &report, &connection);
            let tokens: Vec<_> = subject.split('.').collect();
            prop_assert_eq!(tokens.len(), 3);
            let safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            prop_assert!(tokens.iter().all(|token| !token.is_empty() && token.chars().all(safe)));
        }
    }
}

//! Pieces of a document that are kept and told besides its events: rejected rows, the lines before them, and what a plugin says of both.

use std::borrow::Cow;

use super::PluginError;
use super::bindings::ConnectionKind;
use event::Reject;

/// The way in which pieces of a report's documents are kept and told. Audit records of OCI show tokens and keys of others, whatever
/// plugin reads them, so these are [masked](secret_mask) there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// Byte by byte.
    AsItCame,
    /// With masks in the place of secrets.
    Masked,
}

impl Quoting {
    /// The way for a report of that kind of server.
    pub fn of(kind: ConnectionKind) -> Quoting {
        match kind {
            ConnectionKind::Oci => Quoting::Masked,
            ConnectionKind::Epm | ConnectionKind::IdentityDomain | ConnectionKind::Http => Quoting::AsItCame,
        }
    }

    /// A piece of a document.
    pub fn bytes(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Quoting::AsItCame => bytes.into(),
            Quoting::Masked => secret_mask::document_bytes(bytes),
        }
    }

    /// Lines of a document, each of which is a record by itself and keeps its end.
    pub fn lines(self, lines: &[u8]) -> Vec<u8> {
        let mut told = Vec::with_capacity(lines.len());
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let (record, end) = line.split_at(line.trim_ascii_end().len());
            told.extend_from_slice(&self.bytes(record));
            told.extend_from_slice(end);
        }
        told
    }

    /// A text that speaks of a document, and may quote a piece of it.
    pub fn text(self, text: &str) -> Cow<'_, str> {
        match self {
            Quoting::AsItCame => text.into(),
            Quoting::Masked => secret_mask::document(text),
        }
    }

    /// A rejected row as a plugin tells it.
    pub fn reject(self, reject: &Reject) -> Reject {
        Reject {
            line: reject.line,
            reason: self.text(&reject.reason).into_owned(),
            raw: self.text(&reject.raw).into_owned(),
        }
    }

    /// The failure of a plugin with a document.
    pub fn error(self, mut error: PluginError) -> PluginError {
        match &mut error {
            PluginError::Fault(fault) => {
                fault.message = self.text(&fault.message).into_owned();
                fault.hint = fault.hint.as_deref().map(|hint| self.text(hint).into_owned());
                fault.code = fault.code.as_deref().map(|code| self.text(code).into_owned());
            }
            PluginError::Rule { reason, .. } | PluginError::InvalidValue { reason, .. } => {
                *reason = self.text(reason).into_owned();
            }
            _ => {}
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, FaultKind};

    const RECORD: &str = r#"{"\u0041uthorization":["hunter2"],"n":1}"#;

    #[test]
    fn what_a_plugin_of_oci_says_of_a_document_shows_no_secret() {
        let fault = PluginError::Fault(Fault {
            kind: FaultKind::MalformedDocument,
            message: format!("cannot read {RECORD}"),
            hint: Some(RECORD.to_owned()),
            code: Some("token=hunter2".to_owned()),
        });
        let rule = PluginError::Rule {
            label: "p".to_owned(),
            call: "push",
            reason: format!("{RECORD:?} is none"),
        };
        for error in [fault, rule] {
            let said = format!("{:?}", Quoting::of(ConnectionKind::Oci).error(error.clone()));
            assert!(!said.contains("hunter2") && said.contains("***"), "{said}");
            for kind in [
                ConnectionKind::Epm,
                ConnectionKind::IdentityDomain,
                ConnectionKind::Http,
            ] {
                let said = format!("{:?}", Quoting::of(kind).error(error.clone()));
                assert!(said.contains("hunter2"), "{said}");
            }
        }
    }

    #[test]
    fn lines_are_masked_each_by_itself_and_keep_their_ends() {
        let lines = format!("{RECORD}\r\n\n{{\"password\":\"hunter2\nplain\n{RECORD}");
        let masked = r#"{"\u0041uthorization":"***","n":1}"#;
        let expected = format!("{masked}\r\n\n{{\"password\":\"***\"\nplain\n{masked}");
        let told = Quoting::Masked.lines(lines.as_bytes());
        assert_eq!(String::from_utf8(told).unwrap(), expected);
        assert_eq!(Quoting::AsItCame.lines(lines.as_bytes()), lines.as_bytes());
    }
}

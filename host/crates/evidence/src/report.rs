//! The findings of a check of evidence.

use serde::Serialize;

/// The most findings that are told one by one.
const MOST: usize = 10_000;

/// The digests of a chain that somebody noted elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The digest of the line before the first one, where what was before is no longer kept.
    pub after: Option<String>,
    /// The digest of a line that must be there.
    pub has: Option<String>,
}

/// The kind of a finding: in which way something is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A document that a line names is not there.
    Missing,
    /// A document is not what its line says, or a line is no line.
    Altered,
    /// A file is there that no line names.
    Extra,
    /// A line does not follow the one before it: one was changed, removed, moved or put in.
    Broken,
    /// Two lines follow the same line.
    Forked,
    /// Two lines name the same document.
    Repeated,
    /// A process ended before the document had its line; the next run gives it one.
    Unfinished,
    /// A line with a digest that was noted elsewhere is not there.
    Lost,
}

impl FindingKind {
    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            FindingKind::Missing => "missing",
            FindingKind::Altered => "altered",
            FindingKind::Extra => "extra",
            FindingKind::Broken => "broken",
            FindingKind::Forked => "forked",
            FindingKind::Repeated => "repeated",
            FindingKind::Unfinished => "unfinished",
            FindingKind::Lost => "lost",
        }
    }
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceFinding {
    /// The kind of the finding.
    pub kind: FindingKind,
    /// The document or manifest.
    pub file: String,
    /// The line of the manifest, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The sentence for people.
    pub message: String,
}

/// The result of a check of evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EvidenceReport {
    /// The lines of all manifests.
    pub lines: u64,
    /// The documents that are what their lines say.
    pub documents: u64,
    /// Documents that a process is at work on now.
    pub under_way: u64,
    /// The digest of the last line; of a bucket, that of each stream's. To be noted elsewhere.
    pub last: Vec<LastDigest>,
    /// The first 10,000 findings.
    pub findings: Vec<EvidenceFinding>,
    /// The number of all findings.
    pub found: u64,
}

/// The digest of the last line of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastDigest {
    /// The manifest or object that the line stands in.
    pub file: String,
    /// The digest.
    pub sha256: String,
}

impl EvidenceReport {
    /// True where everything is as it was written.
    pub fn is_whole(&self) -> bool {
        self.found == 0
    }

    /// Notes something that is not as it was written.
    pub(crate) fn find(&mut self, kind: FindingKind, file: &str, line: Option<u64>, message: impl Into<String>) {
        self.found += 1;
        if self.findings.len() < MOST {
            self.findings.push(EvidenceFinding {
                kind,
                file: file.to_owned(),
                line,
                message: message.into(),
            });
        }
    }
}

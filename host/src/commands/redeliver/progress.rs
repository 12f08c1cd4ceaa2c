//! The progress of a redelivery, kept in the ledger: a document for each file, so that it changes little with each batch.

use std::collections::BTreeMap;

use ::ledger::{Claim, Ledger as _, LedgerError, Revision, SqliteLedger};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{CliError, Exit};

/// The form of a document.
const FORM: u32 = 1;

/// The progress of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileProgress {
    form: u32,
    /// The file's name.
    pub file: String,
    /// The file's size when it was opened.
    pub size: u64,
    /// The mark of its content then.
    pub version: String,
    /// Records from its beginning that are answered for: delivered, set aside, or passed over as asked.
    pub records: u64,
    /// The SHA-256 of these records.
    pub sha256: String,
    /// Records among them that were left out because they cannot be read.
    #[serde(default)]
    pub left_out: u64,
    /// True once all of its records are.
    pub done: bool,
}

impl FileProgress {
    /// The progress of a file of that name, size and mark, of which nothing is answered for.
    pub fn new(file: &str, size: u64, version: &str) -> FileProgress {
        FileProgress {
            form: FORM,
            file: file.to_owned(),
            size,
            version: version.to_owned(),
            records: 0,
            sha256: String::new(),
            left_out: 0,
            done: false,
        }
    }
}

/// The progress of a redelivery, for one process at a time.
pub struct RedeliveryProgress {
    ledger: SqliteLedger,
    key: String,
    files: BTreeMap<String, (FileProgress, Revision)>,
    _claim: Claim,
}

/// The name of a redelivery: what it reads, where it delivers to, and which events it chooses.
pub fn name_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    base::hex(hash.finalize().get(..16).unwrap_or_default())
}

impl RedeliveryProgress {
    /// Takes a redelivery up where it was, or begins anew.
    pub async fn open(ledger: SqliteLedger, name: &str, restart: bool) -> Result<RedeliveryProgress, CliError> {
        let key = format!("redeliver.{name}");
        let claim = ledger.claim(&key).await.map_err(|error| match error {
            LedgerError::Claimed { holder, .. } => {
                let by = holder.map_or(String::new(), |holder| format!(" ({holder})"));
                let message = format!("the same redelivery is active in another process{by}. This one did nothing.");
                CliError::new(Exit::Busy, message)
                    .hint("wait until it is done; the same command then goes on where it was")
            }
            error => error.into(),
        })?;
        let mut files = BTreeMap::new();
        for document in ledger.list(&format!("{key}.")).await? {
            if restart {
                ledger.remove(&document.key, document.revision).await?;
                continue;
            }
            let progress: FileProgress = match serde_json::from_slice(&document.body) {
                Ok(progress @ FileProgress { form: FORM, .. }) => progress,
                _ => {
                    let message = format!(
                        "the ledger's entry {} cannot be used: another version wrote it",
                        document.key
                    );
                    return Err(CliError::usage(message).hint("--restart delivers everything anew, under the same ids"));
                }
            };
            files.insert(progress.file.clone(), (progress, document.revision));
        }
        Ok(RedeliveryProgress {
            ledger,
            key,
            files,
            _claim: claim,
        })
    }

    /// The progress of a file.
    pub fn of(&self, file: &str) -> Option<&FileProgress> {
        self.files.get(file).map(|(progress, _)| progress)
    }

    /// Makes the progress of a file durable.
    pub async fn save(&mut self, progress: FileProgress) -> Result<(), CliError> {
        let known = self.files.get(&progress.file);
        if known.is_some_and(|(known, _)| *known == progress) {
            return Ok(());
        }
        let expected = known.map(|(_, revision)| *revision);
        let key = format!("{}.{}", self.key, name_of(&[&progress.file]));
        let body = serde_json::to_vec(&progress).map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
        let swapped = self.ledger.swap(&key, expected, body.into()).await;
        // Events are delivered already: this is no question of how the command was typed.
        let revision = swapped.map_err(|error| CliError {
            exit: Exit::Internal,
            ..error.into()
        })?;
        self.files.insert(progress.file.clone(), (progress, revision));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn progress_outlives_the_process_and_is_of_one_redelivery() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &'static str, restart| {
            let ledger = SqliteLedger::open(folder.path().join("ledger.db")).unwrap();
            RedeliveryProgress::open(ledger, name, restart)
        };
        let mut progress = FileProgress::new("a.ndjson", 7, "1");
        {
            let mut first = open("a1", false).await.unwrap();
            first.save(progress.clone()).await.unwrap();
            progress.records = 3;
            first.save(progress.clone()).await.unwrap();
            let busy = open("a1", false).await.err().unwrap();
            assert_eq!(busy.exit, Exit::Busy);
            assert!(open("b2", false).await.unwrap().of("a.ndjson").is_none());
        }
        assert_eq!(open("a1", false).await.unwrap().of("a.ndjson"), Some(&progress));
        assert_eq!(open("a1", true).await.unwrap().of("a.ndjson"), None);
        assert_eq!(open("a1", false).await.unwrap().of("a.ndjson"), None);
    }

    #[test]
    fn names_depend_on_where_a_part_ends() {
        assert_ne!(name_of(&["ab", "c"]), name_of(&["a", "bc"]));
        assert_eq!(name_of(&["a"]).len(), 32);
    }
}

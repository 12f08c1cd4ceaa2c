//! The documents of windows in flight, as files beside the ledger.

use std::path::{Path, PathBuf};

use super::Stream;

/// The ending of the name of an unfinished document.
const PARTIAL: &str = ".partial";

/// A document in the spool, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolEntry {
    /// The file.
    pub path: PathBuf,
    /// True if it was written to its end.
    pub finished: bool,
    /// The length so far.
    pub bytes: u64,
}

/// The files in the spool, of one stream or of all, finished or not; none where there is no spool.
pub fn documents(folder: &Path, stream: Option<&Stream>) -> Vec<SpoolEntry> {
    let prefix = stream.map(Stream::spool_prefix).unwrap_or_default();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let documents = entries.filter_map(|entry| {
        let name = entry.file_name();
        let name = name.to_str()?;
        let metadata = entry.metadata().ok().filter(|metadata| metadata.is_file())?;
        name.starts_with(&prefix).then(|| SpoolEntry {
            path: entry.path(),
            finished: !name.ends_with(PARTIAL),
            bytes: metadata.len(),
        })
    });
    documents.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_s_documents_are_its_own_finished_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["user-login", "user-audit"].map(|report| Stream::new("epm", report, &[]));
        for stream in [&one, &other] {
            let finished = format!("{}w-0", stream.spool_prefix());
            std::fs::write(folder.path().join(format!("{finished}.x{PARTIAL}")), "part").unwrap();
            std::fs::write(folder.path().join(finished), "whole").unwrap();
        }
        let of = |stream: Option<&Stream>| {
            let found = documents(folder.path(), stream);
            (found.len(), found.iter().map(|document| document.bytes).sum::<u64>())
        };
        assert_eq!((of(Some(&one)), of(Some(&other)), of(None)), ((2, 9), (2, 9), (4, 18)));
        assert!(documents(&folder.path().join("none"), None).is_empty());
    }
}

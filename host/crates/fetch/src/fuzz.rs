//! Properties that hold whatever a server sends, for the fuzz targets in `tests/fuzz`: each function panics where its own does not.

use std::io::{Read, Write};
use std::sync::OnceLock;

use remote::{BaseUrl, Remote, Settings};

use super::archive;
use super::epm::envelope::Envelope;
use super::limits::FetchLimits;
use super::pages::fuzz::read_page;
use super::records::split::{AnswerOf, split};
use super::spool::{Spool, Spooled};

/// Bytes that one record may have here, few enough that inputs break the limit.
const RECORD_BYTES: u64 = 256;

/// Opens the bytes as an archive: what comes out keeps the limits and has a name that can be printed.
pub fn archive(bytes: &[u8]) {
    let limits = FetchLimits {
        archive_entries: 8,
        archive_bytes: 1 << 20,
        archive_ratio: 50,
        ..FetchLimits::default()
    };
    let (_folder, spool, file) = spooled(bytes);
    if let Ok(Some((inside, name))) = archive::open(&file, &limits, &spool) {
        assert!(inside.len() <= limits.archive_bytes, "more than the limit came out");
        assert!(!name.chars().any(char::is_control), "the name has a control character");
    }
}

/// Reads the bytes as a control answer: what it says fits on a line.
pub fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::read(remote(), "the fuzzed call", bytes) {
        let text = envelope.text.as_deref().unwrap_or_default();
        assert!(text.chars().count() <= 301, "the text is not cut");
        assert!(!text.contains(['\n', '\r', '\u{1b}']), "the text is not one line");
        let _ = envelope.link("self");
        let _ = envelope.check();
    }
}

/// Reads the bytes as a page, as a list of `Resources`, as one below another member and as a bare list: each record is JSON, or said
/// to be broken, and the same comes from memory and from the spool.
pub fn page(bytes: &[u8]) {
    let (_folder, _spool, file) = spooled(bytes);
    for path in [&["Resources"][..], &["data", "Resources"], &[]] {
        read_page(bytes, &file, path, RECORD_BYTES);
    }
}

/// Takes the records out of the bytes as out of a call's answer, in one member and in several, of EPM Cloud and of others: one line a
/// record, as many as were counted.
pub fn records(bytes: &[u8]) {
    for (path, of) in [
        (["details"].as_slice(), AnswerOf::EpmCloud),
        (&["data", "log"], AnswerOf::Others),
    ] {
        let path: Vec<String> = path.iter().map(|member| (*member).to_owned()).collect();
        let (_folder, spool, file) = spooled(bytes);
        let Ok(found) = split(remote(), &file, &path, RECORD_BYTES, &spool, of) else {
            continue;
        };
        let mut text = Vec::new();
        let read = found.lines.reader().read_to_end(&mut text);
        assert!(read.is_ok(), "the spool failed");
        let lines = text.iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(
            lines, found.tally.records,
            "the lines are not the records that were counted"
        );
    }
}

/// One for all inputs: to make one reads certificates.
fn remote() -> &'static Remote {
    static REMOTE: OnceLock<Remote> = OnceLock::new();
    REMOTE.get_or_init(|| {
        let base = BaseUrl::parse("https://epm.example.com").map(|base| base.url().clone());
        match base.map(|url| Remote::new(Settings::new("epm", url))) {
            Ok(Ok(remote)) => remote,
            _ => unreachable!("a connection without credentials can be made"),
        }
    })
}

fn spooled(bytes: &[u8]) -> (tempfile::TempDir, Spool, Spooled) {
    let make = || {
        let folder = tempfile::tempdir()?;
        let spool = Spool::new(folder.path());
        let mut file = spool.create()?;
        file.write_all(bytes)?;
        Ok::<_, std::io::Error>((folder, spool, Spooled::new(file)?))
    };
    match make() {
        Ok(made) => made,
        Err(error) => unreachable!("the temporary folder takes files: {error}"),
    }
}

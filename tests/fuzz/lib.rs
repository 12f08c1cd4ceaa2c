//! The properties of everything that reads foreign bytes, one function a reader: it panics where the property is broken.
//!
//! `corpus.rs` gives each the inputs of `corpus/` and some thousand changes of them, in every test run. `.ci/fuzz` gives
//! each to libFuzzer, which learns from coverage, for as long as one likes; what it finds goes into `corpus/`.

use plugin_sdk::{Batch, Document, Fault, Parse, Report, Request, Window};

pub use fetch::fuzz::{archive, envelope, page, records};
pub use remote::fuzz::redact;
pub use sandbox::fuzz::packed;

/// Panics where the property is broken by the bytes.
pub type Target = fn(&[u8]);

/// All targets and their names, which are those of the folders in `corpus/`.
pub const TARGETS: [(&str, Target); 9] = [
    ("archive", archive),
    ("envelope", envelope),
    ("json-lines", json_lines),
    ("mask", mask),
    ("packed", packed),
    ("page", page),
    ("records", records),
    ("redact", redact),
    ("table", table),
];

/// In milliseconds.
const DAY: i64 = 86_400_000;

/// Reads the bytes as the CSV file of each report that comes as one: in whatever pieces it arrives, the same comes of it.
pub fn table(bytes: &[u8]) {
    same_in_pieces::<invalid_login::InvalidLogin>(bytes);
    same_in_pieces::<user_audit::UserAudit>(bytes);
    same_in_pieces::<role_assignment_audit::RoleAssignmentAudit>(bytes);
    same_in_pieces::<group_assignment_audit::GroupAssignmentAudit>(bytes);
}

/// Reads the bytes as the records of each report that comes as JSON, one a line: in whatever pieces, the same comes of it.
pub fn json_lines(bytes: &[u8]) {
    same_in_pieces::<user_login::UserLogin>(bytes);
    same_in_pieces::<audit_events::AuditEvents>(bytes);
    same_in_pieces::<oci_audit::OciAudit>(bytes);
}

/// Masks the bytes with a secret before and behind them: whatever they are, it is not shown. What is JSON stays JSON, and has no more to
/// mask.
pub fn mask(bytes: &[u8]) {
    const SECRET: &str = "hunter2-of-the-fuzz";
    const MEMBER: &str = r#""credentials":"hunter2-of-the-fuzz""#;
    let shows = |masked: &[u8]| String::from_utf8_lossy(masked).contains(SECRET);
    for body in [
        [&b"{"[..], MEMBER.as_bytes(), b",\"x\":", bytes].concat(),
        [bytes, b",", MEMBER.as_bytes(), b"}"].concat(),
    ] {
        assert!(!shows(&secret_mask::records_bytes(&body)), "a record shows the secret");
        assert!(
            !shows(&secret_mask::document_bytes(&body)),
            "a document shows the secret"
        );
    }
    let masked = secret_mask::records_bytes(bytes);
    let is_json = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).is_ok();
    if is_json(bytes) {
        assert!(is_json(&masked), "JSON is none any more");
        assert!(secret_mask::records_bytes(&masked) == masked, "it is masked once more");
    }
}

fn same_in_pieces<R: Report>(bytes: &[u8]) {
    let whole = read::<R>([bytes]);
    let (before, after) = bytes.split_at(bytes.len() / 2);
    assert!(
        read::<R>([before, after]) == whole,
        "two pieces are read otherwise than the whole"
    );
    // Bytes one by one are slow, and tell no more of a long input than of its beginning.
    if bytes.len() < 4096 {
        assert!(
            read::<R>(bytes.chunks(1)) == whole,
            "bytes are read otherwise than the whole"
        );
    }
}

/// The events that a parser makes of a document, and why it stopped.
fn read<'a, R: Report>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Batch, Option<String>) {
    let mut batch = Batch::default();
    let result = parse::<R>(pieces, &mut batch);
    (batch, result.err().map(|fault| fault.message))
}

fn parse<'a, R: Report>(pieces: impl IntoIterator<Item = &'a [u8]>, batch: &mut Batch) -> Result<(), Fault> {
    let request = Request {
        window: Window { from: 0, to: DAY },
        parameters: Vec::new(),
        now: DAY,
        unique_name: "fuzzed".into(),
    };
    let mut parser = R::parser(Document {
        fetch: 0,
        request,
        file_name: None,
        length: None,
    })?;
    for piece in pieces {
        parser.push(piece, batch)?;
    }
    parser.finish(batch)
}

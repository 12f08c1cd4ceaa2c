//! `host evidence verify`.

use std::fmt::Write as _;

use crate::args::VerifyEvidenceArgs;
use crate::commands::config::load;
use crate::error::{CliError, Exit};
use crate::render::{json_line, print};
use ::evidence::{EvidenceReport, Expectation};
use base::counted::counted;
use setup::evidence::EvidencePlace;

/// Checks a place of evidence, and says what is not as it was written.
pub async fn verify(args: &VerifyEvidenceArgs) -> Result<(), CliError> {
    let expected = Expectation {
        after: args.after.as_deref().map(digest).transpose()?,
        has: args.has.as_deref().map(digest).transpose()?,
    };
    let place = match &args.path {
        Some(path) => EvidencePlace::Folder(path.clone()),
        None => {
            let config = load(&args.config)?;
            let place = base::blocking(move || -> Result<_, CliError> { Ok(setup::evidence::place(&config)?) });
            place.await??.ok_or_else(|| {
                CliError::usage("no evidence is configured")
                    .hint("name a folder: `host evidence verify PATH`, or one with `path` under [evidence]")
            })?
        }
    };
    let shown = place.to_string();
    let report = place.verify(expected).await?;
    if args.json {
        let mut object = serde_json::json!({ "place": shown, "whole": report.is_whole() });
        let told = serde_json::to_value(&report).map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
        if let (Some(object), serde_json::Value::Object(told)) = (object.as_object_mut(), told) {
            object.extend(told);
        }
        print(&json_line(&object)?)?;
    } else {
        print(text(&report).as_bytes())?;
    }
    if report.is_whole() {
        return Ok(());
    }
    let message = format!(
        "the evidence in {shown} is not as it was written: {}",
        counted(report.found, "finding", "findings")
    );
    Err(CliError {
        code: "evidence-altered",
        ..CliError::new(Exit::Partial, message)
    }
    .hint("compare with a copy or with digests noted elsewhere; what is unfinished the next run mends"))
}

/// A digest as it was typed.
fn digest(text: &str) -> Result<String, CliError> {
    let lower = text.to_ascii_lowercase();
    match lower.len() == 64 && lower.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(lower),
        false => Err(
            CliError::usage(format!("{text:?} is not a digest of 64 hexadecimal digits")).hint(
                "`host evidence verify` prints that of the last line; each line holds that of the one before as `prev`",
            ),
        ),
    }
}

fn text(report: &EvidenceReport) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let line = finding.line.map_or(String::new(), |line| format!(", line {line}"));
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{}: {}{line}: {}",
            finding.kind.word(),
            finding.file,
            finding.message
        );
    }
    let untold = report.found.saturating_sub(report.findings.len() as u64);
    if untold > 0 {
        let _ = writeln!(text, "and {untold} more");
    }
    let _ = writeln!(
        text,
        "{} as their lines say, {} in the manifests",
        counted(report.documents, "document is", "documents are"),
        counted(report.lines, "line", "lines")
    );
    if report.under_way > 0 {
        let _ = writeln!(
            text,
            "{} kept at this moment",
            counted(report.under_way, "document is being", "documents are being")
        );
    }
    for last in &report.last {
        let _ = writeln!(text, "last: {} in {}", last.sha256, last.file);
    }
    text
}

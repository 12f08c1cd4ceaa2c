//! A report's case: a document, and the events and rejects that must come of it. The format is the SDK's.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{document_of, event, input, optional, settle, unreadable};
use crate::findings::{CheckOutcome, Failed, crashed};
use ::event::Batch;
use sandbox::{Document, Fault, FaultKind, PluginError, ReportPlugin, Request, Window};

/// The most bytes that the host pushes at once.
const CHUNK: usize = 256 << 10;
/// Small chunks are tried on the beginning only: each is a call.
const SMALL: usize = 16 << 10;

/// The cuts of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Chunks {
    /// Cuts as the host would make them.
    Whole,
    /// In pieces of so many bytes.
    Of(usize),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRequest {
    now: Option<Timestamp>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    fetch: u32,
}

/// A case, read.
pub(crate) struct ReportCase {
    /// The document as the parser is told of it.
    pub(crate) document: Document,
    /// The bytes that the parser gets.
    pub(crate) bytes: Vec<u8>,
}

impl ReportCase {
    /// Reads a case's request and document, and has the plugin plan for it.
    pub(crate) fn read(plugin: &mut ReportPlugin, folder: &Path) -> Result<ReportCase, Failed> {
        let path = folder.join("request.json");
        let asked: CaseRequest = match optional(&path)? {
            Some(text) => serde_json::from_str(&text).map_err(|error| unreadable(&path, error))?,
            None => CaseRequest::default(),
        };
        let number = asked.fetch;
        let request = asked.request().map_err(|error| unreadable(&path, error))?;
        let fetches = plugin.plan(&request).map_err(|error| {
            let hint = "the plan of a case must not fail: fix the plugin or request.json".to_owned();
            (format!("plan: {error}"), hint)
        })?;
        let fetch = usize::try_from(number).ok().and_then(|number| fetches.get(number));
        let fetch = fetch.ok_or_else(|| unreadable(&path, format!("the plan has no fetch {number}")))?;
        let path = input(folder).ok_or_else(|| unreadable(&folder.join("input"), "it is gone"))?;
        let body = fs::read(&path).map_err(|error| unreadable(&path, error))?;
        let bytes = document_of(fetch, body).map_err(|error| unreadable(&path, error))?;
        let document = Document {
            fetch: number,
            request,
            file_name: None,
            length: None,
        };
        Ok(ReportCase { document, bytes })
    }

    /// Runs it, against `expected.ndjson` of the same folder.
    pub(crate) fn run(&self, plugin: &ReportPlugin, folder: &Path, bless: bool) -> Result<CheckOutcome, Failed> {
        let found = parse(plugin, &self.document, &self.bytes, Chunks::Whole).map_err(crashed("the document"))?;
        for size in [1, 7] {
            let other = parse(plugin, &self.document, &self.bytes, Chunks::Of(size))
                .map_err(crashed("the document in small chunks"))?;
            if other != found {
                return Err((
                    format!(
                        "chunks of {size} (+) give something else than the whole document (-)\n{}",
                        super::diff(&found, &other)
                    ),
                    "a record may straddle any chunks: keep what is incomplete for the next push".to_owned(),
                ));
            }
        }
        let path = folder.join("expected.ndjson");
        let expected = optional(&path)?;
        let same = expected
            .as_deref()
            .is_some_and(|expected| values(expected) == values(&found));
        settle(&path, expected.as_deref(), &found, same, bless)
    }
}

/// The order of members and the white space between them are no matter.
fn values(lines: &str) -> Vec<Result<Value, &str>> {
    let lines = lines.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).map_err(|_| line)).collect()
}

impl CaseRequest {
    fn request(self) -> Result<Request, String> {
        let time = |given: Option<Timestamp>, default: &str| {
            given.map_or_else(|| default.parse().map_err(|error: jiff::Error| error.to_string()), Ok)
        };
        let mut parameters = Vec::new();
        for (name, value) in self.parameters {
            let values = match value {
                Value::Array(values) => values,
                value => vec![value],
            };
            for value in values {
                let text = value
                    .as_str()
                    .ok_or_else(|| format!("the parameter {name} is not a text"))?;
                parameters.push((name.clone(), text.to_owned()));
            }
        }
        Ok(Request {
            window: Window {
                from: time(self.from, "2025-07-01T00:00:00Z")?.as_millisecond(),
                to: time(self.to, "2025-07-04T00:00:00Z")?.as_millisecond(),
            },
            now: time(self.now, "2025-07-04T12:00:00Z")?.as_millisecond(),
            parameters,
            unique_name: "golden-1".to_owned(),
        })
    }
}

/// The request of a case that asks for nothing.
pub(crate) fn plain_request() -> Result<Request, String> {
    CaseRequest::default().request()
}

/// The events and rejects that a parser makes of a document, as the lines of `expected.ndjson`. A fault is a line; any other error is not.
/// What is not an event is told as a run tells and keeps it.
pub(crate) fn parse(
    plugin: &ReportPlugin,
    document: &Document,
    bytes: &[u8],
    chunks: Chunks,
) -> Result<String, PluginError> {
    let (small, rest) = match chunks {
        Chunks::Whole => (0, 1),
        Chunks::Of(size) => (bytes.len().min(SMALL), size.max(1)),
    };
    let (small, large) = bytes.split_at(small);
    let mut batch = Batch::default();
    let mut fault = None;
    let mut parser = plugin.parser(document.clone())?;
    let quoting = plugin.quoting();
    let mut take = |answer: Result<Batch, PluginError>| match answer.map_err(|error| quoting.error(error)) {
        Ok(more) => {
            batch.events.extend(more.events);
            let rejects = more.rejects.iter().map(|reject| quoting.reject(reject));
            batch.rejects.extend(rejects);
            Ok(true)
        }
        Err(PluginError::Fault(found)) => {
            fault = Some(found);
            Ok(false)
        }
        Err(error) => Err(error),
    };
    let mut goes_on = true;
    for chunk in small.chunks(rest).chain(large.chunks(CHUNK)) {
        goes_on = take(parser.push(chunk))?;
        if !goes_on {
            break;
        }
    }
    if goes_on {
        take(parser.finish())?;
    }
    let events = batch.events.iter().map(event::written);
    let rejects = batch
        .rejects
        .iter()
        .map(|reject| json!({"reject": {"line": reject.line, "reason": reject.reason, "raw": reject.raw}}));
    let lines = events.chain(rejects).chain(fault.as_ref().map(fault_value));
    Ok(lines.map(|line| format!("{line}\n")).collect())
}

/// A fault as a line of a case.
pub(super) fn fault_value(fault: &Fault) -> Value {
    let kind = match fault.kind {
        FaultKind::InvalidRequest => "invalid-request",
        FaultKind::MalformedDocument => "malformed-document",
        FaultKind::RemoteFailed => "remote-failed",
        FaultKind::Internal => "internal",
    };
    json!({"fault": {"kind": kind, "message": fault.message, "hint": fault.hint, "code": fault.code}})
}

//! Golden tests: a folder of documents beside what a plugin makes of them.
//!
//! Each folder in a plugin's `tests/` that holds an `input.*` is a case:
//!
//! | file | holds |
//! |---|---|
//! | `input.csv`, `input.json`, … | the document, byte for byte as the server sends it |
//! | `request.json` | optional: any of `now`, `from`, `to` (RFC 3339), `parameters` (name to text or texts), `fetch` |
//! | `expected.ndjson` | one line for each event, then each reject, then the fault if there was one |
//!
//! A plugin's `tests/golden.rs` is one call of [`check`]. Every document is parsed whole, byte by byte, and in chunks of
//! seven bytes; all three must agree. `BLESS=1 cargo test` writes `expected.ndjson` anew: read the difference.
//!
//! For a sink plugin it is one call of [`check_sink`], and a case is other files:
//!
//! | file | holds |
//! |---|---|
//! | `input.ndjson` | one event a line, see below; for a sink with the input `documents` one document a line, exactly as it goes into the sink, with its id in `metadata.uid`, `event.id` or `id` |
//! | `config.json` | optional: the configuration; `{}` where there is none |
//! | `response.json` | optional: `{"status": 200, "headers": {"retry-after": "5"}, "body": "…"}`, the answer to each HTTP delivery |
//! | `expected.json` | an array of deliveries; with a `response.json`, `{"deliveries": […], "verdicts": […]}`; where the sink fails, `{"fault": {"kind", "message", "hint", "code"}}` |
//!
//! An **event** is an object with the fields of `wit/events.wit` under their own names: `id`, `time` (milliseconds since
//! 1970), `activity`, `outcome`, `subject` and `actor` (`{"name", "id", "display-name"}`), `target`, `source-ip`,
//! `user-agent`, `session`, `service`, `action`, `code`, `message`, `labels`, and `attributes`, an object or a list of
//! pairs. `id`, `time`, `activity`, `outcome` and `subject` must be there; what is left out or `null` the source did not
//! say; any other name is a mistake.
//!
//! A **delivery** is `{"bytes": "text"}`, or `{"http": {"method", "path", "query", "headers", "body"}}` with the method in
//! capitals, `path` a list, `query` and `headers` lists of pairs, and the body `null`, `{"json": "text"}`,
//! `{"form": [[name, value]]}` or `{"other": [type, "text"]}`. Bytes that are no UTF-8 are a list of numbers.
//!
//! A **verdict**, one for each HTTP delivery, is `"accepted"`, `{"retry": milliseconds or null}`,
//! `{"rejected": [{"index", "reason"}]}` or `{"refused": "reason"}`.
//!
//! Every case is encoded by two instances, and both must agree.

mod event;
mod sink;

pub use event::event_of_json;
pub use sink::check_sink;

use crate::{Batch, Document, Event, Fault, Fetch, Parse, Principal, Reject, Report, Request, Window};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Runs every case of the plugin in the folder `manifest`, which a test names as `env!("CARGO_MANIFEST_DIR")`.
///
/// # Panics
/// Where a case differs, cannot be read, or where there is none.
pub fn check<R: Report>(manifest: &str) {
    each(manifest, |folder, input| check_case::<R>(folder, input));
}

/// Runs a check on every case.
#[allow(clippy::panic)]
fn each(manifest: &str, check: impl Fn(&Path, &Path) -> Result<(), String>) {
    let cases = cases(&Path::new(manifest).join("tests"));
    assert!(!cases.is_empty(), "no case in {manifest}/tests");
    let failed = |(folder, input): (PathBuf, PathBuf)| {
        let error = check(&folder, &input).err()?;
        Some(format!("{}: {error}", folder.display()))
    };
    let wrong: Vec<String> = cases.into_iter().filter_map(failed).collect();
    if !wrong.is_empty() {
        panic!("{}\n\nBLESS=1 accepts what is found now", wrong.join("\n\n"));
    }
}

fn cases(tests: &Path) -> Vec<(PathBuf, PathBuf)> {
    let list = |folder: &Path| {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    let is_input = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == "input");
    let case = |folder: PathBuf| list(&folder).find(is_input).map(|input| (folder, input));
    let mut cases: Vec<_> = list(tests).filter_map(case).collect();
    cases.sort();
    cases
}

fn check_case<R: Report>(folder: &Path, input: &Path) -> Result<(), String> {
    let document = document(folder)?;
    let bytes = fs::read(input).map_err(|error| format!("{}: {error}", input.display()))?;
    let plan = R::plan(document.request.clone()).map_err(|fault| format!("plan: {}", fault.message))?;
    let fetch = usize::try_from(document.fetch)
        .ok()
        .and_then(|index| plan.get(index))
        .ok_or("no such fetch")?;
    let records = match fetch {
        Fetch::Call(call) => call.records.as_deref(),
        Fetch::Pages(pages) => pages.records.as_deref(),
        Fetch::Job(_) => None,
    };
    let bytes = records.map_or(Ok(bytes.clone()), |member| one_record_a_line(&bytes, member))?;

    let found = parse::<R>(&document, &bytes, usize::MAX);
    for size in [1, 7] {
        if parse::<R>(&document, &bytes, size) != found {
            return Err(format!("chunks of {size} give other events than the whole document"));
        }
    }
    compare(&folder.join("expected.ndjson"), &found)
}

/// Holds what was found against what was expected, or blesses it.
fn compare(path: &Path, found: &str) -> Result<(), String> {
    if std::env::var_os("BLESS").is_some() {
        return fs::write(path, found).map_err(|error| error.to_string());
    }
    let expected = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if expected == found {
        Ok(())
    } else {
        Err(format!("found\n{found}where this was expected\n{expected}"))
    }
}

/// What a parser makes of a document, as the lines of `expected.ndjson`.
fn parse<R: Report>(document: &Document, bytes: &[u8], size: usize) -> String {
    let mut batch = Batch::default();
    let outcome = R::parser(document.clone()).and_then(|mut parser| {
        bytes
            .chunks(size.min(bytes.len().max(1)))
            .try_for_each(|chunk| parser.push(chunk, &mut batch))?;
        parser.finish(&mut batch)
    });
    let events = batch.events.iter().map(event);
    let rejects = batch
        .rejects
        .iter()
        .map(|reject: &Reject| json!({"reject": {"line": reject.line, "reason": reject.reason, "raw": reject.raw}}));
    let fault = outcome.err().map(|fault| fault_json(&fault));
    events
        .chain(rejects)
        .chain(fault)
        .map(|line| format!("{line}\n"))
        .collect()
}

fn fault_json(fault: &Fault) -> Value {
    json!({"fault": {"kind": case(&fault.kind), "message": fault.message, "hint": fault.hint, "code": fault.code}})
}

/// The flat form: members that say nothing are left out.
fn event(event: &Event) -> Value {
    let principal = |principal: &Principal| {
        let mut members = Map::new();
        members.insert("name".into(), principal.name.clone().into());
        members.extend(principal.id.clone().map(|id| ("id".into(), id.into())));
        members.extend(
            principal
                .display_name
                .clone()
                .map(|name| ("display_name".into(), name.into())),
        );
        Value::from(members)
    };
    let time = jiff::Timestamp::from_millisecond(event.time)
        .map_or(Value::from(event.time), |time| Value::from(time.to_string()));
    let attributes: Vec<Value> = event
        .attributes
        .iter()
        .map(|(name, value)| json!([name, value]))
        .collect();
    let members = [
        ("id", event.id.clone().map(Value::from)),
        ("time", Some(time)),
        ("activity", Some(case(&event.activity).into())),
        ("outcome", Some(case(&event.outcome).into())),
        ("subject", Some(principal(&event.subject))),
        ("actor", event.actor.as_ref().map(principal)),
        ("target", event.target.clone().map(Value::from)),
        ("source_ip", event.source_ip.clone().map(Value::from)),
        ("user_agent", event.user_agent.clone().map(Value::from)),
        ("session", event.session.clone().map(Value::from)),
        ("service", event.service.clone().map(Value::from)),
        ("action", event.action.clone().map(Value::from)),
        ("code", event.code.clone().map(Value::from)),
        ("message", event.message.clone().map(Value::from)),
        ("labels", Some(event.labels.clone().into())),
        ("attributes", Some(attributes.into())),
    ];
    members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_string(), value?)))
        .collect::<Map<_, _>>()
        .into()
}

/// The name of an enum's case as WIT writes it: `Activity::AccountCreate` is `account-create`.
fn case(value: &impl std::fmt::Debug) -> String {
    let debug = format!("{value:?}");
    let mut name = String::new();
    for c in debug.rsplit("::").next().unwrap_or_default().chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

fn document(folder: &Path) -> Result<Document, String> {
    let text = match fs::read_to_string(folder.join("request.json")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "{}".into(),
        Err(error) => return Err(format!("request.json: {error}")),
    };
    let given: Map<String, Value> = serde_json::from_str(&text).map_err(|error| format!("request.json: {error}"))?;
    let time = |name: &str, default: &str| {
        let text = given.get(name).and_then(Value::as_str).unwrap_or(default);
        let time: jiff::Timestamp = text.parse().map_err(|error| format!("request.json: {name}: {error}"))?;
        Ok::<_, String>(time.as_millisecond())
    };
    let window = Window {
        from: time("from", "2025-07-01T00:00:00Z")?,
        to: time("to", "2025-07-04T00:00:00Z")?,
    };
    let mut parameters = Vec::new();
    for (name, value) in given.get("parameters").and_then(Value::as_object).into_iter().flatten() {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let texts = values.iter().filter_map(Value::as_str);
        parameters.extend(texts.map(|text| (name.clone(), text.to_string())));
    }
    let now = time("now", "2025-07-04T12:00:00Z")?;
    let fetch = given
        .get("fetch")
        .and_then(Value::as_u64)
        .unwrap_or(0)
        .try_into()
        .map_err(|_| "fetch is too large")?;
    let request = Request {
        window,
        now,
        parameters,
        unique_name: "golden-1".into(),
    };
    Ok(Document {
        fetch,
        request,
        file_name: None,
        length: None,
    })
}

/// The records of an envelope as the host hands them over: one a line, without the white space between tokens.
fn one_record_a_line(body: &[u8], member: &str) -> Result<Vec<u8>, String> {
    use serde_json::value::RawValue;
    type Members<'a> = std::collections::HashMap<String, &'a RawValue>;
    let envelope: Members = serde_json::from_slice(body).map_err(|error| format!("input: {error}"))?;
    let array = envelope.get(member).ok_or(format!("input: no member {member}"))?;
    let records: Vec<&RawValue> = serde_json::from_str(array.get()).map_err(|error| format!("input: {error}"))?;
    Ok(records
        .iter()
        .flat_map(|record| {
            crate::json_lines::compact(record.get())
                .into_bytes()
                .into_iter()
                .chain([b'\n'])
        })
        .collect())
}

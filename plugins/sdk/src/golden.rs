//! Golden tests: a folder of documents beside what a plugin makes of them.
//!
//! Each folder in a plugin's `tests/` that holds an `input.*` is a case. The files of a case, and all that may stand in
//! them, are described in `docs/plugin-workshop.md` under "The cases of a report" and "The cases of a sink": `host plugin
//! test` reads and writes the same, in the sandbox and for plugins in any language.
//!
//! A plugin's `tests/golden.rs` is one call of [`check`] for a report, of [`check_sink`] for a sink. `BLESS=1 cargo test`
//! writes what is found as what is expected: read the difference.

mod event;
mod sink;

use event::item_of_json;
pub use sink::check_sink;

use crate::{Batch, Document, Event, Fault, Fetch, Parse, Principal, Reject, Report, Request, Timestamp, Window};
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

/// A request for a test of a plan: its window, the host's clock, and its parameters by name and value. Its unique name is `run-7`.
pub fn request(window: Window, now: Timestamp, parameters: &[(&str, &str)]) -> Request {
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    Request {
        window,
        now,
        parameters: parameters.iter().map(owned).collect(),
        unique_name: "run-7".into(),
    }
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
    let bytes = match fetch {
        Fetch::Call(call) if call.records.is_some() => one_record_a_line(&bytes, call.records.as_deref())?,
        Fetch::Pages(pages) => one_record_a_line(&bytes, pages.records.as_deref())?,
        Fetch::Call(_) | Fetch::Job(_) => bytes,
    };

    let found = parse::<R>(&document, &bytes, usize::MAX);
    for size in [1, 7] {
        if parse::<R>(&document, &bytes, size) != found {
            return Err(format!("chunks of {size} give other events than the whole document"));
        }
    }
    compare(&folder.join("expected.ndjson"), &found)
}

/// Holds what was found against what was expected, or blesses it. The order of members, and white space, say nothing.
fn compare(path: &Path, found: &str) -> Result<(), String> {
    let values = |text: &str| -> Option<Vec<Value>> {
        let values = serde_json::Deserializer::from_str(text).into_iter();
        values.collect::<Result<_, _>>().ok()
    };
    let expected = optional(path)?;
    let same = |expected: &String| values(expected).is_some_and(|expected| Some(expected) == values(found));
    if expected.as_ref().is_some_and(same) {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        return fs::write(path, found).map_err(|error| error.to_string());
    }
    match expected {
        Some(expected) => Err(format!("found\n{found}where this was expected\n{expected}")),
        None => Err(format!("there is no {} yet; found\n{found}", path.display())),
    }
}

fn optional(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// The members of a case's optional JSON object, all of them known.
fn members(folder: &Path, name: &str, known: &[&str]) -> Result<Option<Map<String, Value>>, String> {
    let Some(text) = optional(&folder.join(name))? else {
        return Ok(None);
    };
    let members: Map<String, Value> = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    match members.keys().find(|member| !known.contains(&member.as_str())) {
        Some(unknown) => Err(format!("{name}: unknown member {unknown}")),
        None => Ok(Some(members)),
    }
}

/// The events and rejects that a parser makes of a document, as the lines of `expected.ndjson`.
fn parse<R: Report>(document: &Document, bytes: &[u8], size: usize) -> String {
    let mut batch = Batch::default();
    let outcome = R::parser(document.clone()).and_then(|mut parser| {
        bytes
            .chunks(size.min(bytes.len().max(1)))
            .try_for_each(|chunk| parser.push(chunk, &mut batch))?;
        parser.finish(&mut batch)
    });
    let events = batch.events().map(|found| event(&found));
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
fn event(event: &Event<'_>) -> Value {
    let mut members = Map::new();
    macro_rules! insert {
        ($($name:ident: $kind:ident $bits:tt,)*) => {
            $(members.extend(written::$kind(&event.$name).map(|value| (stringify!($name).to_string(), value)));)*
        };
    }
    event_codec::for_each_field!(insert);
    members.into()
}

/// Each kind of field as it is written, if it says something.
mod written {
    use super::*;
    use crate::{Activity, Outcome, PrincipalKind, Timestamp};
    use std::borrow::Cow;

    pub fn text(text: &Option<Cow<'_, str>>) -> Option<Value> {
        text.as_deref().map(Value::from)
    }

    pub fn time(time: &Timestamp) -> Option<Value> {
        Some(jiff::Timestamp::from_millisecond(*time).map_or(Value::from(*time), |time| Value::from(time.to_string())))
    }

    pub fn activity(activity: &Activity) -> Option<Value> {
        Some(activity.name().into())
    }

    pub fn outcome(outcome: &Outcome) -> Option<Value> {
        Some(outcome.name().into())
    }

    pub fn principal(principal: &Principal<'_>) -> Option<Value> {
        let id = text(&principal.id).map(|id| ("id".to_string(), id));
        let display_name = text(&principal.display_name).map(|name| ("display_name".to_string(), name));
        let name = ("name".to_string(), Value::from(&*principal.name));
        // A user is not said to be one: most are.
        let kind = (principal.kind != PrincipalKind::User).then(|| ("kind".to_string(), principal.kind.name().into()));
        Some(
            [Some(name), id, display_name, kind]
                .into_iter()
                .flatten()
                .collect::<Map<_, _>>()
                .into(),
        )
    }

    pub fn optional_principal(principal: &Option<Principal<'_>>) -> Option<Value> {
        self::principal(principal.as_ref()?)
    }

    pub fn texts(texts: &[Cow<'_, str>]) -> Option<Value> {
        Some(texts.into())
    }

    pub fn pairs(pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> Option<Value> {
        Some(pairs.iter().map(|(name, value)| json!([name, value])).collect())
    }
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
    let known = ["now", "from", "to", "parameters", "fetch"];
    let given = members(folder, "request.json", &known)?.unwrap_or_default();
    let wrong = |what: &str| format!("request.json: {what}");
    let time = |name: &str, default: &str| {
        let text = given.get(name).map_or(Some(default), Value::as_str);
        let time = text.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let time = time.ok_or_else(|| wrong(&format!("{name} is not a time in RFC 3339")))?;
        Ok::<_, String>(time.as_millisecond())
    };
    let window = Window {
        from: time("from", "2025-07-01T00:00:00Z")?,
        to: time("to", "2025-07-04T00:00:00Z")?,
    };
    let mut parameters = Vec::new();
    for (name, value) in given.get("parameters").and_then(Value::as_object).into_iter().flatten() {
        for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            let text = value
                .as_str()
                .ok_or_else(|| wrong(&format!("the parameter {name} is not a text")))?;
            parameters.push((name.clone(), text.to_string()));
        }
    }
    let now = time("now", "2025-07-04T12:00:00Z")?;
    let fetch = given.get("fetch").map_or(Some(0), Value::as_u64);
    let request = Request {
        window,
        now,
        parameters,
        unique_name: "golden-1".into(),
    };
    Ok(Document {
        fetch: fetch
            .and_then(|fetch| fetch.try_into().ok())
            .ok_or_else(|| wrong("fetch is not the number of one"))?,
        request,
        file_name: None,
        length: None,
    })
}

/// Records as the host hands them over: one a line, without the white space between tokens. They are an array, at the
/// end of a path of members.
fn one_record_a_line(body: &[u8], path: Option<&[String]>) -> Result<Vec<u8>, String> {
    use serde_json::value::RawValue;
    let wrong = |error: serde_json::Error| format!("input: {error}");
    let mut records: &RawValue = serde_json::from_slice(body).map_err(wrong)?;
    for member in path.unwrap_or_default() {
        let envelope: std::collections::HashMap<String, &RawValue> =
            serde_json::from_str(records.get()).map_err(wrong)?;
        records = envelope.get(member).ok_or(format!("input: no member {member}"))?;
    }
    let records: Vec<&RawValue> = serde_json::from_str(records.get()).map_err(wrong)?;
    let lines = records
        .iter()
        .map(|record| crate::json_lines::compact(record.get()) + "\n");
    Ok(lines.collect::<String>().into_bytes())
}

//! [`check`]: whether a component fits this host, and why not.

use super::build::size;
use super::findings::{CheckOutcome, Failed, Finding, crashed};
use base::counted::counted;
use sandbox::{Grant, Grants, Inspection, Plugin, PluginError, PluginKind, Sandbox, Usage};

/// Loads a component and tells what was found, one finding a line: the file, the world, the imports, the description, and
/// what it takes to start it. Ends at the first that fails, since the rest rests on it.
pub fn check(sandbox: &Sandbox, wasm: &[u8], label: &str, tell: &mut dyn FnMut(Finding)) {
    let limits = sandbox.limits();
    let of_limit = format!("{} of {}", size(wasm.len()), size(limits.component));
    let plugin = match sandbox.load(wasm, label) {
        // Nothing is sent.
        Ok(plugin) => plugin.granted(Grants::anything()),
        Err(error) => return refused(error, of_limit, tell),
    };
    let about = plugin.inspect();
    let ok = |text: String| Ok(CheckOutcome::Ok(text));
    tell(Finding::new("file", ok(of_limit)));
    tell(Finding::new("world", ok(about.world.clone())));
    tell(Finding::new("imports", ok(imports(&about))));
    tell(Finding::new("describe", description(&plugin, &about)));
    if plugin.kind() == PluginKind::Sink {
        tell(Finding::new("schema", schema(&plugin)));
    }
    tell(Finding::new("start", start(&plugin, limits.memory)));
    if let Some(requests) = requests(&plugin) {
        tell(Finding::new("requests", requests));
    }
}

/// Puts a failure to load where it belongs; what comes before it went well.
fn refused(error: PluginError, of_limit: String, tell: &mut dyn FnMut(Finding)) {
    let (name, file_was_fine) = match &error {
        PluginError::Load { .. } | PluginError::Limit { limit: "component", .. } => ("file", false),
        PluginError::Incompatible { reason, .. } if reason.contains("import") => ("imports", true),
        PluginError::Incompatible { .. } => ("world", true),
        PluginError::Limit { call: "load", .. } => ("limits", true),
        _ => ("describe", true),
    };
    if file_was_fine {
        tell(Finding::new("file", Ok(CheckOutcome::Ok(of_limit))));
    }
    let hint = error.hint().unwrap_or_default();
    tell(Finding::new(name, Err((error.to_string(), hint))));
}

/// The imports in words: worth knowing even where the host answers inertly.
fn imports(about: &Inspection) -> String {
    if about.imports.is_empty() {
        return "none".to_owned();
    }
    let interface = |import: &String| import.split(['#', '@']).next().unwrap_or_default().to_owned();
    let mut interfaces: Vec<String> = about.imports.iter().map(interface).collect();
    interfaces.dedup();
    interfaces.sort();
    interfaces.dedup();
    format!(
        "{} of {}: each answered by the sandbox, none passed through",
        counted(about.imports.len(), "function", "functions"),
        interfaces.join(", ")
    )
}

fn description(plugin: &Plugin, about: &Inspection) -> Result<CheckOutcome, Failed> {
    if plugin.describes_itself_alike().map_err(crashed("describe"))? {
        return Ok(CheckOutcome::Ok(format!(
            "{} {}: {}",
            about.name, about.version, about.summary
        )));
    }
    Err((
        "two calls gave two descriptions".to_owned(),
        "`describe` must be constant: take out whatever changes".to_owned(),
    ))
}

fn schema(plugin: &Plugin) -> Result<CheckOutcome, Failed> {
    let hint = "`config-schema` is a JSON Schema (2020-12) that refers to no other document";
    let sink = plugin.sink().map_err(crashed("schema"))?;
    let mistakes = sink.config_mistakes(&serde_json::json!({}));
    let mistakes = mistakes.map_err(|error| (error.to_string(), hint.to_owned()))?;
    Ok(CheckOutcome::Ok(match mistakes.first() {
        None => "usable; it needs no configuration".to_owned(),
        Some(needed) => format!("usable; it needs a configuration: {needed}"),
    }))
}

/// The requests of a report, and the grants that its user has to give.
fn requests(plugin: &Plugin) -> Option<Result<CheckOutcome, Failed>> {
    let mut report = plugin.report().ok()?;
    let request = super::golden::plain_request().ok()?;
    let plan = report.plan(&request).ok()?;
    Some(Ok(CheckOutcome::Ok(wanted(
        &Grants::get().missing(&plan, &request.unique_name),
    ))))
}

/// The grants that the user of a report has to write down, in words.
pub(super) fn wanted(missing: &[Grant]) -> String {
    match missing {
        [] => "GET alone: nothing to allow".to_owned(),
        missing => {
            let allow: Vec<String> = missing.iter().map(ToString::to_string).collect();
            format!("whoever uses it writes allow = {allow:?} under [plugins.NAME]")
        }
    }
}

/// Time and memory that an instance takes before it has done anything.
fn start(plugin: &Plugin, allowed: usize) -> Result<CheckOutcome, Failed> {
    let used = match plugin.kind() {
        PluginKind::Report => {
            let mut report = plugin.report().map_err(crashed("start"))?;
            let request =
                super::golden::plain_request().map_err(|error| (error, "this is an error of the host".to_owned()))?;
            match report.plan(&request) {
                Ok(_) | Err(PluginError::Fault(_)) => report.usage(),
                Err(error) => return Err(crashed("plan")(error)),
            }
        }
        PluginKind::Sink => {
            let sink = plugin.sink().map_err(crashed("start"))?;
            match sink.open("{}") {
                Ok(encoder) => encoder.usage(),
                Err(PluginError::Fault(_)) => Usage::default(),
                Err(error) => return Err(crashed("open")(error)),
            }
        }
    };
    if used == Usage::default() {
        return Ok(CheckOutcome::Ok("it wants a configuration first".to_owned()));
    }
    let peak = usize::try_from(used.peak_bytes).unwrap_or(usize::MAX);
    Ok(CheckOutcome::Ok(format!(
        "{} ms, {} of {} memory",
        used.guest.as_millis(),
        size(peak),
        size(allowed)
    )))
}

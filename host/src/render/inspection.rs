//! The description of a plugin, for people.

mod settings;

use std::fmt::Write;

use base::counted::counted;
use built_in::built_in;
use run::route::repertoire;
use sandbox::{Grant, Inspection, PluginLimits};

/// The lines of `host plugin inspect`.
pub fn render(about: &Inspection) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<12} {value}");
    };
    line("name", &about.name);
    line("version", &about.version);
    line("summary", &about.summary);
    line("world", &about.world);
    line("sha256", &about.sha256);
    line("size", &format!("{} bytes", about.size));
    let imports = if about.imports.is_empty() {
        "none".to_string()
    } else {
        about.imports.join("\n             ")
    };
    line("imports", &imports);
    line("allow", &allowed(about.allow.as_deref()));
    if let Some(report) = &about.report {
        line("connection", report.connection);
        line("source", &format!("{}, {}", report.vendor, report.product));
        let requests = match report.requests.is_empty() {
            true => "GET alone".to_string(),
            false => report.requests.join("\n             "),
        };
        line("requests", &requests);
        line("granularity", &report.granularity);
        if let Some(days) = report.retention_days {
            line("retention", &counted(days, "day", "days"));
        }
        if let Some(notice) = &report.deprecated {
            line("deprecated", notice);
        }
        if let Some(successor) = &report.successor {
            line("successor", successor);
        }
        if let Some(known) = built_in(&about.name).and_then(|_| repertoire::of(&about.name)) {
            let outcomes: Vec<&str> = known.outcomes.iter().map(|outcome| outcome.name()).collect();
            let activities: Vec<&str> = known.activities.iter().map(|activity| activity.name()).collect();
            line("labels", &known.labels.join(", "));
            line("outcomes", &outcomes.join(", "));
            line("activities", &activities.join(", "));
        }
        for parameter in &report.parameters {
            let values = if parameter.values.is_empty() {
                "text".to_string()
            } else {
                parameter.values.join("|")
            };
            let default = match (&parameter.default, parameter.required) {
                (Some(value), _) => format!(" [default: {value}]"),
                (None, true) => " [required]".to_string(),
                (None, false) => String::new(),
            };
            line(
                "parameter",
                &format!("{}={values}  {}{default}", parameter.name, parameter.summary),
            );
        }
    }
    if let Some(sink) = &about.sink {
        line("input", sink.input);
        if let Some(events) = sink.batch_events {
            line("batch", &counted(events, "event at most", "events at most"));
        }
        if let Some(bytes) = sink.batch_bytes {
            line("batch", &format!("{bytes} bytes at most"));
        }
        for row in settings::table(&sink.config_schema) {
            line("config", &row);
        }
    }
    for (name, amount, unit) in limits(&about.limits) {
        line("limit", &format!("{name:<14} {amount} {unit}"));
    }
    text
}

/// The requests that a plugin is granted, one a line.
fn allowed(grants: Option<&[Grant]>) -> String {
    match grants {
        None => "any request below its endpoint".to_string(),
        Some([]) => "none".to_string(),
        Some(grants) => {
            let lines: Vec<String> = grants.iter().map(ToString::to_string).collect();
            lines.join("\n             ")
        }
    }
}

/// Every limit by its name in the configuration, with its unit.
fn limits(limits: &PluginLimits) -> [(&'static str, u128, &'static str); 19] {
    let PluginLimits {
        time,
        memory,
        stack,
        memories,
        tables,
        handles,
        returned,
        records,
        event,
        attribute_name,
        attributes,
        output,
        fetches,
        request,
        log,
        log_lines,
        component,
        compile_time,
        compile_memory,
    } = limits;
    let wide = |amount: &usize| u128::try_from(*amount).unwrap_or(u128::MAX);
    [
        ("time", time.as_millis(), "ms a call"),
        ("memory", wide(memory), "bytes"),
        ("stack", wide(stack), "bytes"),
        ("memories", u128::from(*memories), "memories"),
        ("tables", u128::from(*tables), "tables"),
        ("handles", wide(handles), "handles at a time"),
        ("returned", wide(returned), "bytes an answer"),
        ("records", wide(records), "events and rejects an answer"),
        ("event", wide(event), "bytes an event"),
        (
            "attribute-name",
            wide(attribute_name),
            "bytes a name of an attribute, or a label",
        ),
        ("attributes", wide(attributes), "attributes of an event, and labels"),
        ("output", wide(output), "bytes of events a byte of documents"),
        ("fetches", wide(fetches), "fetches a plan, or deliveries a payload"),
        ("request", wide(request), "bytes a request or delivery"),
        ("log", wide(log), "bytes"),
        ("log-lines", wide(log_lines), "lines"),
        ("component", wide(component), "bytes of the file"),
        (
            "compile-time",
            compile_time.as_millis(),
            "ms of processor time, and 5000 for each MiB of functions",
        ),
        ("compile-memory", wide(compile_memory), "bytes"),
    ]
}

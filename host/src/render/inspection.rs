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
    line("size", &bytes(u128::try_from(about.size).unwrap_or(u128::MAX)));
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
        if let Some(most) = sink.batch_bytes {
            line("batch", &format!("{} at most", bytes(u128::from(most))));
        }
        for row in settings::table(&sink.config_schema) {
            line("config", &row);
        }
    }
    for (name, most) in limits(&about.limits) {
        line("limit", &format!("{name:<14} {most}"));
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

/// A number of bytes in the largest unit that it reaches; where that is not all of it, the bytes stand beside it.
fn bytes(count: u128) -> String {
    let units = [("GiB", 1_u128 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| count >= *unit) {
        None => counted(count, "byte", "bytes"),
        Some((name, unit)) if count.is_multiple_of(unit) => format!("{} {name}", count / unit),
        Some((name, unit)) => format!("{}.{} {name} ({count} bytes)", count / unit, count % unit * 10 / unit),
    }
}

/// Every limit by its name in the configuration, with its unit.
fn limits(limits: &PluginLimits) -> [(&'static str, String); 19] {
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
    let size = |amount: &usize| bytes(wide(amount));
    let number = |amount: &usize, unit: &str| format!("{amount} {unit}");
    [
        ("time", format!("{} ms a call", time.as_millis())),
        ("memory", size(memory)),
        ("stack", size(stack)),
        ("memories", format!("{memories} memories")),
        ("tables", format!("{tables} tables")),
        ("handles", number(handles, "handles at a time")),
        ("returned", format!("{} an answer", size(returned))),
        ("records", number(records, "events and rejects an answer")),
        ("event", format!("{} an event", size(event))),
        (
            "attribute-name",
            format!("{} a name of an attribute, or a label", size(attribute_name)),
        ),
        ("attributes", number(attributes, "attributes of an event, and labels")),
        ("output", number(output, "bytes of events a byte of documents")),
        ("fetches", number(fetches, "fetches a plan, or deliveries a payload")),
        ("request", format!("{} a request or delivery", size(request))),
        ("log", size(log)),
        ("log-lines", number(log_lines, "lines")),
        ("component", format!("{} of the file", size(component))),
        (
            "compile-time",
            format!(
                "{} ms of processor time, and 5000 for each MiB of functions",
                compile_time.as_millis()
            ),
        ),
        ("compile-memory", size(compile_memory)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_in_a_unit_that_people_read() {
        for (count, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB (1536 bytes)"),
            (268_435_456, "256 MiB"),
            (1_361_234, "1.2 MiB (1361234 bytes)"),
            (2 << 30, "2 GiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn no_default_limit_is_a_long_number_of_bytes() {
        for (name, most) in limits(&PluginLimits::default()) {
            let number: String = most.chars().take_while(char::is_ascii_digit).collect();
            assert!(number.len() < 7, "{name}: {most}");
        }
    }
}

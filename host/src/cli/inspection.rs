//! What a plugin is, for people.

use std::fmt::Write;

use crate::plugin::Inspection;

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
    if let Some(report) = &about.report {
        line("connection", report.connection);
        line("granularity", report.granularity);
        if let Some(days) = report.retention_days {
            line("retention", &format!("{days} days"));
        }
        if let Some(notice) = &report.deprecated {
            line("deprecated", notice);
        }
        if let Some(successor) = &report.successor {
            line("successor", successor);
        }
        for parameter in &report.parameters {
            let values = if parameter.values.is_empty() {
                "text".to_string()
            } else {
                parameter.values.join("|")
            };
            let default = parameter
                .default
                .as_ref()
                .map(|value| format!(" [default: {value}]"))
                .unwrap_or_default();
            line(
                "parameter",
                &format!("{}={values}  {}{default}", parameter.name, parameter.summary),
            );
        }
    }
    if let Some(sink) = &about.sink {
        line("input", sink.input);
        line("config", &sink.config_schema.to_string());
    }
    if let Ok(serde_json::Value::Object(limits)) = serde_json::to_value(&about.limits) {
        for (name, value) in limits {
            line("limit", &format!("{name} {value}"));
        }
    }
    text
}

//! The description that a plugin gives of itself, asked once when it is loaded and checked: names end up in configuration, events and on
//! terminals.

use super::PluginError;
use super::bindings::{Description, Granularity, Parameter, sink};
use super::call_context::CallContext;
use super::grants::Grant;
use super::plugin_context::PluginContext;
use super::report::ReportExports;
use super::schema::bounds;
use super::sink::SinkExports;

const CALL: &str = "describe";
const NAME_BYTES: usize = 64;
const LINE_BYTES: usize = 1000;
/// Parameters of a report, and values that one of them may have. Each is compared with the others.
const PARAMETERS: usize = 100;
const VALUES: usize = 1000;
/// Methods and paths that a report lists.
const REQUESTS: usize = 100;
const MINUTES_OF_A_DAY: u32 = 24 * 60;

/// Asks a report plugin.
pub(super) fn report(core: &PluginContext, code: &ReportExports) -> Result<Description, PluginError> {
    let mut guest = core.guest();
    let instance = guest.call("start", |store| code.instantiate(store))?;
    let about = guest.call(CALL, |store| instance.describe(store))?;
    check_report(&about).map_err(|reason| guest.site(CALL).rule(reason))?;
    Ok(about)
}

/// Asks a sink plugin.
pub(super) fn sink(core: &PluginContext, code: &SinkExports) -> Result<sink::Description, PluginError> {
    let mut guest = core.guest();
    let instance = guest.call("start", |store| code.instantiate(store))?;
    let about = guest.call(CALL, |store| instance.describe(store))?;
    check_sink(&about, guest.site(CALL))?;
    Ok(about)
}

fn check_report(about: &Description) -> Result<(), String> {
    heading(&about.name, &about.version, &about.summary)?;
    if about.retention_days == Some(0) || about.window_days == Some(0) {
        return Err("`retention-days` and `window-days` must be at least 1".to_owned());
    }
    named("vendor", &about.source.vendor)?;
    named("product", &about.source.name)?;
    if about.requests.len() > REQUESTS {
        return Err(format!("there are more than {REQUESTS} `requests`"));
    }
    for request in &about.requests {
        line("one of `requests`", request)?;
        request
            .parse::<Grant>()
            .map_err(|reason| format!("one of `requests`: {reason}"))?;
    }
    if let Granularity::Minutes(minutes) = about.granularity
        && (minutes == 0 || !MINUTES_OF_A_DAY.is_multiple_of(minutes))
    {
        return Err(format!("a granularity of {minutes} minutes is no part of a day"));
    }
    if about.parameters.len() > PARAMETERS {
        return Err(format!("there are more than {PARAMETERS} parameters"));
    }
    for (place, parameter) in about.parameters.iter().enumerate() {
        let Parameter {
            name,
            summary,
            values,
            default,
            required,
            ..
        } = parameter;
        hyphenated("parameter", name)?;
        line("the parameter's summary", summary)?;
        if values.len() > VALUES {
            return Err(format!("the parameter `{name}` has more than {VALUES} values"));
        }
        values
            .iter()
            .chain(default)
            .try_for_each(|value| line("a parameter's value", value))?;
        if about.parameters.iter().take(place).any(|other| other.name == *name) {
            return Err(format!("the parameter `{name}` is described twice"));
        }
        if default
            .as_ref()
            .is_some_and(|default| !values.is_empty() && !values.contains(default))
        {
            return Err(format!("the default of the parameter `{name}` is not among its values"));
        }
        if *required && default.is_some() {
            return Err(format!("the parameter `{name}` is required, and has a default"));
        }
    }
    if let Some(deprecation) = &about.deprecation {
        line("the deprecation's notice", &deprecation.notice)?;
        deprecation
            .successor
            .iter()
            .try_for_each(|name| hyphenated("successor", name))?;
    }
    Ok(())
}

/// A name that every event carries.
fn named(what: &str, name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!(
            "the {what} of `source` must be a name of at most {NAME_BYTES} bytes, without control characters"
        ));
    }
    Ok(())
}

fn check_sink(about: &sink::Description, site: CallContext<'_>) -> Result<(), PluginError> {
    let checked = heading(&about.name, &about.version, &about.summary).and_then(|()| {
        bounds::read(&about.config_schema)?;
        if about.batch_events == Some(0) || about.batch_bytes == Some(0) {
            return Err("`batch-events` and `batch-bytes` must be at least 1".to_owned());
        }
        Ok(())
    });
    checked.map_err(|reason| site.rule(reason))
}

fn heading(name: &str, version: &str, summary: &str) -> Result<(), String> {
    hyphenated("name", name)?;
    let numbers: Vec<_> = version
        .split(['-', '+'])
        .next()
        .unwrap_or_default()
        .split('.')
        .collect();
    let numeric = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
    if numbers.len() != 3 || !numbers.iter().all(numeric) || version.len() > NAME_BYTES || !version.bytes().all(allowed)
    {
        return Err("`version` is not a semantic version".to_owned());
    }
    line("`summary`", summary)
}

fn hyphenated(what: &str, name: &str) -> Result<(), String> {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if name.len() <= NAME_BYTES && name.split('-').all(word) {
        Ok(())
    } else {
        Err(format!(
            "the {what} must be lower-case words joined by hyphens, at most {NAME_BYTES} bytes"
        ))
    }
}

fn line(what: &str, text: &str) -> Result<(), String> {
    if text.len() > LINE_BYTES || text.chars().any(char::is_control) {
        return Err(format!(
            "{what} must be one line of at most {LINE_BYTES} bytes, without control characters"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConnectionKind, Deprecation, Product};

    fn good() -> Description {
        Description {
            name: "user-login2".into(),
            version: "1.0.0-rc.1+build".into(),
            summary: "Who signed in".into(),
            connection: ConnectionKind::Epm,
            source: Product {
                vendor: "Oracle".into(),
                name: "Oracle EPM Cloud".into(),
            },
            requests: vec!["POST /interop/rest/v1/reports".into()],
            granularity: Granularity::Day,
            retention_days: Some(90),
            window_days: None,
            parameters: vec![parameter("api")],
            deprecation: None,
        }
    }

    fn parameter(name: &str) -> Parameter {
        Parameter {
            name: name.into(),
            summary: "Which API".into(),
            values: vec!["v1".into(), "v2".into()],
            default: Some("v2".into()),
            repeatable: false,
            required: false,
        }
    }

    #[test]
    fn a_description_that_keeps_the_rules_is_taken() {
        assert_eq!(check_report(&good()), Ok(()));
    }

    #[test]
    fn a_description_that_breaks_a_rule_is_refused() {
        let changes: &[fn(&mut Description)] = &[
            |about| about.name = String::new(),
            |about| about.name = "Upper".into(),
            |about| about.name = "a--b".into(),
            |about| about.name = "../x".into(),
            |about| about.name = "x".repeat(65),
            |about| about.version = "1.0".into(),
            |about| about.version = "1.0.x".into(),
            |about| about.version = "1.0.0-\u{1b}[31m".into(),
            |about| about.summary = "two\nlines".into(),
            |about| about.summary = "x".repeat(1001),
            |about| about.retention_days = Some(0),
            |about| about.source.vendor = " ".into(),
            |about| about.source.name = "a\nb".into(),
            |about| about.source.name = "x".repeat(65),
            |about| about.requests.push("FETCH /x".into()),
            |about| about.requests.push("GET x".into()),
            |about| about.requests = vec!["GET /x".into(); REQUESTS + 1],
            |about| about.granularity = Granularity::Minutes(0),
            |about| about.granularity = Granularity::Minutes(7),
            |about| about.window_days = Some(0),
            |about| about.parameters.push(parameter("api")),
            |about| about.parameters = (0..=PARAMETERS).map(|n| parameter(&format!("p{n}"))).collect(),
            |about| about.parameters[0].values = (0..=VALUES).map(|n| format!("v{n}")).collect(),
            |about| about.parameters.push(parameter("a b")),
            |about| about.parameters[0].default = Some("v3".into()),
            |about| about.parameters[0].required = true,
            |about| about.parameters[0].summary = "\u{7}".into(),
            |about| about.parameters[0].values.push("\r".into()),
            |about| {
                about.deprecation = Some(Deprecation {
                    notice: "\n".into(),
                    successor: None,
                })
            },
            |about| {
                about.deprecation = Some(Deprecation {
                    notice: "Old".into(),
                    successor: Some("?".into()),
                })
            },
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut about = good();
            change(&mut about);
            assert!(check_report(&about).is_err(), "change {number}");
        }
    }
}

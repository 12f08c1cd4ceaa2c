//! Checks of routes that cannot be meant: sinks and reports that are not there, conditions that do not compile.

use super::error::{ConfigError, nearest};
use super::host_toml::Config;
use built_in::BUILT_IN;
use connection::line_of;
use run::route::NAMES;

/// Refuses routes that cannot be taken.
pub(super) fn check_routes(config: &Config) -> Result<(), ConfigError> {
    let text = &config.file.text;
    for (number, route) in config.routes.iter().enumerate() {
        let wrong = |key: &str, message: String, nearest: Option<String>| ConfigError::Syntax {
            file: None,
            line: line_of(text, &["routes", &number.to_string(), key]),
            message: format!("routes[{number}].{key}: {message}"),
            nearest,
        };
        if route.to.is_empty() {
            return Err(wrong("to", "it leads nowhere".into(), None));
        }
        let sinks = || config.sinks.keys().map(String::as_str).chain(["stdout"]);
        if let Some(name) = route.to.iter().find(|name| !sinks().any(|sink| sink == name.as_str())) {
            let near = nearest(name, sinks()).map(str::to_owned);
            return Err(wrong("to", format!("there is no sink {name:?}"), near));
        }
        // A plugin of the user's own may have any name.
        let reports = || BUILT_IN.iter().map(|(name, _)| *name);
        let strange = (route.reports.iter().flatten())
            .find(|name| config.plugins.is_empty() && !reports().any(|report| report == name.as_str()));
        if let Some(name) = strange {
            let near = nearest(name, reports()).map(str::to_owned);
            return Err(wrong("reports", format!("there is no report {name:?}"), near));
        }
        let streams = || config.streams.iter().map(|stream| stream.name.as_str());
        let strange = (route.streams.iter().flatten()).find(|name| !streams().any(|stream| stream == name.as_str()));
        if let Some(name) = strange {
            let near = nearest(name, streams()).map(str::to_owned);
            return Err(wrong("streams", format!("there is no stream {name:?}"), near));
        }
        if let Err(error) = route.compile() {
            let near = error
                .unknown
                .as_deref()
                .and_then(|name| nearest(name, NAMES.iter().copied()));
            let Some(place) = error.place else {
                return Err(wrong("when", error.to_string(), None));
            };
            let (line, column) = route.place(text, place);
            return Err(ConfigError::Syntax {
                file: None,
                line: Some(line),
                message: format!("routes[{number}].when, column {column}: {error}"),
                nearest: near.map(str::to_owned),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(routes: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!("[sinks.archive]\nkind = \"stdout\"\n{routes}"))
    }

    #[test]
    fn routes_are_read() {
        let config = parse(
            "[[routes]]\nreports = [\"invalid-login\"]\noutcome = \"failure\"\nwhen = 'source_ip != \"\"'\nto = [\"archive\", \"stdout\"]\n",
        )
        .unwrap();
        assert_eq!(config.routes.len(), 1);
    }

    #[test]
    fn a_mistake_is_shown_with_its_place_and_what_may_be_meant() {
        for (route, line, part, nearest) in [
            (
                "when = 'outcom == \"x\"'\nto = [\"archive\"]",
                Some(4),
                "column 9: there is no \"outcom\"",
                Some("outcome"),
            ),
            (
                "when = '''\ntrue &&\n  outcom == \"x\"'''\nto = [\"archive\"]",
                Some(6),
                "column 3",
                Some("outcome"),
            ),
            (
                "when = 'outcome =='\nto = [\"archive\"]",
                Some(4),
                "routes[0].when, column",
                None,
            ),
            (
                "to = [\"archiv\"]",
                Some(4),
                "there is no sink \"archiv\"",
                Some("archive"),
            ),
            ("to = []", Some(4), "leads nowhere", None),
            (
                "streams = [\"prod\"]\nto = [\"archive\"]",
                Some(4),
                "there is no stream \"prod\"",
                None,
            ),
            (
                "reports = [\"user-logn\"]\nto = [\"archive\"]",
                Some(4),
                "there is no report",
                Some("user-login"),
            ),
        ] {
            let error = parse(&format!("[[routes]]\n{route}\n")).unwrap_err();
            let ConfigError::Syntax {
                line: found,
                nearest: near,
                message,
                ..
            } = &error
            else {
                panic!("{error}")
            };
            assert!(message.contains(part), "{route}: {message}");
            assert_eq!((*found, near.as_deref()), (line, nearest), "{route}: {message}");
        }
    }
}

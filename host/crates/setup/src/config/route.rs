//! `[[routes]]`: which events go to which sinks.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Config, ConfigError, nearest, place};
use built_in::BUILT_IN;
use event::Outcome;
use run::route::{self, Condition, ConditionError};

/// Which events go to which sinks. What is left out does not restrict; an event goes wherever a route sends it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Route {
    /// Only events of these reports.
    #[schemars(extend("x-default" = "all"))]
    pub reports: Option<Vec<String>>,
    /// Only events with one of these labels.
    #[schemars(extend("x-default" = "all"))]
    pub labels: Option<Vec<String>>,
    /// Only events with this outcome.
    #[schemars(extend("x-default" = "all"))]
    pub outcome: Option<Outcome>,
    /// A condition in CEL over the flat event, such as `outcome == "failure" && !source_ip.startsWith("10.")`.
    #[schemars(with = "Option<String>", extend("x-default" = "all"))]
    pub when: Option<toml::Spanned<String>>,
    /// Names of sinks, or `stdout`.
    pub to: Vec<String>,
}

impl Route {
    /// The route as a run takes it, without its sinks.
    pub fn compile(&self) -> Result<route::Route, ConditionError> {
        Ok(route::Route {
            reports: self.reports.clone(),
            labels: self.labels.clone(),
            outcome: self.outcome,
            when: match &self.when {
                Some(when) => Some(Condition::compile(when.get_ref())?),
                None => None,
            },
            to: Vec::new(),
        })
    }
}

impl Config {
    /// Whether every route can be taken. `text` is the file, for the places of mistakes.
    pub(super) fn check_routes(&self, text: &str) -> Result<(), ConfigError> {
        for (number, route) in self.routes.iter().enumerate() {
            let wrong = |key: &str, message: String, nearest: Option<String>| ConfigError::Syntax {
                file: None,
                line: place::line_of(text, &["routes", &number.to_string(), key]),
                message: format!("routes[{number}].{key}: {message}"),
                nearest,
            };
            if route.to.is_empty() {
                return Err(wrong("to", "it leads nowhere".into(), None));
            }
            let sinks = || self.sinks.keys().map(String::as_str).chain(["stdout"]);
            if let Some(name) = route.to.iter().find(|name| !sinks().any(|sink| sink == name.as_str())) {
                let near = nearest(name, sinks()).map(str::to_owned);
                return Err(wrong("to", format!("there is no sink {name:?}"), near));
            }
            // A plugin of the user's own may have any name.
            let reports = || BUILT_IN.iter().map(|(name, _)| *name);
            let strange = (route.reports.iter().flatten())
                .find(|name| self.plugins.is_empty() && !reports().any(|report| report == name.as_str()));
            if let Some(name) = strange {
                let near = nearest(name, reports()).map(str::to_owned);
                return Err(wrong("reports", format!("there is no report {name:?}"), near));
            }
            if let Err(error) = route.compile() {
                let near = error
                    .unknown
                    .as_deref()
                    .and_then(|name| nearest(name, route::NAMES.iter().copied()));
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
}

impl Route {
    /// Line and column in the file of a place in the condition.
    fn place(&self, text: &str, (line, column): (usize, usize)) -> (usize, usize) {
        let span = self.when.as_ref().map(toml::Spanned::span).unwrap_or_default();
        let (before, value) = text.split_at_checked(span.start).unwrap_or((text, ""));
        let first = before.matches('\n').count();
        let is_first = line == 1;
        let line = first + line;
        let quotes = match value {
            value if value.starts_with("\"\"\"\n") || value.starts_with("'''\n") => return (line + 1, column),
            value if value.starts_with("\"\"\"") || value.starts_with("'''") => 3,
            _ => 1,
        };
        if !is_first {
            return (line, column);
        }
        let start = before.rsplit('\n').next().unwrap_or_default().chars().count();
        (line, start + quotes + column)
    }
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

//! What is no mistake and yet hardly meant: routes that no event takes, sinks to which no route leads.

use super::{Config, Route, nearest};
use crate::event::{Activity, Outcome};
use crate::plugin::{BUILT_IN, built_in};
use crate::run::route::{Comparison, Repertoire, repertoire};

/// What the events can be that come to a route; none where a plugin of the user's own may give anything.
struct Reach {
    labels: Option<Vec<&'static str>>,
    outcomes: Vec<&'static str>,
    activities: Vec<&'static str>,
}

impl Config {
    /// One sentence for each, with its place in the file.
    pub fn remarks(&self) -> Vec<String> {
        let routes = self.routes.iter().enumerate();
        let mut remarks: Vec<String> = routes
            .flat_map(|(number, route)| self.of_route(number, route))
            .collect();
        let led = |name: &String| self.routes.iter().any(|route| route.to.contains(name));
        remarks.extend(self.sinks.keys().filter(|name| !led(name)).map(|name| {
            format!(
                "{}: no route leads to this sink; only `--sink {name}` uses it",
                self.place(&["sinks", name])
            )
        }));
        remarks
    }

    fn of_route(&self, number: usize, route: &Route) -> Vec<String> {
        let reach = self.reach(route);
        let index = number.to_string();
        let at = |key: &str| self.place(&["routes", &index, key]);
        let mut remarks = Vec::new();
        if let (Some(labels), Some(known)) = (&route.labels, &reach.labels) {
            let strange: Vec<_> = labels.iter().filter(|label| !known.contains(&label.as_str())).collect();
            let never = strange.len() == labels.len();
            remarks.extend(strange.into_iter().map(|label| {
                let what = match never {
                    true => "so no event takes this route",
                    false => "so it selects nothing",
                };
                format!(
                    "{}: no event has the label {label:?}, {what}{}",
                    at("labels"),
                    choice(label, known)
                )
            }));
        }
        if let Some(outcome) = route
            .outcome
            .filter(|outcome| !reach.outcomes.contains(&outcome.name()))
        {
            remarks.push(format!(
                "{}: no event of these reports ends with {:?}, so no event takes this route{}",
                at("outcome"),
                outcome.name(),
                choice(outcome.name(), &reach.outcomes)
            ));
        }
        let condition = route.compile().ok().and_then(|route| route.when);
        let comparisons = condition.map(|condition| condition.comparisons()).unwrap_or_default();
        remarks.extend(comparisons.iter().filter_map(|comparison| {
            let Comparison { member, text } = comparison;
            let known = reach.of(member)?;
            (!known.contains(&text.as_str())).then(|| {
                let problem = match member.as_str() {
                    "labels" => format!("no event has the label {text:?}"),
                    member => format!("`{member}` is never {text:?}"),
                };
                format!("{}: {problem}{}", at("when"), choice(text, known))
            })
        }));
        remarks
    }

    /// What can come to a route: of the reports that it names, or of all that there are.
    fn reach(&self, route: &Route) -> Reach {
        let names: Vec<&str> = match &route.reports {
            Some(reports) => reports.iter().map(String::as_str).collect(),
            None => (BUILT_IN.iter().map(|(name, _)| *name))
                .filter(|name| repertoire::of(name).is_some())
                .chain(self.plugins.keys().map(String::as_str))
                .collect(),
        };
        // A name under [plugins] hides the built-in one.
        let of = |name: &&str| match self.plugins.contains_key(*name) {
            true => None,
            false => built_in(name).and_then(|_| repertoire::of(name)),
        };
        let known: Option<Vec<Repertoire>> = names.iter().map(of).collect();
        match known {
            Some(known) => Reach {
                labels: Some(merged(known.iter().flat_map(|known| known.labels.iter().copied()))),
                outcomes: merged(
                    known
                        .iter()
                        .flat_map(|known| known.outcomes.iter().map(|outcome| outcome.name())),
                ),
                activities: merged(
                    (known.iter()).flat_map(|known| known.activities.iter().map(|activity| activity.name())),
                ),
            },
            None => Reach {
                labels: None,
                outcomes: Outcome::ALL.iter().map(|outcome| outcome.name()).collect(),
                activities: Activity::ALL.iter().map(|activity| activity.name()).collect(),
            },
        }
    }
}

impl Reach {
    /// What a member of the flat event can be; none for one that can be anything.
    fn of(&self, member: &str) -> Option<&[&'static str]> {
        match member {
            "labels" => self.labels.as_deref(),
            "outcome" => Some(&self.outcomes),
            "activity" => Some(&self.activities),
            _ => None,
        }
    }
}

fn merged(words: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut words: Vec<_> = words.collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// What may be meant.
fn choice(text: &str, known: &[&'static str]) -> String {
    match nearest(text, known.iter().copied()) {
        Some(near) => format!("; did you mean {near:?}?"),
        None => format!("; there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remarks(text: &str) -> Vec<String> {
        let sinks = "[sinks.siem]\nkind = \"stdout\"\n";
        Config::parse(&format!("{sinks}[[routes]]\nto = [\"siem\"]\n{text}"))
            .unwrap()
            .remarks()
    }

    #[test]
    fn a_route_that_no_event_takes_is_told_with_its_line() {
        for (route, expected) in [
            (
                "labels = [\"iam\"]",
                "line 5: routes.0.labels: no event has the label \"iam\", so no event takes this route; there are account, ",
            ),
            (
                "labels = [\"iam\", \"role\"]",
                "no event has the label \"iam\", so it selects nothing",
            ),
            (
                "when = 'outcome == \"failed\"'",
                "line 5: routes.0.when: `outcome` is never \"failed\"; there are failure, success, unknown",
            ),
            (
                "when = 'activity in [\"logn\"]'",
                "`activity` is never \"logn\"; did you mean \"logon\"?",
            ),
            (
                "when = '\"rol\" in labels'",
                "no event has the label \"rol\"; did you mean \"role\"?",
            ),
            (
                "reports = [\"user-login\"]\noutcome = \"failure\"",
                "no event of these reports ends with \"failure\"",
            ),
            (
                "reports = [\"invalid-login\"]\nlabels = [\"role\"]",
                "no event has the label \"role\"",
            ),
        ] {
            let found = remarks(route);
            assert_eq!(found.len(), 1, "{route}: {found:?}");
            assert!(found[0].contains(expected), "{route}: {found:?}");
        }
    }

    #[test]
    fn what_some_event_can_be_is_not_remarked_upon() {
        for route in [
            "labels = [\"role\", \"failure\"]",
            "when = 'outcome == \"failure\" && activity == \"logon\" && subject == \"anything\"'",
            "reports = [\"user-login\", \"invalid-login\"]\noutcome = \"failure\"",
            // Nobody knows the labels of a plugin of one's own; outcomes are the same for all.
            "labels = [\"iam\"]\n[plugins.mine]\npath = \"x.wasm\"",
            "reports = [\"mine\"]\noutcome = \"failure\"\n[plugins.mine]\npath = \"x.wasm\"",
        ] {
            assert_eq!(remarks(route), [""; 0], "{route}");
        }
    }

    #[test]
    fn a_sink_to_which_no_route_leads_is_remarked_upon() {
        let found = remarks("[sinks.forgotten]\nkind = \"stdout\"");
        assert_eq!(
            found,
            ["line 5: sinks.forgotten: no route leads to this sink; only `--sink forgotten` uses it"]
        );
    }
}

//! Remarks on what is no mistake and yet hardly meant: routes that no event takes or that lead nowhere new, sinks to which no route leads.

use std::collections::BTreeMap;

use super::error::nearest;
use super::host_toml::Config;
use super::route::RouteEntry;
use built_in::{BUILT_IN, built_in};
use event::{Activity, Outcome};
use run::route::{Comparison, Condition, Possible, Repertoire, repertoire};

/// The values that events can have which come to a route; none where a plugin of the user's own may give anything.
struct Reach {
    labels: Option<Vec<&'static str>>,
    outcomes: Vec<&'static str>,
    activities: Vec<&'static str>,
}

impl Config {
    /// The remarks, a sentence each with its place in the file.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for (number, route) in self.routes.iter().enumerate() {
            let found = self.of_route(number, route);
            if found.is_empty() {
                remarks.extend(self.shadowed(number, route));
            }
            remarks.extend(found);
        }
        let led = |name: &String| self.routes.iter().any(|route| route.to.contains(name));
        remarks.extend(self.sinks.keys().filter(|name| !led(name)).map(|name| {
            format!(
                "{}: no route leads to this sink; only `--sink {name}` uses it",
                self.place(&["sinks", name])
            )
        }));
        remarks
    }

    fn of_route(&self, number: usize, route: &RouteEntry) -> Vec<String> {
        let is_of_none = route.streams.is_some() && self.reports(route).is_empty();
        if is_of_none {
            let place = self.place(&["routes", &number.to_string(), "streams"]);
            return vec![format!(
                "{place}: no stream that it names is of a report that it takes, so no event takes this route"
            )];
        }
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
        let comparisons = condition.as_ref().map(Condition::comparisons).unwrap_or_default();
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
        if remarks.is_empty() {
            remarks.extend(
                self.contradiction(route, condition.as_ref())
                    .map(|(key, problem)| format!("{}: {problem}", at(key))),
            );
        }
        remarks
    }

    /// The key of a route whose demands no event can meet together, and why.
    fn contradiction(&self, route: &RouteEntry, condition: Option<&Condition>) -> Option<(&'static str, String)> {
        let possible = self.possible(route);
        if possible.iter().any(|possible| match condition {
            Some(condition) => condition.reachable(possible),
            None => possible.is_any(),
        }) {
            return None;
        }
        let among = match &route.reports {
            Some(reports) => format!("event of {}", reports.join(" or ")),
            None => "event".into(),
        };
        if condition.is_none() || !possible.iter().any(Possible::is_any) {
            let problem = format!(
                "no {among} has one of these labels and the outcome that goes with the route, so no event takes it"
            );
            return Some(("labels", problem));
        }
        let others = match (&route.labels, route.outcome) {
            (None, None) => "",
            _ => " together with the route's labels and outcome",
        };
        Some((
            "when",
            format!("no {among} can fulfil this condition{others}, so no event takes this route"),
        ))
    }

    /// The events that can come to a route and have its labels and outcome; for each report by itself.
    fn possible<'a>(&'a self, route: &'a RouteEntry) -> Vec<Possible<'a>> {
        let one_of = (route.labels.as_ref()).map(|labels| labels.iter().map(String::as_str).collect());
        let of = |known: Option<(&'a str, Repertoire)>| {
            let outcomes = known.map_or(Outcome::ALL.as_slice(), |(_, known)| known.outcomes);
            let activities = known.map_or(Activity::ALL.as_slice(), |(_, known)| known.activities);
            let outcomes = outcomes
                .iter()
                .filter(|outcome| route.outcome.is_none_or(|wanted| wanted == **outcome));
            let mut members = BTreeMap::from([
                ("outcome", outcomes.map(|outcome| outcome.name()).collect()),
                (
                    "activity",
                    activities.iter().map(|activity| activity.name()).collect::<Vec<_>>(),
                ),
            ]);
            members.extend(known.map(|(name, _)| ("report", vec![name])));
            Possible {
                members,
                labels: known.map(|(_, known)| known.labels.to_vec()),
                one_of: Option::clone(&one_of),
                outcomes_are_labels: known.is_some(),
            }
        };
        let names = self.reports(route);
        names
            .into_iter()
            .map(|name| of(self.repertoire(name).map(|known| (name, known))))
            .collect()
    }

    /// The remark that all events of a route go where it leads without it.
    fn shadowed(&self, number: usize, route: &RouteEntry) -> Option<String> {
        let covering = |sink: &String| {
            let others = self.routes.iter().enumerate();
            let mut covering = others.filter(|(other, by)| {
                *other != number
                    && by.to.contains(sink)
                    && takes_all_of(by, route)
                    && (*other < number || !takes_all_of(route, by))
            });
            covering.next().map(|(other, _)| other)
        };
        let by: Option<Vec<usize>> = route.to.iter().map(covering).collect();
        let mut by = by?;
        by.sort_unstable();
        by.dedup();
        let by: Vec<String> = by.iter().map(|other| format!("routes.{other}")).collect();
        Some(format!(
            "{}: this route adds nothing: all its events go to {} by {} as well",
            self.place(&["routes", &number.to_string()]),
            route.to.join(" and "),
            by.join(" and ")
        ))
    }

    /// The reports whose events come to a route: those that it names, or all that there are.
    fn reports<'a>(&'a self, route: &'a RouteEntry) -> Vec<&'a str> {
        let of_streams = (route.streams.iter().flatten()).filter_map(|name| self.stream(name));
        let of_streams: Vec<&str> = of_streams.map(|stream| stream.report.as_str()).collect();
        match &route.reports {
            // An event has to be of both.
            Some(reports) if route.streams.is_some() => (reports.iter().map(String::as_str))
                .filter(|report| of_streams.contains(report))
                .collect(),
            Some(reports) => reports.iter().map(String::as_str).collect(),
            None if route.streams.is_some() => of_streams,
            None => (BUILT_IN.iter().map(|(name, _)| *name))
                .filter(|name| repertoire::of(name).is_some())
                .chain(self.plugins.keys().map(String::as_str))
                .collect(),
        }
    }

    /// The repertoire of a report that comes with the binary. A name under [plugins] hides the built-in one.
    fn repertoire(&self, name: &str) -> Option<Repertoire> {
        match self.plugins.contains_key(name) {
            true => None,
            false => built_in(name).and_then(|_| repertoire::of(name)),
        }
    }

    /// The values that can come to a route: of the reports that it names, or of all that there are.
    fn reach(&self, route: &RouteEntry) -> Reach {
        let names = self.reports(route);
        let known: Option<Vec<Repertoire>> = names.iter().map(|name| self.repertoire(name)).collect();
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

/// True if every event that takes `route` takes `by`, as far as the two can be compared.
fn takes_all_of(by: &RouteEntry, route: &RouteEntry) -> bool {
    let within = |all: &Option<Vec<String>>, some: &Option<Vec<String>>| match (all, some) {
        (None, _) => true,
        (Some(all), Some(some)) => some.iter().all(|one| all.contains(one)),
        (Some(_), None) => false,
    };
    let text = |route: &RouteEntry| route.when.as_ref().map(|when| when.get_ref().trim().to_owned());
    within(&by.reports, &route.reports)
        && within(&by.streams, &route.streams)
        && within(&by.labels, &route.labels)
        && (by.outcome.is_none() || by.outcome == route.outcome)
        && (by.when.is_none() || text(by) == text(route))
}

impl Reach {
    /// The values that a member of the flat event can have; none for one that can be anything.
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

/// The end of a remark that says what may be meant.
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
            (
                "when = 'outcome == \"success\" && outcome == \"failure\"'",
                "line 5: routes.0.when: no event can fulfil this condition, so no event takes this route",
            ),
            (
                "reports = [\"user-login\"]\nwhen = 'activity != \"logon\"'",
                "no event of user-login can fulfil this condition",
            ),
            (
                "outcome = \"success\"\nwhen = 'outcome != \"success\"'",
                "can fulfil this condition together with the route's labels and outcome",
            ),
            (
                "reports = [\"invalid-login\", \"user-audit\"]\nwhen = 'report == \"invalid-login\" && outcome == \"success\"'",
                "no event of invalid-login or user-audit can fulfil",
            ),
            (
                "labels = [\"failure\"]\noutcome = \"success\"",
                "line 5: routes.0.labels: no event has one of these labels and the outcome",
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
            "when = 'report == \"user-login\" || outcome == \"failure\"'",
            "when = 'report == \"my-own\" && outcome != \"success\"'\n[plugins.mine]\npath = \"x.wasm\"",
            "labels = [\"failure\", \"role\"]\noutcome = \"success\"",
            "reports = [\"user-login\", \"invalid-login\"]\noutcome = \"failure\"",
            // Nobody knows the labels of a plugin of one's own; outcomes are the same for all.
            "labels = [\"iam\"]\n[plugins.mine]\npath = \"x.wasm\"",
            "reports = [\"mine\"]\noutcome = \"failure\"\n[plugins.mine]\npath = \"x.wasm\"",
        ] {
            assert_eq!(remarks(route), [""; 0], "{route}");
        }
    }

    #[test]
    fn a_route_that_leads_nowhere_new_is_remarked_upon() {
        let siem = |more: &str| format!("[[routes]]\nto = [\"siem\"]\n{more}\n");
        let both = |more: &str| format!("[[routes]]\nto = [\"siem\", \"archive\"]\n{more}\n");
        let everything = "by routes.0 as well";
        for (routes, expected) in [
            (vec![siem(""), siem("outcome = \"failure\"")], vec![(1, everything)]),
            (
                vec![siem("outcome = \"failure\""), siem("")],
                vec![(0, "by routes.1 as well")],
            ),
            (vec![siem(""), siem("")], vec![(1, everything)]),
            (vec![siem(""), both("outcome = \"failure\"")], vec![]),
            (
                vec![both(""), siem("labels = [\"role\"]"), siem("when = 'true'")],
                // That of the archive below as well.
                vec![(1, everything), (2, everything), (3, everything)],
            ),
            (
                vec![
                    siem("labels = [\"role\", \"group\"]"),
                    siem("labels = [\"role\"]\noutcome = \"success\""),
                ],
                vec![(1, everything)],
            ),
            (
                vec![
                    siem("labels = [\"role\"]"),
                    siem("labels = [\"role\", \"group\"]\noutcome = \"success\""),
                ],
                vec![],
            ),
            (
                vec![siem("reports = [\"user-login\"]"), siem("outcome = \"success\"")],
                vec![],
            ),
            (
                vec![
                    siem("when = 'subject != \"\"'"),
                    siem("reports = [\"user-login\"]\nwhen = ' subject != \"\" '"),
                ],
                vec![(1, everything)],
            ),
        ] {
            let sinks = "[sinks.siem]\nkind = \"stdout\"\n[sinks.archive]\nkind = \"stdout\"\n[[routes]]\nto = [\"archive\"]\nlabels = [\"other\"]\n";
            // The route to the archive comes last, so that the numbers are those of the table.
            let text = format!("{}{}", routes.concat(), sinks);
            let found = Config::parse(&text).unwrap().remarks();
            assert_eq!(found.len(), expected.len(), "{routes:?}: {found:?}");
            for (found, (number, by)) in found.iter().zip(expected) {
                assert!(
                    found.contains(&format!("routes.{number}: this route adds nothing")),
                    "{found}"
                );
                assert!(found.ends_with(by), "{found}");
            }
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

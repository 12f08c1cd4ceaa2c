//! The routes of events to sinks.
//!
//! A [`Route`] names sinks and what it asks of an event; an event goes wherever any route sends it, once. A [`Router`]
//! is the routes of a run, with places in the list of its sinks for names.

#[cfg(feature = "conditions")]
mod comparison;
#[cfg(feature = "conditions")]
mod condition;
mod condition_error;
#[cfg(not(feature = "conditions"))]
mod no_condition;
mod possible;
#[cfg(feature = "conditions")]
mod reach;
pub mod repertoire;

#[cfg(feature = "conditions")]
pub use condition::Condition;
pub use condition_error::ConditionError;
#[cfg(not(feature = "conditions"))]
pub use no_condition::NoCondition as Condition;
pub use possible::{Comparison, Possible};
pub use repertoire::Repertoire;

use event::{Event, Outcome, Provenance};

/// The names that a condition may use.
pub const NAMES: &[&str] = event::flat::NAMES;

/// A route and the events that take it; a condition that is left out does not restrict.
#[derive(Debug, Default)]
pub struct Route {
    /// Of one of these reports.
    pub reports: Option<Vec<String>>,
    /// The streams whose events take the route, by the names that the configuration gives them; all without.
    pub streams: Option<Vec<String>>,
    /// With one of these labels.
    pub labels: Option<Vec<String>>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Fulfilling this.
    pub when: Option<Condition>,
    /// The places of its sinks.
    pub to: Vec<usize>,
}

impl Route {
    /// True where events of a report, collected by the stream of that name, can take the route at all.
    pub fn serves(&self, report: &str, stream: Option<&str>) -> bool {
        let is_one_of = |names: &Option<Vec<String>>, name: Option<&str>| {
            names
                .as_ref()
                .is_none_or(|names| names.iter().any(|known| Some(known.as_str()) == name))
        };
        is_one_of(&self.reports, Some(report)) && is_one_of(&self.streams, stream)
    }

    fn takes(&mut self, event: &Event, provenance: &Provenance) -> bool {
        self.outcome.is_none_or(|outcome| outcome == event.outcome)
            && self
                .labels
                .as_ref()
                .is_none_or(|labels| event.labels.iter().any(|label| labels.contains(label)))
            && self.when.as_mut().is_none_or(|when| when.holds(event, provenance))
    }
}

/// Sends every event to its sinks.
#[derive(Debug)]
pub enum Router {
    /// To all of them.
    All,
    /// Sinks by the routes that lead to them.
    Routes(Vec<Route>),
}

impl Router {
    /// The router for one report and stream: routes that its events cannot take are left out.
    pub fn for_report(routes: Vec<Route>, report: &str, stream: Option<&str>) -> Self {
        let serving = routes.into_iter().filter(|route| route.serves(report, stream));
        Router::Routes(serving.collect())
    }

    /// Writes into `chosen`, for each of `sinks` sinks, whether an event goes there.
    pub fn choose(&mut self, event: &Event, provenance: &Provenance, sinks: usize, chosen: &mut Vec<bool>) {
        chosen.clear();
        match self {
            Router::All => chosen.resize(sinks, true),
            Router::Routes(routes) => {
                chosen.resize(sinks, false);
                for route in routes {
                    // A condition is not asked where its sinks are all chosen.
                    let news = route.to.iter().any(|place| chosen.get(*place) == Some(&false));
                    if news && route.takes(event, provenance) {
                        for place in &route.to {
                            if let Some(chosen) = chosen.get_mut(*place) {
                                *chosen = true;
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Activity, samples};

    fn event(outcome: Outcome, labels: &[&str]) -> Event {
        Event {
            labels: labels.iter().map(ToString::to_string).collect(),
            ..samples::sparse(Activity::Logon, outcome)
        }
    }

    fn chosen(router: &mut Router, event: &Event) -> Vec<usize> {
        let mut chosen = Vec::new();
        router.choose(event, &samples::epm(), 3, &mut chosen);
        (0..3).filter(|place| chosen[*place]).collect()
    }

    #[test]
    fn an_event_goes_wherever_any_route_sends_it_once() {
        let mut router = Router::Routes(vec![
            Route {
                outcome: Some(Outcome::Failure),
                to: vec![0, 1],
                ..Route::default()
            },
            Route {
                labels: Some(vec!["vip".into(), "root".into()]),
                to: vec![1, 2],
                ..Route::default()
            },
        ]);
        assert_eq!(chosen(&mut router, &event(Outcome::Failure, &[])), [0, 1]);
        assert_eq!(chosen(&mut router, &event(Outcome::Failure, &["x", "vip"])), [0, 1, 2]);
        assert_eq!(chosen(&mut router, &event(Outcome::Success, &["root"])), [1, 2]);
        assert_eq!(chosen(&mut router, &event(Outcome::Success, &["x"])), [0_usize; 0]);
        assert_eq!(chosen(&mut Router::All, &event(Outcome::Unknown, &[])), [0, 1, 2]);
    }

    #[test]
    fn a_route_of_another_report_is_left_out() {
        let routes = |reports: &[&str]| {
            vec![Route {
                reports: Some(reports.iter().map(ToString::to_string).collect()),
                to: vec![0],
                ..Route::default()
            }]
        };
        let event = event(Outcome::Success, &[]);
        let mut other = Router::for_report(routes(&["user-login"]), "invalid-login", None);
        assert_eq!(chosen(&mut other, &event), [0_usize; 0]);
        let mut same = Router::for_report(routes(&["user-login", "invalid-login"]), "invalid-login", None);
        assert_eq!(chosen(&mut same, &event), [0]);
        let of_stream = || Route {
            streams: Some(vec!["prod".into()]),
            to: vec![0],
            ..Route::default()
        };
        for (stream, expected) in [(Some("prod"), true), (Some("test"), false), (None, false)] {
            assert_eq!(of_stream().serves("invalid-login", stream), expected, "{stream:?}");
        }
    }
}

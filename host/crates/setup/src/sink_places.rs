//! The sinks that a stream's events are promised to, as the configuration says, and what is new of them.

use base::EVIDENCE;
use ledger::{Record, Stream};
use run::{PlaceNews, RunSink, SinkFact};

use crate::config::{Config, RouteEntry};
use crate::report::PreparedReport;
use crate::sinks::destination;

/// The sinks that the configuration's routes give the events of a report to, collected by the stream of that name; none where no route
/// does.
pub fn routed(config: &Config, report: &str, stream: Option<&str>) -> Option<Vec<String>> {
    let routes = config.routes.iter().filter(|route| route.serves(report, stream));
    let mut sinks: Vec<String> = routes.flat_map(|route| route.to.iter().cloned()).collect();
    sinks.sort_unstable();
    sinks.dedup();
    (!sinks.is_empty()).then_some(sinks)
}

/// The configured sinks of a run that the stream's events are promised to: those that it is collected for and that have to answer.
pub(crate) fn places(
    report: &PreparedReport,
    stream: Option<&str>,
    outlets: &[RunSink],
    sinks: &[String],
) -> Vec<SinkFact> {
    let config = &report.config;
    let of_run = outlets.iter().filter(|outlet| outlet.required);
    let facts = of_run.filter_map(|outlet| {
        let name = outlet.delivery.name();
        let is_meant = sinks.iter().any(|sink| sink == name) && is_promised(report, stream, name);
        let set = config.sinks.get(name).filter(|_| is_meant)?;
        let leads = |route: &&RouteEntry| {
            route.serves(&report.description.name, stream) && route.to.iter().any(|to| to == name)
        };
        Some(SinkFact {
            name: name.to_owned(),
            target: Some(destination(config, name, set)),
            from: config.routes.iter().filter(leads).filter_map(|route| route.from).min(),
        })
    });
    facts.collect()
}

/// True where a sink may be promised the stream of a report: it is configured, and a route leads to it where any does.
fn is_promised(report: &PreparedReport, stream: Option<&str>, name: &str) -> bool {
    let routed = routed(&report.config, &report.description.name, stream);
    let leads = |routed: Vec<String>| routed.iter().any(|sink| sink == name);
    report.config.sinks.contains_key(name) && routed.is_none_or(leads)
}

/// True where all of these sinks are configured and begin later than the stream: what others have they lack.
pub(crate) fn are_new_to(record: &Record, sinks: &[String], report: &PreparedReport, stream: Option<&str>) -> bool {
    let begins_later = |name: &String| match record.places.get(name) {
        Some(place) => place.since.is_some(),
        None => !record.sinks.contains(name),
    };
    let mut is_new = sinks
        .iter()
        .map(|name| is_promised(report, stream, name) && begins_later(name));
    !sinks.is_empty() && !record.fetched().covered.is_empty() && is_new.all(|is_new| is_new)
}

/// Warns of what is new of the sinks of a stream.
pub(crate) fn tell_news(news: &[PlaceNews], stream: &Stream) {
    for news in news {
        match news {
            PlaceNews::Joined { sink, since, wanted } => {
                let from = wanted.map_or("DAY".to_owned(), |wanted| wanted.to_string());
                let wished = wanted.map_or(String::new(), |wanted| format!(", not with {wanted} as its route says"));
                tracing::warn!(
                    target: EVIDENCE,
                    "sink {sink} is new to {stream} and begins with {since}{wished}; it lacks what lies before: `host backfill {} \
                     --from {from} --to {since} --sink {sink}` gets it",
                    stream.arguments()
                );
            }
            PlaceNews::Moved { sink, before, now } => tracing::warn!(
                target: EVIDENCE,
                "sink {sink} of {stream} delivered to {before} until now and delivers to {now} from now on; if that is another \
                 receiver, what was delivered before is not there: `host run {} --from DAY --sink {sink}` gives it history",
                stream.arguments()
            ),
        }
    }
}

//! Warnings about a stream before it is collected: that it begins beside others, that its parameters have changed, or that a run counts for
//! nobody.

use jiff::Timestamp;

use super::{LookingRun, RunStream};
use crate::SetupError;
use crate::config::Config;
use base::EVIDENCE;

impl RunStream {
    /// Warns where the parameters that choose events are others than they were: what was collected before was chosen by those.
    pub(super) fn tell_of_change(&self) {
        let (Some(before), Some(record)) = (self.found.chosen_before(), &self.found.record) else {
            return;
        };
        let stream = &self.found.stream;
        let up_to = record
            .fetched()
            .watermark
            .map_or_else(|| "now".to_owned(), |watermark| watermark.to_string());
        tracing::warn!(
            target: EVIDENCE,
            "the parameters of {stream} have changed: the events up to {up_to} were chosen by {}, those after it by {}",
            in_words(&before),
            in_words(&stream.parameters)
        );
    }

    /// A stream that begins beside others of the same source may be one of them under another name.
    pub(super) fn tell_of_others(&self, config: &Config, start: Option<Timestamp>) {
        let stream = &self.found.stream;
        let begins = match start {
            Some(start) => format!("begins at {start}"),
            None => "begins with today".to_owned(),
        };
        if let Some(name) = &stream.name {
            for other in self.found.moved.iter().chain(&self.found.siblings) {
                match &other.name {
                    None => tracing::warn!(
                        target: EVIDENCE,
                        "{stream} is new and {begins}, beside {other}: if it is to continue that one, stop here and run `host streams \
                         adopt {name} --of {}`",
                        other.arguments()
                    ),
                    // It may be this one under the name that it had.
                    Some(old) if config.stream(old).is_none() => tracing::warn!(
                        target: EVIDENCE,
                        "{stream} is new and {begins}, beside {other}, which is under no [[streams]] any more: if it is to continue \
                         that one, stop here and run `host streams rename {old} {name}`"
                    ),
                    // What is configured is another stream.
                    Some(_) => {}
                }
            }
            return;
        }
        // One that has a name takes its connection from the configuration.
        for moved in self.found.moved.iter().filter(|moved| moved.name.is_none()) {
            tracing::warn!(
                target: EVIDENCE,
                "{stream} is new and begins with today; {moved} was collected from the same URL: if the connection was \
                 renamed, stop here and run `host ledger rename {} --to {}`",
                moved.arguments(),
                stream.connection
            );
        }
        for sibling in &self.found.siblings {
            tracing::warn!(
                target: EVIDENCE,
                "{stream} is new and begins with today, beside {sibling}; `host backfill {} --from DAY` gets what was before",
                stream.arguments()
            );
        }
    }
}

impl LookingRun {
    /// The warning that the run only looks, and of the sinks that are given its events again by the next one.
    pub fn warn(&self) {
        let again: Vec<_> = self
            .named
            .iter()
            .filter(|name| self.sinks.contains(name))
            .cloned()
            .collect();
        let again = match again.is_empty() {
            true => String::new(),
            false => format!(", for the second time to {}", again.join(", ")),
        };
        tracing::warn!(
            target: EVIDENCE,
            "{} is collected for {}, but this run delivers to {}: what it delivers does not count as collected, and the \
             next run delivers it again{again}; --ledger FILE makes this run count",
            self.stream,
            self.sinks.join(", "),
            self.named.join(", ")
        );
    }

    /// The refusal of a backfill that would count for sinks that get nothing of it.
    pub fn refuse_backfill(&self) -> SetupError {
        let left_out: Vec<_> = self
            .sinks
            .iter()
            .filter(|sink| !self.named.contains(sink))
            .cloned()
            .collect();
        let add: Vec<_> = left_out.iter().map(|sink| format!("--sink {sink}")).collect();
        let message = format!(
            "this backfill leaves out {}, which {} is collected for",
            left_out.join(", "),
            self.stream
        );
        SetupError::usage(message).hint(format!(
            "add {}, or let it count as it is with --ledger FILE",
            add.join(" ")
        ))
    }
}

/// Parameters for people.
fn in_words(parameters: &[(String, String)]) -> String {
    let each: Vec<_> = (parameters.iter())
        .map(|(name, value)| format!("{name}={}", value.escape_debug()))
        .collect();
    match each.is_empty() {
        true => "no parameters".to_owned(),
        false => each.join(" "),
    }
}

//! Warnings about a stream before it is collected: that it begins beside others, or that its parameters have changed.

use jiff::Timestamp;

use super::RunStream;
use crate::config::Config;
use base::EVIDENCE;

impl RunStream {
    /// Says so where the parameters that choose events are others than they were: what was collected before was chosen by those.
    pub(super) fn tell_of_change(&self) {
        let (Some(before), Some(record)) = (self.found.chosen_before(), &self.found.record) else {
            return;
        };
        let stream = &self.found.stream;
        let up_to = record
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

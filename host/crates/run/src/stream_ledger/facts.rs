//! The facts that a run knows of its stream: where it is collected from, for which sinks, and where each of these begins.

use jiff::Timestamp;

use ledger::{Record, SinkPlace, Stream};

/// Facts that a run knows of its stream, and the stream's record is to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// The stream as the run has it, where that is another than it was: it has a name now, another connection or other parameters.
    pub stream: Option<Stream>,
    /// The base URL of the connection.
    pub origin: Option<String>,
    /// The names of the sinks that get the stream's events.
    pub sinks: Vec<String>,
    /// The time that runs look back, in seconds.
    pub depth: u64,
    /// The configured sinks that the stream's events are promised to.
    pub places: Vec<SinkFact>,
    /// The earliest instant at which a sink begins that is new to the stream: some events before may have been delivered already.
    pub begins: Option<Timestamp>,
    /// Sinks with a place in the stream that the configuration no longer sends its events to.
    pub removed: Vec<String>,
}

/// A configured sink that a stream's events are promised to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkFact {
    /// The sink's name.
    pub name: String,
    /// The sink's destination, in words without secrets.
    pub target: Option<String>,
    /// The instant at which the sink is to begin if it is new to the stream.
    pub from: Option<Timestamp>,
}

/// A change of the sinks of a stream that somebody should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceNews {
    /// A sink is new to a stream that was collected before.
    Joined {
        /// The sink's name.
        sink: String,
        /// The sink is given what lies behind this instant.
        since: Timestamp,
        /// The instant at which the sink was to begin, where that is earlier: what lies between it lacks.
        wanted: Option<Timestamp>,
    },
    /// A sink delivers to another place than before.
    Moved {
        /// The sink's name.
        sink: String,
        /// The destination until now.
        before: String,
        /// The destination from now on.
        now: String,
    },
}

impl StreamFacts {
    /// Writes the facts into a record, and answers with what somebody should know of them.
    pub(super) fn tell(&self, record: &mut Record) -> Vec<PlaceNews> {
        if let Some(stream) = &self.stream {
            // Derived ids keep the name of the first connection.
            if record.stream.connection != stream.connection {
                let first = record.stream.connection.clone();
                record.ids_of.get_or_insert(first);
            }
            record.stream.clone_from(stream);
        }
        record.origin = record.origin.take().or_else(|| self.origin.clone());
        record.look_back.depth = self.depth;
        let news = self.place(record);
        record.sinks.clone_from(&self.sinks);
        news
    }

    /// Gives each sink its place.
    fn place(&self, record: &mut Record) -> Vec<PlaceNews> {
        let is_new = record.watermark.is_none() && record.covered.is_empty() && record.windows.is_empty();
        let fetched = record.fetched().watermark;
        let mark = self.begins.into_iter().chain(fetched).max();
        let mut news = Vec::new();
        for SinkFact { name, target, from } in &self.places {
            if let Some(place) = record.places.get_mut(name) {
                if let (Some(before), Some(now)) = (&place.target, target)
                    && before != now
                {
                    news.push(PlaceNews::Moved {
                        sink: name.clone(),
                        before: before.clone(),
                        now: now.clone(),
                    });
                }
                place.target.clone_from(target);
                continue;
            }
            let since = if is_new {
                *from
            } else if record.sinks.contains(name) {
                // It was given everything before sinks had places of their own.
                None
            } else {
                (*from).max(mark)
            };
            if let Some(since) = since.filter(|_| !is_new) {
                news.push(PlaceNews::Joined {
                    sink: name.clone(),
                    since,
                    wanted: from.filter(|from| *from < since),
                });
            }
            let place = SinkPlace {
                since,
                strict: since.is_some() && since == *from,
                target: target.clone(),
                ..SinkPlace::default()
            };
            record.places.insert(name.clone(), place);
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::Interval;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn facts(sinks: &[(&str, Option<i64>)]) -> StreamFacts {
        StreamFacts {
            sinks: sinks.iter().map(|(name, _)| (*name).to_owned()).collect(),
            places: (sinks.iter())
                .map(|(name, from)| SinkFact {
                    name: (*name).to_owned(),
                    target: Some(format!("http {name}")),
                    from: from.map(at),
                })
                .collect(),
            ..StreamFacts::default()
        }
    }

    fn collected() -> Record {
        let mut record = Record::new(Stream::new("epm", "user-login", &[]));
        record.watermark = Some(at(10));
        record.covered = vec![Interval::new(at(0), at(10))];
        record.sinks = vec!["siem".into()];
        record
    }

    #[test]
    fn the_sinks_of_a_new_stream_and_of_an_older_program_begin_where_it_does() {
        let mut new = Record::new(Stream::new("epm", "user-login", &[]));
        assert!(facts(&[("siem", None)]).tell(&mut new).is_empty());
        assert_eq!(new.places["siem"].since, None);
        let mut old = collected();
        assert!(facts(&[("siem", None)]).tell(&mut old).is_empty());
        assert_eq!(old.places["siem"].since, None);
        assert!(facts(&[("siem", None)]).tell(&mut old).is_empty());
    }

    #[test]
    fn a_sink_that_is_added_begins_now_or_later_and_what_it_lacks_is_said() {
        for (from, since, wanted) in [(None, 10, None), (Some(4), 10, Some(4)), (Some(20), 20, None)] {
            let mut record = collected();
            let news = facts(&[("siem", None), ("new", from)]).tell(&mut record);
            let joined = PlaceNews::Joined {
                sink: "new".into(),
                since: at(since),
                wanted: wanted.map(at),
            };
            assert_eq!((news, record.places["new"].since), (vec![joined], Some(at(since))));
        }
        let mut record = collected();
        let days = StreamFacts {
            begins: Some(at(15)),
            ..facts(&[("new", None)])
        };
        days.tell(&mut record);
        assert_eq!(record.places["new"].since, Some(at(15)));
    }

    #[test]
    fn a_sink_that_delivers_elsewhere_keeps_its_place_and_is_news_once() {
        let mut record = collected();
        facts(&[("siem", None)]).tell(&mut record);
        let mut moved = facts(&[("siem", None)]);
        moved.places[0].target = Some("http other".into());
        let news = PlaceNews::Moved {
            sink: "siem".into(),
            before: "http siem".into(),
            now: "http other".into(),
        };
        assert_eq!(moved.tell(&mut record), [news]);
        assert!(moved.tell(&mut record).is_empty());
        assert_eq!(record.places["siem"].since, None);
    }
}

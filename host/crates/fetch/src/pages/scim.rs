//! Pages by position: RFC 7644 section 3.4.2.4, `startIndex` and `count`.
//!
//! The first page tells how long the list is and how many records a page really holds. The others are asked for several
//! at a time and taken in order. Lists change while they are read, and servers err; so what the pages bring is checked
//! against the longest total that any page told:
//!
//! - A page shorter than it should be is completed at once.
//! - Records that were added shift the rest to the right: repeated ones are dropped by their key, the tail is read.
//! - Records that were removed shift the rest to the left, over the edge of a page: the pages before are read again.
//! - A full page is not taken for the last one, whatever the total says: the next one is asked for, until one has room.
//! - A total that no page has shown to be more than what was read up to there tells nothing: it may be the page's own size.
//!   Then the list ends with a page that is empty or brings nothing new; where pages overlapped on the way, it is read again
//!   from other positions, until that brings nothing new either.
//! - A list may have one record twice: then fewer come than the total says, and it is whole where all positions were read and
//!   a second reading of all brings nothing new.
//! - A page that is larger than allowed is asked for in halves.
//! - Where fewer records come than the total says, the list is asked for in the other order. If that begins with the
//!   record that was read last, nothing is missing and it is the total that errs.
//! - What is still missing then is an error.
//!
//! The part of a list that had not changed so far is kept for another process, where there is a place for it
//! ([`bookmark`](super::bookmark)).
//!
//! A total that was wrong is said once. For all this there are [`SPARE`](reading::SPARE) requests besides the least number that
//! the list takes.

mod forward;
mod reading;
mod recheck;

use self::reading::{Reading, malformed};
use super::bookmark::{Bookmark, Earlier};
use super::collector::Collector;
use super::query::Query;
use crate::error::FetchError;

/// Reads a list by position: from where an earlier process left it, where that is known and the list is still the same. The
/// records that are read go to the bookmark, if there is one.
pub(super) async fn run(
    query: &Query<'_>,
    collector: Collector,
    count: u64,
    bookmark: Option<Bookmark>,
    earlier: Option<Earlier>,
) -> Result<Collector, FetchError> {
    let mut reading = Reading::new(query, count, bookmark);
    let mut place = query.turns.place();
    if let Some(earlier) = earlier {
        if reading.goes_on_from(&earlier).await? {
            reading.bookmark = Some(earlier.bookmark);
            let collector = reading
                .rest_kept(earlier.collector, earlier.mark.next, &mut place)
                .await?;
            drop(place);
            return whole(&mut reading, collector).await;
        }
        query
            .progress
            .warned("the list has changed since a part of it was read: it is read from its beginning");
    }
    let first = reading.first().await?;
    let (collector, taken) = query.keep(collector, first.body).await?;
    let Some(total) = taken.total else {
        drop(place);
        return reading.without_total(collector, 1, taken).await;
    };
    reading.total = total;
    if !collector.has_key() && taken.records > count {
        return Err(malformed("it holds more records than asked for"));
    }
    reading.size = count.max(taken.records);
    let (collector, got) = reading.complete(collector, 1, taken).await?;
    reading.settled = true;
    let collector = reading.rest_kept(collector, 1 + got, &mut place).await?;
    drop(place);
    whole(&mut reading, collector).await
}

/// Completes a list: what may lie behind its total, or was passed over while it changed.
async fn whole(reading: &mut Reading<'_>, mut collector: Collector) -> Result<Collector, FetchError> {
    if !reading.lacking {
        collector = reading.beyond(collector).await?;
        collector = reading.again(collector).await?;
        collector = reading.twice(collector).await?;
    }
    if collector.distinct() < reading.total {
        collector = reading.backwards(collector).await?;
    }
    reading.say_if_wrong(&collector);
    Ok(collector)
}

//! One paged query, from the request that a plugin planned to the records on the spool.

use std::sync::Arc;

use super::bookmark::{Bookmark, Earlier};
use super::collector::{CollectedPages, Collector, OF_CHAIN, OF_POSITIONS};
use super::query::Query;
use super::scheduler::PageScheduler;
use super::{chain, scim};
use crate::blocking::blocking;
use crate::checkpoint::FetchCheckpoint;
use crate::error::FetchError;
use crate::limits::FetchLimits;
use crate::progress::FetchProgress;
use crate::request;
use crate::spool::Spool;
use remote::Remote;

/// Carries out a paged query. The part of a list by position that is read is kept, where the checkpoint says where.
pub(crate) async fn run(
    remote: &Arc<Remote>,
    pages: &sandbox::Pages,
    spool: &Spool,
    limits: &FetchLimits,
    turns: &PageScheduler,
    progress: &dyn FetchProgress,
    checkpoint: &dyn FetchCheckpoint,
) -> Result<CollectedPages, FetchError> {
    let request = request::build(remote, &pages.request)?
        .limit(limits.page_bytes)
        // A query changes nothing, whatever its method.
        .repeatable(true);
    // No page is kept, so none needs a digest.
    let unhashed = spool.hashing(false);
    let query = Query {
        remote,
        limits,
        progress,
        turns,
        spool: &unhashed,
        request,
        records: pages.records.as_deref(),
        key: pages.key.as_deref(),
    };
    let remembered = match pages.paging {
        sandbox::Paging::Scim(_) => OF_POSITIONS,
        _ => OF_CHAIN,
    };
    let collector = Collector::new(spool, pages.key.clone(), limits, remembered)?;
    let collector = match &pages.paging {
        sandbox::Paging::Scim(count) => {
            let count = (*count).max(1).into();
            let place = checkpoint.document_place().filter(|_| pages.key.is_some());
            let (bookmark, earlier) = match place {
                Some(base) => {
                    let asked = query.digest(count);
                    let restored = Collector::new(spool, pages.key.clone(), limits, remembered)?;
                    let every = limits.pages_kept;
                    let bookmark = Bookmark::new(&base, asked.clone(), &collector, every)?;
                    let earlier = blocking(move || Earlier::read(&base, &asked, restored, every)).await?;
                    (Some(bookmark), earlier)
                }
                None => (None, None),
            };
            scim::run(&query, collector, count, bookmark, earlier).await?
        }
        sandbox::Paging::LinkNext => chain::run(&query, collector, &chain::Next::Link).await?,
        sandbox::Paging::LinkUntilEmpty => chain::run(&query, collector, &chain::Next::LinkUntilEmpty).await?,
        sandbox::Paging::NextToken((header, parameter)) => {
            let next = chain::Next::Token {
                header: header.clone(),
                parameter: parameter.clone(),
            };
            chain::run(&query, collector, &next).await?
        }
        sandbox::Paging::BodyToken(token) => {
            let next = chain::Next::BodyToken {
                path: token.token.clone(),
                parameter: token.parameter.clone(),
            };
            chain::run(&query, collector, &next).await?
        }
    };
    blocking(move || collector.finish()).await
}

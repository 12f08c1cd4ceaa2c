//! Carries out a paged query: the parser gets one JSON record a line and never sees a page.
//!
//! [`scim`] asks for positions in a list, several pages [`ahead`] and in order; [`chain`] follows from page to page. Both
//! take [`PageScheduler`] with the other lists of the run, so that the server is never asked for more at once than agreed. They hand each
//! [`Page`](page::Page) to a [`Collector`](collector::Collector), which drops repeated records and writes the rest to the
//! spool. A list that changed while it was read is completed where possible, and otherwise refused: a
//! missing record is worse than a failed run.

mod ahead;
mod bookmark;
mod chain;
mod collector;
pub(super) mod fuzz;
mod link;
mod page;
mod scim;

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::checkpoint::FetchCheckpoint;
use super::download::blocking;
use super::error::FetchError;
use super::limits::FetchLimits;
use super::lines::Tally;
use super::progress::FetchProgress;
use super::spool::{Spool, Spooled};
use super::web_page;
use remote::{Answer, Remote, Request};

pub(super) use ahead::PageScheduler;
pub use bookmark::files as kept_files;
use bookmark::{Bookmark, Earlier};
use collector::{Collector, Taken};

/// The records of a paged query.
#[derive(Debug)]
pub(super) struct Collected {
    /// One JSON text a line.
    pub(super) lines: Spooled,
    /// How many.
    pub(super) tally: Tally,
}

/// What a query needs at every page.
struct Query<'a> {
    remote: &'a Arc<Remote>,
    limits: &'a FetchLimits,
    progress: &'a dyn FetchProgress,
    turns: &'a PageScheduler,
    request: Request,
    records: Option<&'a str>,
    key: Option<&'a str>,
}

/// Carries out a paged query. What is read of a list by position is kept, where the journal says where.
pub(super) async fn run(
    remote: &Arc<Remote>,
    pages: &sandbox::Pages,
    spool: &Spool,
    limits: &FetchLimits,
    turns: &PageScheduler,
    progress: &dyn FetchProgress,
    journal: &dyn FetchCheckpoint,
) -> Result<Collected, FetchError> {
    let request = super::request::build(remote, &pages.request)?
        .limit(limits.page_bytes)
        // A query changes nothing, whatever its method.
        .repeatable(true);
    let query = Query {
        remote,
        limits,
        progress,
        turns,
        request,
        records: pages.records.as_deref(),
        key: pages.key.as_deref(),
    };
    let collector = Collector::new(spool, pages.key.clone(), limits)?;
    let collector = match &pages.paging {
        sandbox::Paging::Scim(count) => {
            let count = (*count).max(1).into();
            let place = journal.place_for_pages().filter(|_| pages.key.is_some());
            let (keeper, earlier) = match place {
                Some(base) => {
                    let asked = digest(&query, count);
                    let restored = Collector::new(spool, pages.key.clone(), limits)?;
                    let every = limits.pages_kept;
                    let keeper = Bookmark::new(&base, asked.clone(), &collector, every)?;
                    let earlier = blocking(move || Earlier::read(&base, &asked, restored, every)).await?;
                    (Some(keeper), earlier)
                }
                None => (None, None),
            };
            scim::run(&query, collector, count, keeper, earlier).await?
        }
        sandbox::Paging::LinkNext => chain::run(&query, collector, &chain::Next::Link).await?,
        sandbox::Paging::NextToken((header, parameter)) => {
            let next = chain::Next::Token {
                header: header.clone(),
                parameter: parameter.clone(),
            };
            chain::run(&query, collector, &next).await?
        }
    };
    blocking(move || collector.finish()).await
}

impl Query<'_> {
    /// Asks for one page, in its turn.
    async fn ask(&self, request: Request) -> Result<Answer, FetchError> {
        let _turn = self.turns.request().await;
        Ok(self.remote.exchange(request).await?)
    }

    /// Reads a page and keeps what is new in it.
    async fn keep(&self, mut collector: Collector, body: Bytes) -> Result<(Collector, Taken), FetchError> {
        if body.trim_ascii_start().first() == Some(&b'<') {
            return Err(web_page::instead_of(self.remote, page::WHAT, &body));
        }
        let member = self.records.map(str::to_owned);
        let read = blocking(move || {
            let page = page::Page::read(&body, member.as_deref(), collector.record_bytes());
            let taken = page.and_then(|page| collector.take(&page));
            Ok((collector, taken))
        });
        let (collector, taken) = read.await?;
        let taken = taken.map_err(|error| self.presentable(error))?;
        self.progress.records(collector.count(), taken.total);
        Ok((collector, taken))
    }

    /// What tells the first record of a page from all others.
    fn first_key(&self, collector: &Collector, body: &[u8]) -> Result<Option<String>, FetchError> {
        let page = page::Page::read(body, self.records, collector.record_bytes());
        let page = page.map_err(|error| self.presentable(error))?;
        Ok(page.records.first().and_then(|record| collector.key(record)))
    }

    /// What a page says about a failure may hold anything.
    fn presentable(&self, error: FetchError) -> FetchError {
        match error {
            FetchError::Malformed { what, why } => FetchError::Malformed {
                what,
                why: self.remote.presentable(&why, 300),
            },
            FetchError::JobFailed { status, code, text } => FetchError::JobFailed {
                status,
                code,
                text: self.remote.presentable(&text, 300),
            },
            FetchError::Refused { code, text } => FetchError::Refused {
                code,
                text: self.remote.presentable(&text, 300),
            },
            other => other,
        }
    }
}

/// SHA-256 of what a query asks, as hexadecimal digits.
fn digest(query: &Query<'_>, count: u64) -> String {
    let mut hash = Sha256::new();
    let body = query.request.body_bytes().map(|body| &body[..]);
    for part in [
        query.request.method().as_str().as_bytes(),
        query.request.url().as_str().as_bytes(),
        body.unwrap_or_default(),
        query.records.unwrap_or_default().as_bytes(),
        query.key.unwrap_or_default().as_bytes(),
        &count.to_be_bytes(),
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The URL with these query parameters, and no others of their names.
fn with_parameters(url: &Url, parameters: &[(&str, &str)]) -> Url {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| !parameters.iter().any(|(new, _)| new.eq_ignore_ascii_case(name)))
        .collect();
    let mut changed = url.clone();
    changed
        .query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .extend_pairs(parameters);
    changed
}

/// The URL without these query parameters; none where it has none of them.
fn without_parameters(url: &Url, names: &[&str]) -> Option<Url> {
    let is_named = |name: &str| names.iter().any(|gone| gone.eq_ignore_ascii_case(name));
    if !url.query_pairs().any(|(name, _)| is_named(&name)) {
        return None;
    }
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| !is_named(name))
        .collect();
    let mut changed = url.clone();
    changed.set_query(None);
    if !kept.is_empty() {
        changed.query_pairs_mut().extend_pairs(kept);
    }
    Some(changed)
}

//! A paged query, and one page of it.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::body::{self, PageAnswer, PageBody};
use super::collector::{Collector, Taken};
use super::listing::WHAT;
use super::page::Page;
use super::scheduler::PageScheduler;
use crate::blocking::blocking;
use crate::error::FetchError;
use crate::limits::FetchLimits;
use crate::progress::FetchProgress;
use crate::spool::Spool;
use crate::web_page;
use remote::{Remote, Request};

/// A paged query, with all that it needs at every page.
pub(super) struct Query<'a> {
    pub(super) remote: &'a Arc<Remote>,
    pub(super) limits: &'a FetchLimits,
    pub(super) progress: &'a dyn FetchProgress,
    pub(super) turns: &'a PageScheduler,
    /// For pages that are not held in memory.
    pub(super) spool: &'a Spool,
    pub(super) request: Request,
    /// The members to the records in a page, and to the key in a record.
    pub(super) records: Option<&'a [String]>,
    pub(super) key: Option<&'a [String]>,
}

impl Query<'_> {
    /// Asks for one page, in its turn.
    pub(super) async fn ask(&self, request: Request) -> Result<PageAnswer, FetchError> {
        let _turn = self.turns.request().await;
        body::receive(self.remote, request, self.spool, self.turns).await
    }

    /// Reads a page and keeps what is new in it.
    pub(super) async fn keep(
        &self,
        mut collector: Collector,
        body: Arc<PageBody>,
    ) -> Result<(Collector, Taken), FetchError> {
        if body.is_markup()? {
            return Err(web_page::instead_of(self.remote, WHAT, &body.head()?));
        }
        let path = self.records.map(<[String]>::to_vec);
        let read = blocking(move || {
            let page = Page::read(&body, path.as_deref(), collector.record_bytes());
            let taken = page.and_then(|page| collector.take(&page));
            Ok((collector, taken))
        });
        let (collector, taken) = read.await?;
        let taken = taken.map_err(|error| self.presentable(error))?;
        self.progress.records(collector.count(), taken.total);
        Ok((collector, taken))
    }

    /// The key of the first record of a page.
    pub(super) fn first_key(&self, collector: &Collector, body: &PageBody) -> Result<Option<String>, FetchError> {
        let page = Page::read(body, self.records, collector.record_bytes());
        let page = page.map_err(|error| self.presentable(error))?;
        let (mut key, mut is_first) = (None, true);
        page.each(&mut |record| {
            if std::mem::take(&mut is_first) {
                key = collector.key(record);
            }
            Ok(())
        })?;
        Ok(key)
    }

    /// The error fit to be shown.
    pub(super) fn presentable(&self, error: FetchError) -> FetchError {
        error.presentable(self.remote)
    }

    /// SHA-256 of the question, as hexadecimal digits.
    pub(super) fn digest(&self, count: u64) -> String {
        let mut hash = Sha256::new();
        let body = self.request.body_bytes().map(|body| &body[..]);
        for part in [
            self.request.method().as_str().as_bytes(),
            self.request.url().as_str().as_bytes(),
            body.unwrap_or_default(),
            self.records.unwrap_or_default().join("\0").as_bytes(),
            self.key.unwrap_or_default().join("\0").as_bytes(),
            &count.to_be_bytes(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

//! The body of a page as it came: in memory, or on the spool.
//!
//! Pages of the usual size are read from memory. What is larger than a page in memory may be, and what comes while the others have
//! taken all the memory that there is for pages, goes to the spool while it arrives, so that neither large pages nor many of them
//! cost memory.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use url::Url;

use super::scheduler::{PageMemory, PageScheduler};
use crate::error::FetchError;
use crate::spool::{Spool, Spooled};
use crate::spool_writer::SpoolWriter;
use crate::web_page;
use remote::{Remote, Request, Response};

/// An answer that is a page, or should be.
pub(super) struct PageAnswer {
    pub(super) headers: HeaderMap,
    /// The address that the page came from, after redirects.
    pub(super) url: Url,
    pub(super) body: Arc<PageBody>,
}

/// The body of a page.
#[derive(Debug)]
pub(super) enum PageBody {
    /// In memory.
    Held {
        bytes: Bytes,
        /// Given back with the page.
        _memory: Option<PageMemory>,
    },
    Spooled(Spooled),
}

impl PageBody {
    /// The beginning, as far as it is looked at to tell what came instead of a page.
    pub(super) fn head(&self) -> io::Result<Cow<'_, [u8]>> {
        match self {
            PageBody::Held { bytes, .. } => Ok(Cow::Borrowed(bytes)),
            PageBody::Spooled(body) => body.head(web_page::LOOKED_AT).map(Cow::Owned),
        }
    }

    /// True where it is a web page, or another document with tags.
    pub(super) fn is_markup(&self) -> io::Result<bool> {
        Ok(self.head()?.trim_ascii_start().first() == Some(&b'<'))
    }
}

/// Sends a request and takes its answer in; a failure anywhere is repeated under the retry policy.
pub(super) async fn receive(
    remote: &Remote,
    request: Request,
    spool: &Spool,
    turns: &PageScheduler,
) -> Result<PageAnswer, FetchError> {
    let received = remote.exchange_into(request, |response| {
        let (spool, turns) = (spool.clone(), turns.clone());
        async move {
            match take_in(response, &spool, &turns).await {
                Err(FetchError::Remote(error)) => Err(error),
                // What failed here would fail again.
                outcome => Ok(outcome),
            }
        }
    });
    received.await?
}

async fn take_in(mut response: Response, spool: &Spool, turns: &PageScheduler) -> Result<PageAnswer, FetchError> {
    let mut memory = turns.memory();
    let promised = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
    let mut held = BytesMut::new();
    let mut spooled = match promised > memory.most() {
        true => Some(SpoolWriter::create(spool).await?),
        false => None,
    };
    if spooled.is_none() {
        held.reserve(promised);
    }
    while let Some(piece) = response.chunk().await? {
        match &mut spooled {
            Some(file) => file.write(&piece).await?,
            None if memory.grow(piece.len()) => held.extend_from_slice(&piece),
            None => {
                let mut file = SpoolWriter::create(spool).await?;
                file.write(&std::mem::take(&mut held)).await?;
                file.write(&piece).await?;
                memory = turns.memory();
                spooled = Some(file);
            }
        }
    }
    let (headers, url) = (response.headers().clone(), response.url().clone());
    // Its place among the requests that are under way is free from here on.
    drop(response);
    let body = match spooled {
        Some(file) => PageBody::Spooled(file.finish().await?),
        None => PageBody::Held {
            bytes: held.freeze(),
            _memory: Some(memory),
        },
    };
    Ok(PageAnswer {
        headers,
        url,
        body: Arc::new(body),
    })
}

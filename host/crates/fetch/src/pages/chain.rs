//! Pages that each name the next one: a `Link` header, or a token in a header or in the body.

use std::collections::HashSet;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use url::Url;

use super::body::PageAnswer;
use super::body_token;
use super::collector::Collector;
use super::link;
use super::listing::malformed;
use super::query::Query;
use super::url_parameters::with_parameters;
use crate::blocking::blocking;
use crate::error::FetchError;
use remote::{LINK_BYTES, Request};

/// So many pages in a row with nothing new are a loop.
const STALE: u32 = 3;

/// So many empty pages in a row are the end of a list that can be polled.
const EMPTY: u32 = 3;

/// The place in which a page names the next one.
pub(super) enum Next {
    /// `Link: <…>; rel=next`.
    Link,
    /// The `Link` header, in a list whose pages name a next one for ever: it ends with an empty page that leads to none that is new, and with
    /// [`EMPTY`] of them in a row.
    LinkUntilEmpty,
    /// A response header, whose value goes back as a query parameter.
    Token { header: String, parameter: String },
    /// A token in the body, whose value goes back as a query parameter.
    BodyToken { path: Vec<String>, parameter: String },
}

impl Next {
    /// The request for the page after this one.
    async fn request(&self, query: &Query<'_>, answer: &PageAnswer) -> Result<Option<Request>, FetchError> {
        let url = match self {
            Next::Link | Next::LinkUntilEmpty => match link::next(&answer.headers) {
                None => return Ok(None),
                Some(target) => query.remote.resolve_from(&answer.url, &target)?,
            },
            Next::Token { header, parameter } => {
                let token = answer
                    .headers
                    .get(header.as_str())
                    .and_then(|value| value.to_str().ok())
                    .map(str::trim);
                match token {
                    None | Some("") => return Ok(None),
                    Some(token) => with_token(query.request.url(), parameter, token)?,
                }
            }
            Next::BodyToken { path, parameter } => {
                // Whoever reads the page says what came instead.
                if answer.body.is_markup()? {
                    return Ok(None);
                }
                let (body, path) = (Arc::clone(&answer.body), path.clone());
                let (records, most) = (query.records.map(<[String]>::to_vec), query.limits.record_bytes);
                let token = blocking(move || body_token::read(&body, &path, records.as_deref(), most));
                match token.await.map_err(|error| query.presentable(error))? {
                    None => return Ok(None),
                    Some(token) => with_token(query.request.url(), parameter, &token)?,
                }
            }
        };
        Ok(Some(query.request.clone().at(url)))
    }
}

/// The URL of the page that a token stands for.
fn with_token(url: &Url, parameter: &str, token: &str) -> Result<Url, FetchError> {
    if token.len() > LINK_BYTES {
        return Err(malformed(format!(
            "the token of the next page has {} bytes, more than the {LINK_BYTES} that one may have",
            token.len()
        )));
    }
    Ok(with_parameters(url, &[(parameter, token)]))
}

/// The pages that were asked for.
struct PageTrail {
    /// Of a hundred thousand long links only what tells them apart is kept.
    visited: HashSet<[u8; 32]>,
    count: u64,
}

impl PageTrail {
    /// The request for the page behind an answer. Where that page was read already, the list is a loop; behind an empty page it is at
    /// its end.
    async fn onward(
        &mut self,
        query: &Query<'_>,
        next: &Next,
        answer: &PageAnswer,
        is_empty: bool,
    ) -> Result<Option<Request>, FetchError> {
        let Some(request) = next.request(query, answer).await? else {
            return Ok(None);
        };
        if !self.visited.insert(mark(request.url())) {
            return match is_empty {
                true => Ok(None),
                false => Err(looping("a page names an already read page as the next one")),
            };
        }
        if self.count >= query.limits.pages {
            return Err(FetchError::TooManyPages {
                limit: query.limits.pages,
            });
        }
        self.count += 1;
        Ok(Some(request))
    }
}

/// The answer to a request, where there is one.
async fn ask(query: &Query<'_>, request: Option<Request>) -> Result<Option<PageAnswer>, FetchError> {
    match request {
        Some(request) => query.ask(request).await.map(Some),
        None => Ok(None),
    }
}

/// Follows from page to page.
pub(super) async fn run(query: &Query<'_>, mut collector: Collector, next: &Next) -> Result<Collector, FetchError> {
    let mut trail = PageTrail {
        visited: HashSet::from([mark(query.request.url())]),
        count: 1,
    };
    let mut answer = query.ask(query.request.clone()).await?;
    let (mut stale, mut empty) = (0, 0);
    // A total need not be told, but a chain that ends before it has lost a link.
    let (mut read, mut told) = (0, 0);
    loop {
        let (kept, following) = match next {
            // Its records say what its link counts for.
            Next::LinkUntilEmpty => {
                let kept = query.keep(collector, Arc::clone(&answer.body)).await?;
                empty = if kept.1.records == 0 { empty + 1 } else { 0 };
                let request = match empty {
                    EMPTY.. => None,
                    _ => trail.onward(query, next, &answer, empty > 0).await?,
                };
                (kept, ask(query, request).await?)
            }
            // The next page is on its way while this one is read.
            _ => {
                let request = trail.onward(query, next, &answer, false).await?;
                tokio::try_join!(query.keep(collector, answer.body), ask(query, request))?
            }
        };
        collector = kept.0;
        let taken = kept.1;
        read += taken.records;
        told = taken.total.unwrap_or(0).max(told);
        stale = if taken.records > 0 && taken.new == 0 {
            stale + 1
        } else {
            0
        };
        match following {
            None if read < told => return Err(FetchError::Incomplete { got: read, total: told }),
            None => return Ok(collector),
            Some(_) if stale >= STALE => return Err(looping("the pages repeat themselves")),
            Some(following) => answer = following,
        }
    }
}

/// A short mark that tells a URL from all others.
fn mark(url: &Url) -> [u8; 32] {
    Sha256::digest(url.as_str()).into()
}

fn looping(why: &str) -> FetchError {
    malformed(why.into())
}

//! A query that is answered in pages.
//!
//! Three ways to get from one page to the next: SCIM's `startIndex` and `count`, a `Link` header, a token in a header.
//! Pages of a SCIM query are asked for ahead of the one that is read. Whatever happens between two pages on a server that
//! is written to, no record is handed out twice, and a list that stays shorter than the server says it is is an error.

use futures_util::{StreamExt, stream};
use http::StatusCode;
use url::Url;

use super::collector::Collector;
use super::error::FetchError;
use super::records::{self, Records};
use super::{Fetched, Fetcher, download, request};
use crate::plugin::{self, Paging};
use crate::remote::{RemoteError, Request};

/// Pages of one query that are asked for at once.
const AHEAD: usize = 3;
/// Times that a SCIM query is read from the start because the list changed under it.
const PASSES: u32 = 3;
/// Requests beyond those that a list of this length needs, before the server is taken to lie.
const SPARE_REQUESTS: u64 = 8;
/// Pages of a query whose length nobody tells.
const MOST_PAGES: u64 = 1_000_000;

impl Fetcher {
    /// Carries out a paged query; the document has one record a line.
    pub(super) async fn pages(&self, pages: &plugin::Pages) -> Result<Fetched, FetchError> {
        let query = Query {
            fetcher: self,
            member: pages.records.clone(),
        };
        let collector = Collector::new(&self.spool, pages.key.clone())?;
        let collector = match &pages.paging {
            Paging::Scim(count) => query.scim(pages, u64::from((*count).max(1)), collector).await?,
            Paging::LinkNext => query.chained(pages, &Next::Link, collector).await?,
            Paging::NextToken((header, parameter)) => {
                let next = Next::Token {
                    header: header.clone(),
                    parameter: parameter.clone(),
                };
                query.chained(pages, &next, collector).await?
            }
        };
        let records = Some(collector.count);
        let document = download::blocking(move || Ok(collector.finish()?)).await?;
        Ok(Fetched {
            document,
            file_name: None,
            extension: None,
            job: None,
            polls: 0,
            records,
            cleanup: None,
        })
    }
}

/// How a server names the next page.
enum Next {
    Link,
    Token { header: String, parameter: String },
}

struct Query<'a> {
    fetcher: &'a Fetcher,
    member: Option<String>,
}

/// A page, and the head of the answer that it came with.
struct Page {
    records: Records,
    url: Url,
    links: Vec<String>,
    token: Option<String>,
}

impl Query<'_> {
    /// Reads the list, again where it changed meanwhile, until nothing is missing.
    async fn scim(&self, pages: &plugin::Pages, count: u64, mut collector: Collector) -> Result<Collector, FetchError> {
        let mut planned = pages.request.clone();
        for pass in 1..=PASSES {
            let before = collector.count;
            let first = match self.scim_page(&planned, 1, count).await {
                // Some identity domains refuse to sort.
                Err(error) if pass == 1 && is_refused_sort(&error, &planned) => {
                    tracing::warn!("the server refuses to sort; asking without `sortBy`");
                    planned
                        .query
                        .retain(|(name, _)| name != "sortBy" && name != "sortOrder");
                    self.scim_page(&planned, 1, count).await?
                }
                first => first?,
            };
            let read;
            (collector, read) = self.pass(&planned, first, collector).await?;
            let complete = collector.count >= read.total;
            if complete && (!read.shrank || collector.count == before) {
                return Ok(collector);
            }
            if pass == PASSES || !collector.remembers_all() {
                return Err(FetchError::Malformed {
                    what: "a paged query",
                    why: format!(
                        "it says that there are {} records and gave {}",
                        read.total, collector.count
                    ),
                });
            }
            tracing::info!(
                pass,
                total = read.total,
                have = collector.count,
                "the list changed while it was read; again"
            );
        }
        Ok(collector)
    }

    /// Reads the list once, from the first page to the end.
    async fn pass(
        &self,
        planned: &plugin::HttpRequest,
        first: Records,
        mut collector: Collector,
    ) -> Result<(Collector, Pass), FetchError> {
        let mut read = Pass {
            total: first.total.unwrap_or(first.count),
            shrank: false,
        };
        // Where the server gives less than was asked for, that is its page size.
        let size = first.count;
        let mut next = 1 + size;
        collector = add(collector, first).await?;
        self.tell(&collector, &read);
        if size == 0 {
            return Ok((collector, read));
        }
        let budget = 2 * read.total.div_ceil(size) + SPARE_REQUESTS;
        let mut asked = 1;
        while next <= read.total {
            // Where all is well, this asks for every page that is left, some of them ahead.
            let starts: Vec<u64> = (0..budget)
                .map(|page| next + page * size)
                .take_while(|start| *start <= read.total)
                .collect();
            let mut ahead = stream::iter(starts)
                .map(|start| async move { (start, self.scim_page(planned, start, size).await) })
                .buffered(AHEAD);
            let mut got = 0;
            while let Some((start, page)) = ahead.next().await {
                let page = page?;
                asked += 1;
                if let Some(total) = page.total {
                    read.shrank |= total < read.total;
                    read.total = total;
                }
                got = page.count;
                collector = add(collector, page).await?;
                self.tell(&collector, &read);
                next = start + got;
                // A short page: what it left out comes first on the next one, wherever that starts.
                if got < size.min((read.total + 1).saturating_sub(start)) {
                    break;
                }
            }
            if got == 0 {
                // An empty page before the end; whether something is missing is seen by the count.
                break;
            }
            if asked > budget {
                return Err(FetchError::Malformed {
                    what: "a paged query",
                    why: format!("{asked} pages of at most {size} did not hold {} records", read.total),
                });
            }
        }
        Ok((collector, read))
    }

    /// Follows links or tokens until there is none.
    async fn chained(
        &self,
        pages: &plugin::Pages,
        next: &Next,
        mut collector: Collector,
    ) -> Result<Collector, FetchError> {
        let malformed = |why: &str| FetchError::Malformed {
            what: "a paged query",
            why: why.into(),
        };
        let mut request = request::build(&self.fetcher.remote, &pages.request)?;
        let mut followed = std::collections::HashSet::new();
        for _ in 0..MOST_PAGES {
            let token_header = match next {
                Next::Link => None,
                Next::Token { header, .. } => Some(header.as_str()),
            };
            let page = self.page(request, token_header).await?;
            collector = add(collector, page.records).await?;
            self.fetcher.progress.records(collector.count, None);
            let url = match next {
                Next::Link => match page.links.iter().find_map(|links| next_link(links)) {
                    Some(link) => Some(self.fetcher.remote.resolve_from(&page.url, link)?),
                    None => None,
                },
                Next::Token { parameter, .. } => page
                    .token
                    .filter(|token| !token.is_empty())
                    .map(|token| with_parameter(page.url, parameter, &token)),
            };
            let Some(url) = url else { return Ok(collector) };
            if !followed.insert(url.to_string()) {
                return Err(malformed("the next page is one that was read before"));
            }
            request = request::build(&self.fetcher.remote, &pages.request)?.at(url);
        }
        Err(malformed("it does not end"))
    }

    async fn scim_page(&self, planned: &plugin::HttpRequest, start: u64, count: u64) -> Result<Records, FetchError> {
        let mut planned = planned.clone();
        planned
            .query
            .retain(|(name, _)| name != "startIndex" && name != "count");
        planned.query.push(("startIndex".into(), start.to_string()));
        planned.query.push(("count".into(), count.to_string()));
        let request = request::build(&self.fetcher.remote, &planned)?;
        let page = self.page(request, None).await?;
        if page.records.count > count {
            return Err(FetchError::Malformed {
                what: "a paged query",
                why: format!(
                    "a page holds {} records where {count} were asked for",
                    page.records.count
                ),
            });
        }
        Ok(page.records)
    }

    /// One page; asked for again where it breaks off.
    async fn page(&self, request: Request, token_header: Option<&str>) -> Result<Page, FetchError> {
        let fetcher = self.fetcher;
        let request = request.limit(fetcher.limits.document_bytes);
        let mut retry = fetcher.remote.retry();
        loop {
            let response = fetcher.remote.send(request.clone()).await?;
            let url = response.url().clone();
            let links = response.headers().get_all(http::header::LINK).iter();
            let links = links
                .filter_map(|value| value.to_str().ok())
                .map(str::to_owned)
                .collect();
            let token = token_header.and_then(|name| response.header(name)).map(str::to_owned);
            let body = match download::to_spool(response, &fetcher.spool, &()).await {
                Ok(body) => body,
                Err(FetchError::Remote(error)) => {
                    retry.again(error, request.is_repeatable()).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (remote, spool, limit) = (
                fetcher.remote.clone(),
                fetcher.spool.clone(),
                fetcher.limits.record_bytes,
            );
            let member = self.member.clone();
            let records =
                download::blocking(move || records::split(&remote, &body, member.as_deref(), limit, &spool)).await?;
            return Ok(Page {
                records,
                url,
                links,
                token,
            });
        }
    }

    fn tell(&self, collector: &Collector, read: &Pass) {
        self.fetcher.progress.records(collector.count, Some(read.total));
    }
}

/// What one reading of a list saw.
struct Pass {
    /// The last `totalResults`.
    total: u64,
    /// Whether it ever fell: what moved towards the start may have been passed over.
    shrank: bool,
}

async fn add(mut collector: Collector, page: Records) -> Result<Collector, FetchError> {
    download::blocking(move || {
        collector.add(&page)?;
        Ok(collector)
    })
    .await
}

fn is_refused_sort(error: &FetchError, planned: &plugin::HttpRequest) -> bool {
    let FetchError::Remote(RemoteError::Status { status, .. }) = error else {
        return false;
    };
    *status == StatusCode::BAD_REQUEST && planned.query.iter().any(|(name, _)| name == "sortBy")
}

/// The target with `rel=next` of a `Link` header: RFC 8288 section 3.
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, from)) = rest.split_once('<') {
        let (target, after) = from.split_once('>')?;
        let parameters = after.split_once('<').map_or(after, |(parameters, _)| parameters);
        let is_next = parameters.split([';', ',']).any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                let value = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("rel")
                    && value
                        .split_ascii_whitespace()
                        .any(|relation| relation.eq_ignore_ascii_case("next"))
            })
        });
        if is_next {
            return Some(target);
        }
        rest = after;
    }
    None
}

/// The URL with a query parameter set to a value, whatever it was before.
fn with_parameter(mut url: Url, name: &str, value: &str) -> Url {
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(known, _)| known != name)
        .map(|(known, value)| (known.into(), value.into()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, value);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (header, expected) in [
            ("<https://a.example/2>; rel=\"next\"", Some("https://a.example/2")),
            ("</1>; rel=prev, </3>; title=\"a\"; rel=\"last next\"", Some("/3")),
            ("</1>; rel=prev", None),
            ("</1>; rel=\"nextish\"", None),
            ("garbage", None),
            ("<unclosed; rel=next", None),
        ] {
            assert_eq!(next_link(header), expected, "{header}");
        }
    }

    #[test]
    fn a_token_replaces_the_one_before() {
        let url: Url = "https://a.example/x?limit=5&page=1".parse().unwrap();
        assert_eq!(
            with_parameter(url, "page", "a b").as_str(),
            "https://a.example/x?limit=5&page=a+b"
        );
    }
}

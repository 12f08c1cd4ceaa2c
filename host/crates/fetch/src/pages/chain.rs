//! Pages that each name the next one: a `Link` header, or a token in a header or in the body.

use std::collections::HashSet;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::collector::Collector;
use super::link;
use super::members;
use super::page::WHAT;
use super::query::Query;
use super::url_parameters::with_parameters;
use crate::blocking::blocking;
use crate::error::FetchError;
use crate::records::salvage;
use remote::{Answer, LINK_BYTES, Request};

/// So many pages in a row with nothing new are a loop.
const STALE: u32 = 3;

/// Where a page names the next one.
pub(super) enum Next {
    /// `Link: <…>; rel=next`.
    Link,
    /// A response header, whose value goes back as a query parameter.
    Token { header: String, parameter: String },
    /// A token in the body, whose value goes back as a query parameter.
    BodyToken { path: Vec<String>, parameter: String },
}

impl Next {
    /// The request for the page after this one.
    async fn request(&self, query: &Query<'_>, answer: &Answer) -> Result<Option<Request>, FetchError> {
        let url = match self {
            Next::Link => match link::next(&answer.headers) {
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
                if answer.body.trim_ascii_start().first() == Some(&b'<') {
                    return Ok(None);
                }
                let (body, path) = (answer.body.clone(), path.clone());
                let (records, most) = (query.records.map(<[String]>::to_vec), query.limits.record_bytes);
                let token = blocking(move || {
                    let strict = members::token(&body, &path);
                    let salvaged = |why| match records.as_deref() {
                        Some(records) => salvaged_token(&body, &path, records, most).ok_or(why),
                        None => Err(why),
                    };
                    let token = strict.or_else(salvaged);
                    token.map_err(|why| FetchError::Malformed { what: WHAT, why })
                });
                match token.await.map_err(|error| query.presentable(error))? {
                    None => return Ok(None),
                    Some(token) => with_token(query.request.url(), parameter, &token)?,
                }
            }
        };
        Ok(Some(query.request.clone().at(url)))
    }
}

/// The token beside records of which some are broken; none where it cannot be told either.
fn salvaged_token(body: &[u8], path: &[String], records: &[String], record_bytes: u64) -> Option<Option<String>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    // How many objects on the way to the records are on the way to the token too.
    let (_, around) = records.split_last()?;
    let level = (path.iter().zip(around))
        .take_while(|(one, other)| one.eq_ignore_ascii_case(other))
        .count();
    let (name, within) = path.get(level..)?.split_first()?;
    let name = name.to_ascii_lowercase();
    let wanted = |of: usize, told: &str| of == level && told == name;
    let told = salvage::list(body, Some(records), record_bytes, wanted, |_| Ok(())).ok()?;
    let Some(mut token) = told.levels.get(level).and_then(|members| members.get(&name)) else {
        return Some(None);
    };
    for member in within {
        let members = match token {
            Value::Null => return Some(None),
            Value::Object(members) => members,
            _ => return None,
        };
        let found = members.iter().find(|(name, _)| name.eq_ignore_ascii_case(member));
        let Some((_, value)) = found else { return Some(None) };
        token = value;
    }
    match token {
        Value::Null => Some(None),
        Value::String(token) => Some(Some(token.clone()).filter(|token| !token.is_empty())),
        Value::Number(number) => Some(Some(number.to_string())),
        _ => None,
    }
}

/// The URL of the page that a token stands for.
fn with_token(url: &Url, parameter: &str, token: &str) -> Result<Url, FetchError> {
    if token.len() > LINK_BYTES {
        return Err(FetchError::Malformed {
            what: WHAT,
            why: format!(
                "the token of the next page has {} bytes, more than the {LINK_BYTES} that one may have",
                token.len()
            ),
        });
    }
    Ok(with_parameters(url, &[(parameter, token)]))
}

/// Follows from page to page.
pub(super) async fn run(query: &Query<'_>, mut collector: Collector, next: &Next) -> Result<Collector, FetchError> {
    // Of a hundred thousand long links only what tells them apart is kept.
    let mut visited = HashSet::from([mark(query.request.url())]);
    let mut answer = query.ask(query.request.clone()).await?;
    let (mut pages, mut stale) = (1, 0);
    // A total need not be told, but a chain that ends before it has lost a link.
    let (mut read, mut told) = (0, 0);
    loop {
        let request = next.request(query, &answer).await?;
        if let Some(request) = &request {
            if !visited.insert(mark(request.url())) {
                return Err(looping("a page names an already read page as the next one"));
            }
            if pages >= query.limits.pages {
                return Err(FetchError::TooManyPages {
                    limit: query.limits.pages,
                });
            }
        }
        // The next page is on its way while this one is read.
        let fetch = async {
            match request {
                Some(request) => query.ask(request).await.map(Some),
                None => Ok(None),
            }
        };
        let (kept, following) = tokio::try_join!(query.keep(collector, answer.body.clone()), fetch)?;
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
        pages += 1;
    }
}

/// A short mark that tells a URL from all others.
fn mark(url: &Url) -> [u8; 32] {
    Sha256::digest(url.as_str()).into()
}

fn looping(why: &str) -> FetchError {
    FetchError::Malformed {
        what: WHAT,
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_beside_a_broken_record_is_found_wherever_it_lies() {
        let path = |text: &str| -> Vec<String> { text.split('.').map(str::to_owned).collect() };
        let body = br#"{"next":"n0","paging":{"Next":"n1"},"data":{"next":"n2","items":[{"a":"x"y"}],"n":{"x":7}},"none":null}"#;
        for (token, found) in [
            ("next", Some(Some("n0"))),
            ("paging.next", Some(Some("n1"))),
            ("data.next", Some(Some("n2"))),
            ("DATA.n.x", Some(Some("7"))),
            ("none", Some(None)),
            ("none.x", Some(None)),
            ("data.gone", Some(None)),
            ("paging.gone", Some(None)),
            // An object is no token.
            ("paging", None),
            ("data", None),
        ] {
            let salvaged = salvaged_token(body, &path(token), &path("data.items"), 100);
            assert_eq!(salvaged, found.map(|token| token.map(str::to_owned)), "{token}");
        }
    }
}

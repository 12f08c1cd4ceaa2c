//! The audit log of a compartment of OCI: its readability by each of its interfaces, and its newest event of an identity domain.
//!
//! Logging Search gives the newest event that fits a condition, so one record is asked for. ListEvents gives whatever was processed
//! in a period: for its rights a minute is asked for, and in the place of a search the last hour, of which the first page counts.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::logged_event::{LoggedEvent, SearchAnswer, listed_events, newest, searched_events};
use crate::identity_domain::domain_id::DomainId;
use crate::identity_domain::newest_event::NewestEvent;
use crate::probe::fact::Fact;
use crate::probe::failure::{ProbeFailure, REFUSED};
use crate::probe::patience::patiently;
use crate::probe::probe_report::ProbeReport;
use crate::probe::question::BODY;
use base::ErrorKind;
use remote::{Remote, RemoteError, Request, Response};

/// The longest period that clients of Logging Search ask for.
const SEARCHED: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The period of which ListEvents gives everything, where it stands in for a search, and where not.
const LISTED: SignedDuration = SignedDuration::from_hours(1);
const TRIED: SignedDuration = SignedDuration::from_mins(1);

/// Pages that are turned while they are empty: neither interface says that such a one is the last.
const EMPTY_PAGES: usize = 5;

const MINUTE: i64 = 60;

/// Bytes of an answer that are searched for what came instead of a page.
const LOOKED_AT: usize = 64 << 10;

/// The header that tells where the next page is, and the parameter that takes it back.
const NEXT_PAGE: &str = "opc-next-page";
const PAGE: &str = "page";

const SEARCH: &str = "search";
const LIST: &str = "list events";

/// Any event of an identity domain: what a domain itself tells of, and sign-ons from before there were domains.
const OF_ANY_DOMAIN: &str =
    "isnotnull(data.additionalDetails.eventId) or lower(type) = 'com.oraclecloud.identitysignon.*'";

/// The audit log of a compartment, by the interfaces that its connection leads to.
#[derive(Debug, Clone)]
pub struct AuditLog {
    /// Logging Search.
    pub search: Option<Arc<Remote>>,
    /// ListEvents of Audit.
    pub list: Option<Arc<Remote>>,
    /// The OCID of the compartment.
    pub compartment: String,
}

impl AuditLog {
    /// Asks each interface, with requests that change nothing, and tells when the newest event of an identity domain was.
    ///
    /// # Errors
    ///
    /// Where neither may be asked, or one cannot be reached now.
    pub async fn probe(&self, now: Timestamp) -> Result<ProbeReport, ProbeFailure> {
        let any = DomainId::default();
        let searched = self.search(&any, now).await;
        let length = if matches!(searched, Some(Ok(_))) { TRIED } else { LISTED };
        let listed = self.list(&any, now, length).await;
        let mut steps = vec!["reached".to_owned(), "signed in".to_owned()];
        let (mut newest, mut refused) = (Vec::new(), Vec::new());
        for (name, may, answer) in [(SEARCH, "may search", searched), (LIST, "may list events", listed)] {
            match answer {
                None => {}
                Some(Ok(found)) => {
                    steps.push(may.to_owned());
                    newest.push(found);
                }
                Some(Err(lack)) => refused.push((name, lack)),
            }
        }
        // The first one is the one that is asked by default.
        let Some(newest) = newest.into_iter().next() else {
            let lack = refused.into_iter().map(|(_, lack)| lack).next();
            return Err(lack.unwrap_or_else(nothing_to_ask));
        };
        let mut facts = vec![Fact::new("last event", newest.told(now))];
        for (name, lack) in refused {
            // What is down or out of order today may be needed tomorrow; what is refused, or not there, need not be.
            if matches!(lack.class, ErrorKind::Unavailable | ErrorKind::Failed) {
                return Err(lack);
            }
            facts.push(Fact::new(name, without(name, &lack)));
        }
        Ok(ProbeReport {
            steps,
            facts,
            newest: Some(newest),
            ..ProbeReport::default()
        })
    }

    /// The newest event of a domain; of any, where nothing is known of the domain. Nobody waits long for it.
    pub async fn newest_of(&self, domain: &DomainId, now: Timestamp) -> NewestEvent {
        let asked = async {
            match self.search(domain, now).await {
                Some(Ok(newest)) => Ok(newest),
                Some(Err(lack)) => match self.list(domain, now, LISTED).await {
                    Some(Ok(newest)) => Ok(newest),
                    _ => Err(lack),
                },
                None => self
                    .list(domain, now, LISTED)
                    .await
                    .unwrap_or_else(|| Err(nothing_to_ask())),
            }
        };
        patiently(asked).await.unwrap_or_else(NewestEvent::Unknown)
    }

    async fn search(&self, domain: &DomainId, now: Timestamp) -> Option<Result<NewestEvent, ProbeFailure>> {
        let remote = self.search.as_deref()?;
        let (from, to) = period(now, SEARCHED);
        let condition = condition(domain);
        let query = format!(
            "search \"{}/_Audit\" | where {condition} | sort by datetime desc",
            self.compartment
        );
        let body = json!({
            "timeStart": format!("{from:.3}"), "timeEnd": format!("{to:.3}"), "searchQuery": query, "isReturnFieldInfo": false,
        });
        let request = || -> Result<Request, RemoteError> {
            let mut url = remote.base().join(["20190909", "search"])?;
            url.query_pairs_mut().append_pair("limit", "1");
            let request = Request::post(url).body("application/json", body.to_string())?;
            Ok(request.repeatable(true))
        };
        Some(match request() {
            Ok(request) => first_page(remote, request, SEARCH, searched_events)
                .await
                .map(|page| match page {
                    FirstPage::Unreadable(why) => NewestEvent::Unknown(why),
                    FirstPage::Read(body) => {
                        let found = serde_json::from_slice::<SearchAnswer>(&body);
                        newest(found.map(SearchAnswer::events), domain, from)
                    }
                }),
            Err(error) => Err(failed(&error, SEARCH)),
        })
    }

    async fn list(
        &self,
        domain: &DomainId,
        now: Timestamp,
        length: SignedDuration,
    ) -> Option<Result<NewestEvent, ProbeFailure>> {
        let remote = self.list.as_deref()?;
        let (from, to) = period(now, length);
        let request = || -> Result<Request, RemoteError> {
            let mut url = remote.base().join(["20190901", "auditEvents"])?;
            url.query_pairs_mut()
                .append_pair("compartmentId", &self.compartment)
                .append_pair("startTime", &from.to_string())
                .append_pair("endTime", &to.to_string());
            Ok(Request::get(url))
        };
        Some(match request() {
            Ok(request) => first_page(remote, request, LIST, listed_events)
                .await
                .map(|page| match page {
                    FirstPage::Unreadable(why) => NewestEvent::Unknown(why),
                    FirstPage::Read(body) => newest(serde_json::from_slice::<Vec<LoggedEvent>>(&body), domain, from),
                }),
            Err(error) => Err(failed(&error, LIST)),
        })
    }
}

/// The body of an answer that the server gave without refusing anything.
enum FirstPage {
    Read(Vec<u8>),
    /// The answer is too long.
    Unreadable(String),
}

/// The first page with anything on it, or the last of several that are empty. `count` tells how many events are on a page.
async fn first_page(
    remote: &Remote,
    request: Request,
    step: &'static str,
    count: fn(&[u8]) -> serde_json::Result<usize>,
) -> Result<FirstPage, ProbeFailure> {
    let mut page = None::<String>;
    for _ in 0..EMPTY_PAGES {
        let mut url = request.url().clone();
        if let Some(page) = &page {
            url.query_pairs_mut().append_pair(PAGE, page);
        }
        let answer: Response =
            (remote.send(request.clone().at(url).limit(BODY)).await).map_err(|error| failed(&error, step))?;
        page = answer
            .header(NEXT_PAGE)
            .filter(|page| !page.is_empty())
            .map(str::to_owned);
        let body = match answer.bytes().await {
            Ok(body) => body.to_vec(),
            // So much is no refusal.
            Err(error) if error.code() == "response-limit" => return Ok(FirstPage::Unreadable(error.to_string())),
            Err(error) => return Err(failed(&error, step)),
        };
        // A page of an audit log shows the rights; what its events say is a fact beside.
        let events = count(&body).map_err(|error| no_page(remote, step, &body, &error))?;
        if page.is_none() || events > 0 {
            return Ok(FirstPage::Read(body));
        }
    }
    Ok(FirstPage::Unreadable(format!(
        "{EMPTY_PAGES} pages were empty, and there were more"
    )))
}

/// The failure of an interface that answers with HTTP 200 and no page of an audit log.
fn no_page(remote: &Remote, step: &'static str, body: &[u8], why: &serde_json::Error) -> ProbeFailure {
    let is_markup = body.trim_ascii_start().starts_with(b"<");
    let shown = body.get(..LOOKED_AT).unwrap_or(body);
    if is_markup && let Some(error) = remote.sign_in_page(shown) {
        return ProbeFailure {
            step: "sign-in",
            ..failed(&error, step)
        };
    }
    let words = remote.words_of(shown).map(|words| format!(": {words}"));
    ProbeFailure {
        step,
        message: match is_markup {
            true => format!("the server answered with a web page{}", words.unwrap_or_default()),
            false => format!(
                "the server's answer is no page of an audit log ({}){}",
                remote.presentable(&why.to_string(), 160),
                words.unwrap_or_default()
            ),
        },
        hint: is_markup.then(|| remote.address_hint()),
        class: ErrorKind::Failed,
    }
}

/// A period of whole minutes that ends with the one that has begun.
fn period(now: Timestamp, length: SignedDuration) -> (Timestamp, Timestamp) {
    let end = now
        .as_second()
        .div_euclid(MINUTE)
        .saturating_add(1)
        .saturating_mul(MINUTE);
    let end = Timestamp::from_second(end).unwrap_or(now);
    (end.saturating_sub(length).unwrap_or(Timestamp::MIN), end)
}

/// The condition of a search for events of a domain.
fn condition(domain: &DomainId) -> String {
    let named = |member: &str, name: &Option<String>| {
        let name = name.as_ref()?;
        Some(format!("data.additionalDetails.{member} = '{name}'"))
    };
    let terms = [named("domainId", &domain.ocid), named("domainName", &domain.name)];
    let terms: Vec<String> = terms.into_iter().flatten().collect();
    match terms.is_empty() {
        true => OF_ANY_DOMAIN.to_owned(),
        false => terms.join(" or "),
    }
}

/// The failure of an interface, in the words of OCI's own refusals.
fn failed(error: &RemoteError, step: &'static str) -> ProbeFailure {
    let status = error.status().filter(|_| error.code() == "access-refused");
    ProbeFailure {
        step: match error.code() {
            "connect-failed" => "connect",
            "tls-failed" => "tls",
            code if code.starts_with("token") => "token",
            _ if status.is_some_and(|status| status.as_u16() == 401) => "sign-in",
            _ => step,
        },
        message: match status {
            Some(status) => format!("{REFUSED} ({status})"),
            None => error.to_string(),
        },
        hint: error.hint(),
        class: error.kind(),
    }
}

/// The failure of a connection that leads to neither interface.
fn nothing_to_ask() -> ProbeFailure {
    ProbeFailure {
        step: SEARCH,
        message: "the connection leads to a service without an audit log".to_owned(),
        hint: Some("give its `region`, or the address of OCI Audit or of Logging as `url`".to_owned()),
        class: ErrorKind::Usage,
    }
}

/// The consequence for `oci-audit` that one of two interfaces may not be asked.
fn without(name: &str, lack: &ProbeFailure) -> String {
    let hint = lack.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
    let instead = match name {
        SEARCH => "; without it collect with `host run oci-audit --param via=list-events`",
        _ => "; only `--param via=list-events` of oci-audit needs it",
    };
    format!("{}{hint}{instead}", lack.message)
}

#[cfg(test)]
mod tests;

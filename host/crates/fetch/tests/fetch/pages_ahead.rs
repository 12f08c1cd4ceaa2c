//! Pages asked for at once: how many, in which order they come out, and what happens when they disagree.

use std::io::Read as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use base::ErrorKind;
use fetch::{FetchError, FetchLimits, Fetcher};
use futures_util::{StreamExt as _, stream};
use remote::{Parallel, Remote, Settings};
use sandbox::{Fetch, HttpRequest, Method, Pages, Paging};
use serde_json::{Value, json};
use servers::*;
use tokio::sync::watch;

/// Records on a page.
const PAGE: usize = 10;

/// The questions that the server has seen, and its answers so far.
#[derive(Debug, Clone, Default)]
struct State {
    asked: Vec<usize>,
    /// Positions of the pages that went out whole.
    answered: Vec<usize>,
    under_way: usize,
    most: usize,
}

/// Answers each page when a condition holds, with as many records as a total allows. The last page of a list has room, so
/// that nothing is asked for behind it.
struct Held {
    server: Server,
    state: watch::Sender<State>,
}

impl Held {
    /// `total` says what a page tells for the whole list, `ready` when a page goes out; both get its position.
    async fn start(
        total: impl Fn(usize) -> usize + Send + Sync + 'static,
        ready: impl Fn(&State, usize) -> bool + Send + Sync + 'static,
    ) -> Held {
        let state = watch::Sender::new(State::default());
        let (told, ready) = (state.clone(), Arc::new(ready));
        let server = Server::start(move |seen, _| {
            let start = position(seen);
            told.send_modify(|state| {
                state.asked.push(start);
                state.under_way += 1;
                state.most = state.most.max(state.under_way);
            });
            let (told, ready) = (told.clone(), ready.clone());
            let total = total(start);
            let records: Vec<Value> = (start - 1..total.min(start - 1 + PAGE)).map(record).collect();
            let text = json!({"totalResults": total, "Resources": records}).to_string();
            let page = stream::once(async move {
                told.subscribe().wait_for(|state| ready(state, start)).await.unwrap();
                told.send_modify(|state| {
                    state.answered.push(start);
                    state.under_way -= 1;
                });
                Ok::<_, std::io::Error>(text)
            });
            respond(200, "application/scim+json", Body::from_stream(page.boxed()))
        })
        .await;
        Held { server, state }
    }

    fn fetcher(&self, parallel: u8, spool: &std::path::Path) -> Fetcher {
        fetcher(settings(&self.server.url()), parallel, spool)
    }
}

fn fetcher(mut settings: Settings, parallel: u8, spool: &std::path::Path) -> Fetcher {
    settings.parallel = Parallel::new(parallel).unwrap();
    let remote = Remote::new(settings).unwrap();
    Fetcher::new(Arc::new(remote), spool, FetchLimits::default(), Arc::new(()))
}

fn position(seen: &Seen) -> usize {
    let url = url::Url::parse(&format!("http://x{}", seen.path)).unwrap();
    let start = url.query_pairs().find(|(name, _)| name == "startIndex");
    start.unwrap().1.parse().unwrap()
}

fn record(id: usize) -> Value {
    json!({"id": format!("event-{id}")})
}

fn lines(total: usize) -> Vec<String> {
    (0..total).map(|id| record(id).to_string()).collect()
}

async fn fetch(fetcher: &Fetcher) -> Result<Vec<String>, FetchError> {
    let pages = Pages {
        service: None,
        request: HttpRequest {
            method: Method::Get,
            path: vec!["admin".into(), "v1".into(), "AuditEvents".into()],
            query: vec![],
            headers: vec![],
            body: None,
        },
        paging: Paging::Scim(10),
        records: Some(vec!["Resources".into()]),
        key: Some(vec!["id".into()]),
    };
    let fetched = fetcher.fetch(&Fetch::Pages(pages)).await?;
    let mut text = String::new();
    fetched.open().read_to_string(&mut text).unwrap();
    Ok(text.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn pages_that_arrive_in_reverse_come_out_in_order() {
    let held = Held::start(
        |_| 39,
        |state, start| matches!(start, 1 | 31) || state.answered.contains(&(start + PAGE)),
    )
    .await;
    let spool = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&held.fetcher(4, spool.path())).await.unwrap(), lines(39));
    assert_eq!(held.state.borrow().answered, [1, 31, 21, 11]);
}

#[tokio::test]
async fn as_many_pages_are_asked_for_at_once_as_allowed_and_no_more() {
    for parallel in [1, 2, 5] {
        let held = Held::start(
            |_| 199,
            move |state, start| start == 1 || state.most >= usize::from(parallel),
        )
        .await;
        let spool = tempfile::tempdir().unwrap();
        let fetcher = held.fetcher(parallel, spool.path());
        // Several lists have their turns together.
        let (one, two, three) = tokio::join!(fetch(&fetcher), fetch(&fetcher), fetch(&fetcher));
        for list in [one, two, three] {
            assert_eq!(list.unwrap(), lines(199));
        }
        let state = held.state.borrow().clone();
        assert_eq!((state.most, state.asked.len()), (usize::from(parallel), 60));
    }
}

#[tokio::test]
async fn lists_are_read_one_after_the_other() {
    let held = Held::start(|_| 59, |_, _| true).await;
    let spool = tempfile::tempdir().unwrap();
    let fetcher = held.fetcher(1, spool.path());
    let (one, other) = tokio::join!(fetch(&fetcher), fetch(&fetcher));
    assert_eq!((one.unwrap(), other.unwrap()), (lines(59), lines(59)));
    let asked = held.state.borrow().asked.clone();
    assert_eq!(asked, [1, 1, 11, 21, 31, 41, 51, 11, 21, 31, 41, 51]);
}

#[tokio::test]
async fn a_list_that_is_given_up_lets_the_others_go_ahead() {
    let held = Held::start(|_| 59, |state, start| start != 11 || state.asked.len() > 3).await;
    let spool = tempfile::tempdir().unwrap();
    let fetcher = held.fetcher(2, spool.path());
    let mut asked = held.state.subscribe();
    let gone = async {
        // Both have begun, and the first has asked for more.
        asked.wait_for(|state| state.asked.len() > 2).await.unwrap();
    };
    let (lost, other) = tokio::join!(
        async {
            tokio::select! {
                biased;
                () = gone => None,
                read = fetch(&fetcher) => Some(read),
            }
        },
        fetch(&fetcher)
    );
    assert!(lost.is_none());
    assert_eq!(other.unwrap(), lines(59));
}

#[tokio::test]
async fn a_page_that_is_late_holds_the_pages_behind_it_to_a_few() {
    // The second page waits for the third, fourth and fifth: as many as there is room for beside it.
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = asked.clone();
    let ready = move |state: &State, start| {
        let late = [21, 31, 41].iter().all(|page| state.answered.contains(page));
        if start == 11 && late {
            seen.store(state.asked.len(), Ordering::SeqCst);
        }
        start != 11 || late
    };
    let held = Held::start(|_| 399, ready).await;
    let spool = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&held.fetcher(2, spool.path())).await.unwrap(), lines(399));
    assert_eq!(asked.load(Ordering::SeqCst), 5);
    assert_eq!(held.state.borrow().asked.len(), 40);
}

#[tokio::test]
async fn totals_that_differ_between_pages_under_way_leave_nothing_out() {
    // The list grows at its end while pages are under way; the page behind tells it first.
    for parallel in [1, 4] {
        let held = Held::start(
            |start| if start < 21 { 40 } else { 47 },
            move |state, start| start != 11 || parallel == 1 || state.answered.contains(&21),
        )
        .await;
        let spool = tempfile::tempdir().unwrap();
        let list = fetch(&held.fetcher(parallel, spool.path())).await.unwrap();
        assert_eq!(list, lines(47), "{parallel}");
    }
    // It seems to shrink and does not: what was told once must be there.
    let held = Held::start(|start| if start == 11 { 35 } else { 40 }, |_, _| true).await;
    let spool = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&held.fetcher(4, spool.path())).await.unwrap(), lines(40));
}

#[tokio::test]
async fn a_page_that_fails_ends_the_list_without_waiting_for_those_behind_it() {
    let server = Server::start(|seen, _| {
        let never = || Body::from_stream(stream::pending::<Result<String, std::io::Error>>());
        let list = |start: usize| {
            let records: Vec<Value> = (start - 1..start + 9).map(record).collect();
            json(200, json!({"totalResults": 100, "Resources": records}).to_string())
        };
        match position(seen) {
            start @ (1 | 11) => list(start),
            21 => json(404, r#"{"detail":"gone","status":"404"}"#),
            _ => Response::new(never()),
        }
    })
    .await;
    let spool = tempfile::tempdir().unwrap();
    let error = fetch(&fetcher(settings(&server.url()), 4, spool.path()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    assert!(error.to_string().contains("gone"), "{error}");
}

#[tokio::test]
async fn a_rate_limit_holds_for_pages_asked_for_at_once() {
    let held = Held::start(|_| 600, |_, _| true).await;
    let mut slow = settings(&held.server.url());
    // Fifty at once, then one every 20 ms.
    slow.rate_limit = NonZeroU32::new(50);
    let spool = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    assert_eq!(fetch(&fetcher(slow, 32, spool.path())).await.unwrap(), lines(600));
    assert!(begun.elapsed() >= Duration::from_millis(180), "{:?}", begun.elapsed());
}

#[test]
fn nothing_and_too_many_at_once_are_refused() {
    assert_eq!(Parallel::default().get(), 4);
    assert!([0, 33, 255].into_iter().all(|number| Parallel::new(number).is_none()));
    assert!([1, 32].into_iter().all(|number| Parallel::new(number).is_some()));
}

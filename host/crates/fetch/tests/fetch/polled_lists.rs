//! Lists that can be polled: their pages name a next one for ever, and empty ones are the last.

use std::io::Read as _;
use std::sync::Arc;

use axum::response::Response;
use base::ErrorKind;
use fetch::{FetchError, FetchLimits, Fetcher};
use sandbox::{Fetch, HttpRequest, Method, Pages, Paging};
use serde_json::{Value, json};
use servers::*;

fn record(id: usize) -> Value {
    json!({"id": format!("event-{id}")})
}

fn lines(ids: std::ops::Range<usize>) -> Vec<String> {
    ids.map(|id| record(id).to_string()).collect()
}

/// Five records in pages of two, each with the link that belongs to its number.
async fn log(link: fn(usize) -> String) -> Server {
    Server::start(move |seen, _| {
        let url = url::Url::parse(&format!("http://x{}", seen.path)).unwrap();
        let after = url.query_pairs().find(|(name, _)| name == "after");
        let page: usize = after.map_or(0, |(_, page)| page.parse().unwrap());
        let records: Vec<Value> = (page * 2..(page * 2 + 2).min(5)).map(record).collect();
        let mut response: Response = json(200, json!(records).to_string());
        response.headers_mut().insert("link", link(page).parse().unwrap());
        response
    })
    .await
}

fn link_to(page: usize) -> String {
    format!("</logs?after={page}>; rel=\"next\"")
}

async fn read(server: &Server) -> Result<Vec<String>, FetchError> {
    let pages = Pages {
        service: None,
        request: HttpRequest {
            method: Method::Get,
            path: vec!["logs".into()],
            query: vec![],
            headers: vec![],
            body: None,
        },
        paging: Paging::LinkUntilEmpty,
        records: None,
        key: Some(vec!["id".into()]),
    };
    let spool = tempfile::tempdir().unwrap();
    let limits = FetchLimits {
        pages: 20,
        ..FetchLimits::default()
    };
    let fetcher = Fetcher::new(Arc::new(remote(&server.url())), spool.path(), limits, Arc::new(()));
    let mut text = String::new();
    let fetched = fetcher.fetch(&Fetch::Pages(pages)).await?;
    fetched.open().read_to_string(&mut text).unwrap();
    Ok(text.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn an_empty_page_that_leads_to_no_new_one_is_the_last() {
    let to_itself = |page: usize| link_to((page + 1).min(3));
    let back = |page: usize| link_to(if page == 3 { 1 } else { page + 1 });
    for link in [to_itself as fn(usize) -> String, back] {
        let server = log(link).await;
        assert_eq!(read(&server).await.unwrap(), lines(0..5));
        assert_eq!(
            server.lines(),
            [
                "GET /logs",
                "GET /logs?after=1",
                "GET /logs?after=2",
                "GET /logs?after=3"
            ]
        );
    }
}

#[tokio::test]
async fn empty_pages_that_lead_to_ever_new_ones_end_with_the_third() {
    let server = log(|page| link_to(page + 1)).await;
    assert_eq!(read(&server).await.unwrap(), lines(0..5));
    assert_eq!(server.lines().len(), 6);
    assert_eq!(server.lines()[5], "GET /logs?after=5");
}

/// Pages of one record each up to the eighth, for ever followed by empty ones; some pages have another body.
async fn log_with(odd: &'static [(usize, &'static str)]) -> Server {
    Server::start(move |_, asked| {
        let body = match odd.iter().find(|(page, _)| *page == asked) {
            Some((_, body)) => (*body).to_owned(),
            None if asked < 8 => json!([record(asked)]).to_string(),
            None => "[]".to_owned(),
        };
        let mut response = json(200, body);
        response
            .headers_mut()
            .insert("link", link_to(asked + 1).parse().unwrap());
        response
    })
    .await
}

#[tokio::test]
async fn empty_pages_in_the_middle_are_no_end() {
    let server = log_with(&[(1, "[]"), (2, " [ ] "), (5, "[]"), (6, "[]")]).await;
    let found = read(&server).await.unwrap();
    assert_eq!(found, [lines(0..1), lines(3..5), lines(7..8)].concat());
    assert_eq!(server.seen().len(), 11);
}

#[tokio::test]
async fn a_damaged_page_is_no_end_and_each_missing_record_is_a_line() {
    let server = log_with(&[
        (0, "[,]"),
        (2, "[,]"),
        (3, r#"[{"id":"a"},,,{"id":"b"},]"#),
        (4, "[,]"),
        (5, "[,]"),
    ])
    .await;
    let found = read(&server).await.unwrap();
    let missing = |count| vec![",".to_owned(); count];
    let third = [r#"{"id":"a"}"#, ",", ",", r#"{"id":"b"}"#, ","].map(str::to_owned);
    let expected = [
        missing(2),
        lines(1..2),
        missing(2),
        third.to_vec(),
        missing(4),
        lines(6..8),
    ];
    assert_eq!(found, expected.concat());
}

#[tokio::test]
async fn a_page_that_is_cut_is_no_end() {
    for body in ["[", "[,", "", "null", "{}"] {
        let server = Server::start(move |_, asked| {
            let body = if asked == 1 {
                body.to_owned()
            } else {
                json!([record(asked)]).to_string()
            };
            let mut response = json(200, body);
            response
                .headers_mut()
                .insert("link", link_to(asked + 1).parse().unwrap());
            response
        })
        .await;
        let error = read(&server).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{body}: {error}");
        assert!(matches!(error, FetchError::Malformed { .. }), "{body}: {error}");
    }
}

#[tokio::test]
async fn a_page_that_names_no_next_one_is_the_last_too() {
    let server = log(|page| match page {
        0 => link_to(1),
        _ => "</logs>; rel=\"self\"".to_owned(),
    })
    .await;
    assert_eq!(read(&server).await.unwrap(), lines(0..4));
}

#[tokio::test]
async fn pages_with_records_that_lead_back_or_never_end_are_refused() {
    for link in [(|_| link_to(1)) as fn(usize) -> String, |page| link_to(1 - page.min(1))] {
        let error = read(&log(link).await).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    }
    let endless = Server::start(|_, asked| {
        let mut response = json(200, json!([record(asked)]).to_string());
        response
            .headers_mut()
            .insert("link", link_to(asked + 1).parse().unwrap());
        response
    })
    .await;
    let error = read(&endless).await.unwrap_err();
    assert!(matches!(error, FetchError::TooManyPages { limit: 20 }), "{error}");
    assert_eq!(endless.seen().len(), 20);
}

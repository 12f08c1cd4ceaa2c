//! Pages that are not held in memory: the same comes of them, and nothing of one that is not whole.

use base::ErrorKind;
use fetch::{FetchError, FetchLimits};
use sandbox::{BodyToken, Pages, Paging};
use serde_json::json;
use servers::*;

use super::pages::{honest, lines, pages, query, record, run_with, scim, with_header};

/// No page is held in memory.
fn spooled() -> FetchLimits {
    FetchLimits {
        page_memory: 0,
        ..FetchLimits::default()
    }
}

async fn run(server: &Server, pages: Pages) -> Result<Vec<String>, FetchError> {
    run_with(server, pages, spooled()).await
}

fn by_token() -> Pages {
    pages(
        Paging::BodyToken(BodyToken {
            token: vec!["meta".into(), "next".into()],
            parameter: "after".into(),
        }),
        Some("id"),
    )
}

/// The text of a page of so many records, each with a filling of so many bytes.
fn long_page(from: usize, records: usize, filling: usize) -> String {
    let records: Vec<String> = (from..from + records)
        .map(|id| format!("{{\"id\":\"{id}\",\"x\":\"{}\"}}", "y".repeat(filling)))
        .collect();
    records.join(",\n")
}

#[tokio::test]
async fn a_list_by_position_comes_in_order_and_is_read_again_where_it_changes() {
    let ids: Vec<usize> = (0..95).collect();
    let steady = ids.clone();
    let server = Server::start(move |seen, _| honest(&steady, seen)).await;
    assert_eq!(run(&server, scim(10)).await.unwrap(), lines(0..95));

    // One more at its beginning, once two pages were read.
    let server = Server::start(move |seen, n| {
        let grown: Vec<usize> = [1000].into_iter().chain(ids.clone()).collect();
        honest(if n < 2 { &ids } else { &grown }, seen)
    })
    .await;
    let found = run(&server, scim(10)).await.unwrap();
    assert!(lines(0..95).iter().all(|line| found.contains(line)), "{found:?}");
}

#[tokio::test]
async fn a_page_that_is_longer_than_memory_may_be_loses_nothing_beside_short_ones() {
    let server = Server::start(|seen, _| {
        let page: usize = query(seen).get("page").map_or(0, |page| page.parse().unwrap());
        // The first and the last are short.
        let body = match page {
            1 | 2 => long_page(1000 * page, 900, 1000),
            _ => long_page(1000 * page, 3, 1),
        };
        let response = json(200, format!("[{body}]"));
        match page {
            3 => response,
            page => with_header(response, "opc-next-page", &(page + 1).to_string()),
        }
    })
    .await;
    let limits = FetchLimits {
        page_memory: 100_000,
        ..FetchLimits::default()
    };
    let mut plan = pages(Paging::NextToken(("opc-next-page".into(), "page".into())), Some("id"));
    plan.records = None;
    let found = run_with(&server, plan, limits).await.unwrap();
    let ids = found.iter().map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["id"].as_str().unwrap().parse::<usize>().unwrap()
    });
    let expected = (0..3).chain(1000..1900).chain(2000..2900).chain(3000..3003);
    assert!(ids.eq(expected), "{} records", found.len());
}

#[tokio::test]
async fn a_token_is_found_before_and_behind_the_records_of_a_page() {
    let server = Server::start(|seen, _| {
        let page: usize = query(seen).get("after").map_or(0, |token| token.parse().unwrap());
        let records = long_page(1000 * page, 300, 1000);
        json(
            200,
            match page {
                0 => format!("{{\"Resources\":[{records}],\"x\":{{\"y\":[{records}]}},\"meta\":{{\"next\":\"1\"}}}}"),
                1 => format!("{{\"meta\":{{\"x\":[{records}],\"next\":2}},\"Resources\":[{records}]}}"),
                _ => format!("{{\"Resources\":[{records}],\"meta\":{{\"next\":null}}}}"),
            },
        )
    })
    .await;
    assert_eq!(run(&server, by_token()).await.unwrap().len(), 900);
    assert_eq!(server.seen().len(), 3);

    // One that cannot be told ends in an error, and not with what was read so far.
    for meta in [
        r#"{"next":{}}"#,
        r#"[{"next":"1"}]"#,
        r#"{"next":"1","Next":"2"}"#,
        r#"{"next":tru}"#,
    ] {
        let server =
            Server::start(move |_, _| json(200, format!("{{\"Resources\":[{{\"id\":\"1\"}}],\"meta\":{meta}}}"))).await;
        let error = run(&server, by_token()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{meta}: {error}");
    }
}

#[tokio::test]
async fn a_broken_record_costs_no_other_and_hides_no_token() {
    let server = Server::start(|seen, _| match query(seen).contains_key("after") {
        false => json(
            200,
            "{\"Resources\":[{\"id\":\"0\",\"a\":\"\"\"},{\"id\":\"1\"}],\"next\":\"t\"}",
        ),
        true => json(200, "{\"Resources\":[{\"id\":\"2\",\"a\":\"\tb\"}]}"),
    })
    .await;
    let paging = Paging::BodyToken(BodyToken {
        token: vec!["next".into()],
        parameter: "after".into(),
    });
    let read = run(&server, pages(paging, Some("id"))).await.unwrap();
    let mended = r#"{"id":"2","a":"\u0009b","hostMended":"1 raw control character"}"#;
    assert_eq!(read[1..], [r#"{"id":"1"}"#, mended], "{read:?}");
}

#[tokio::test]
async fn a_page_that_breaks_off_is_asked_for_again_and_counts_once() {
    let body = format!("{{\"totalResults\":300,\"Resources\":[{}]}}", long_page(0, 300, 1000));
    let server = Server::start(move |_, n| match n {
        0 => respond(200, "application/json", cut(&body[..200_000])),
        _ => json(200, body.clone()),
    })
    .await;
    let found = run(&server, scim(300)).await.unwrap();
    assert_eq!(found.len(), 300);
    assert!(server.seen().len() >= 2);

    // One that ends early and does not say so is no page.
    let text = |length: usize| {
        format!("{{\"totalResults\":300,\"Resources\":[{}]}}", long_page(0, 300, 1000))[..length].to_owned()
    };
    for length in [5, 100_000, 250_000] {
        let server = Server::start(move |_, _| json(200, text(length))).await;
        let error = run(&server, scim(300)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Failed, "malformed-response"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_comes_instead_of_a_page_is_told_as_from_memory() {
    for (media_type, body, kind) in [
        ("text/html", "<html><title>Sign In</title></html>", ErrorKind::Refused),
        (
            "application/json",
            r#"{"status":"403","detail":"no access"}"#,
            ErrorKind::Failed,
        ),
        ("application/json", r#"{"Resources":7}"#, ErrorKind::Failed),
        ("application/json", " ", ErrorKind::Failed),
    ] {
        let server = Server::start(move |_, _| respond(200, media_type, body)).await;
        let spooled = run(&server, scim(10)).await.unwrap_err();
        assert_eq!(spooled.kind(), kind, "{spooled}");
        let held = run_with(&server, scim(10), FetchLimits::default()).await.unwrap_err();
        assert_eq!((held.kind(), held.code()), (spooled.kind(), spooled.code()));
    }
}

#[tokio::test]
async fn a_page_over_its_limit_is_asked_for_in_halves_from_the_spool_too() {
    let server = Server::start(|seen, _| {
        let asked = query(seen);
        let number = |name: &str| asked[name].parse::<usize>().unwrap();
        let records: Vec<_> = (number("startIndex") - 1..30)
            .take(number("count"))
            .map(|id| json!({"id": id.to_string(), "text": "x".repeat(if id == 13 { 1500 } else { 1 })}))
            .collect();
        json(200, json!({"totalResults": 30, "Resources": records}).to_string())
    })
    .await;
    let limits = FetchLimits {
        page_bytes: 1700,
        ..spooled()
    };
    assert_eq!(run_with(&server, scim(10), limits).await.unwrap().len(), 30);
}

#[tokio::test]
async fn a_spool_without_room_for_a_page_ends_the_query() {
    let server =
        Server::start(|_, _| json(200, json!({"totalResults": 1, "Resources": [record(0)]}).to_string())).await;
    let limits = FetchLimits {
        spool_bytes: 10,
        ..spooled()
    };
    let error = run_with(&server, scim(10), limits).await.unwrap_err();
    assert!(error.to_string().contains("10 bytes"), "{error}");
    assert_eq!(server.seen().len(), 1, "asking again would not help");
}

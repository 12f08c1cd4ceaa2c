//! Answers that are no pages, pages and records over their limits, servers in trouble.

use super::*;

#[tokio::test]
async fn a_broken_record_of_a_page_costs_no_other() {
    type Broken = fn(String) -> Vec<u8>;
    let raw: [(Broken, u64, u64); 4] = [
        (|text| [b"\xff", text.as_bytes()].concat(), 1, 0),
        (|text| format!("\t{text}").into_bytes(), 1, 0),
        (|text| format!("\\ud800{text}").into_bytes(), 1, 0),
        (|text| format!("{text}\"").into_bytes(), 0, 1),
    ];
    for (broken, mended, rejected) in raw {
        for paging in [Paging::Scim(10), Paging::LinkNext] {
            let server = Server::start(move |seen, _| {
                let query = query(seen);
                let start: usize = query.get("startIndex").map_or(1, |start| start.parse().unwrap());
                let records = (start..26).take(10).map(|id| match id {
                    13 => [&b"{\"id\":\"13\",\"text\":\""[..], &broken("some text".into()), b"\"}"].concat(),
                    id => format!("{{\"id\":\"{id}\"}}").into_bytes(),
                });
                let records: Vec<Vec<u8>> = records.collect();
                let body = [
                    &b"{\"totalResults\":25,\"Resources\":["[..],
                    &records.join(&b','),
                    b"]}",
                ]
                .concat();
                let response = respond(200, "application/scim+json", body);
                match start + 10 < 26 {
                    true => with_header(response, "link", &format!("</x?startIndex={}>; rel=next", start + 10)),
                    false => response,
                }
            })
            .await;
            let spool = tempfile::tempdir().unwrap();
            let remote = Arc::new(remote(&server.url()));
            let fetcher = Fetcher::new(remote, spool.path(), FetchLimits::default(), Arc::new(()));
            let fetched = fetcher.fetch(&Fetch::Pages(pages(paging, Some("id")))).await.unwrap();
            let mut text = String::new();
            fetched.open().read_to_string(&mut text).unwrap();
            let valid = text
                .lines()
                .filter(|line| serde_json::from_str::<Value>(line).is_ok())
                .count();
            assert_eq!((fetched.records, fetched.mended), (Some(25), mended), "{text}");
            assert_eq!(25 - valid as u64, rejected, "{text}");
            assert_eq!(text.matches("hostMended").count() as u64, mended, "{text}");
        }
    }
}

#[tokio::test]
async fn a_sign_in_page_in_place_of_a_list_is_a_refusal() {
    let redirecting = |_: &Seen| {
        let page = "https://idcs-0123.identity.oraclecloud.com/ui/v1/signin";
        with_header(respond(302, "text/html", "<html>"), "location", page)
    };
    let page = |_: &Seen| {
        respond(
            200,
            "text/html",
            "<html><title>Oracle Cloud Account Sign In</title></html>",
        )
    };
    type Answer = fn(&Seen) -> Response;
    for answer in [redirecting as Answer, page] {
        for paging in [Paging::Scim(10), Paging::LinkNext] {
            let server = Server::start(move |seen, _| answer(seen)).await;
            let error = run(&server, pages(paging, Some("id"))).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.code()),
                (ErrorKind::Refused, "sign-in-page"),
                "{error}"
            );
            assert_eq!(server.seen().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_page_over_the_limit_is_asked_for_in_halves() {
    for (long, total) in [
        (vec![0, 1, 2, 3], 30),
        (vec![13, 14], 30),
        (vec![13, 15, 17, 28], 30),
        (vec![24], 25),
    ] {
        let server = Server::start(move |seen, _| {
            let (start, count) = position(seen);
            let records = (0..total).skip(start - 1).take(count);
            let text = |id: &usize| "x".repeat(if long.contains(id) { 1500 } else { 1 });
            list(
                json!(total),
                records
                    .map(|id| json!({"id": id.to_string(), "text": text(&id)}))
                    .collect(),
            )
        })
        .await;
        let limits = FetchLimits {
            page_bytes: 2500,
            ..FetchLimits::default()
        };
        let found = run_with(&server, scim(10), limits).await.unwrap();
        let ids: Vec<usize> = (found.iter())
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect();
        assert_eq!(ids, (0..total).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn trouble_with_one_page_is_waited_out() {
    let ids: Vec<usize> = (0..50).collect();
    let server = Server::start(move |seen, n| {
        if n % 3 == 1 {
            json(429, "{}")
        } else {
            honest(&ids, seen)
        }
    })
    .await;
    assert_eq!(run(&server, scim(10)).await.unwrap(), lines(0..50));
}

#[tokio::test]
async fn what_is_no_page_ends_the_query() {
    for (status, body, class) in [
        (200, "<html>", ErrorKind::Failed),
        (200, "", ErrorKind::Failed),
        (200, r#"{"totalResults":3,"Resources":[{"id":"a"},"#, ErrorKind::Failed),
        (200, r#"{"totalResults":3,"Resources":{}}"#, ErrorKind::Failed),
        (200, r#"{"status":"403","detail":"no"}"#, ErrorKind::Failed),
        (401, "{}", ErrorKind::Refused),
        (403, "{}", ErrorKind::Refused),
        (404, "{}", ErrorKind::Failed),
        (503, "{}", ErrorKind::Unavailable),
    ] {
        for failing in [0, 2] {
            let ids: Vec<usize> = (0..50).collect();
            let server = Server::start(move |seen, n| {
                if n < failing {
                    honest(&ids, seen)
                } else {
                    json(status, body)
                }
            })
            .await;
            let error = run(&server, scim(10)).await.unwrap_err();
            assert_eq!(error.kind(), class, "{status} {body}: {error}");
        }
    }
}

#[tokio::test]
async fn a_record_over_the_limit_costs_no_other_and_a_list_over_it_is_refused() {
    let long = || vec![record(0), json!({"id": "a", "x": "y".repeat(500)}), record(1)];
    let server = Server::start(move |_, _| list(json!(3), long())).await;
    let limits = FetchLimits {
        record_bytes: 200,
        ..FetchLimits::default()
    };
    let found = run_with(&server, scim(10), limits).await.unwrap();
    assert_eq!(
        (found[0].as_str(), found[2].as_str()),
        (lines(0..1)[0].as_str(), lines(1..2)[0].as_str())
    );
    assert!(serde_json::from_str::<Value>(&found[1]).is_err() && found[1].contains("yyy"));
    let limits = FetchLimits {
        paged_bytes: 100,
        ..FetchLimits::default()
    };
    assert_eq!(
        run_with(&server, scim(10), limits).await.unwrap_err().code(),
        "fetch-limit"
    );
    let limits = FetchLimits {
        page_bytes: 100,
        ..FetchLimits::default()
    };
    assert_eq!(
        run_with(&server, scim(10), limits).await.unwrap_err().code(),
        "response-limit"
    );
}

#[tokio::test]
async fn a_wait_longer_than_anybody_has_patience_for_ends_the_query_at_once() {
    let ids: Vec<usize> = (0..500).collect();
    let server = Server::start(move |seen, n| match n {
        2 => with_header(json(429, "{}"), "retry-after", "3600"),
        _ => honest(&ids, seen),
    })
    .await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), run(&server, scim(10))).await;
    let error = ended.expect("nobody waits for an hour").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

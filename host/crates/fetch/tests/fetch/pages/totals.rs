//! Lists whose total is wrong, wanders or is not told.

use super::*;

#[tokio::test]
async fn a_total_that_is_too_small_loses_no_record_and_is_said_once() {
    for total in [0, 3, 10, 20, 24] {
        for key in [Some("id"), None] {
            let ids: Vec<usize> = (0..25).collect();
            let server = Server::start(move |seen, _| {
                let (start, count) = position(seen);
                list(json!(total), slice(&ids, start, count))
            })
            .await;
            let (found, heard) = warnings(&server, pages(Paging::Scim(10), key)).await;
            assert_eq!(found.unwrap(), lines(0..25), "{total}");
            assert_eq!(heard.len(), 1, "{heard:?}");
            assert!(
                heard[0].contains(&format!("has {total} records, but it has 25")),
                "{heard:?}"
            );
        }
    }
    // A total that is the page's size, of a server that grants less than asked for.
    let ids: Vec<usize> = (0..120).collect();
    let server = Server::start(move |seen, _| {
        let (start, count) = position(seen);
        let records = slice(&ids, start, count.min(50));
        list(json!(records.len()), records)
    })
    .await;
    let (found, heard) = warnings(&server, scim(1000)).await;
    assert_eq!((found.unwrap(), heard.len()), (lines(0..120), 1));
}

#[tokio::test]
async fn a_total_that_tells_nothing_ends_no_list() {
    for granted in [1, 7, 20, 25, 50, 60, 75] {
        for (zero, key) in [(false, Some("id")), (true, Some("id")), (false, None)] {
            let server = Server::start(move |seen, _| {
                let (start, count) = position(seen);
                let ids: Vec<usize> = (0..155).collect();
                let records = slice(&ids, start, count.min(granted));
                list(json!(if zero { 0 } else { records.len() }), records)
            })
            .await;
            let (found, heard) = warnings(&server, pages(Paging::Scim(1000), key)).await;
            assert_eq!(
                (found.unwrap(), heard.len()),
                (lines(0..155), 1),
                "{granted} {zero} {key:?}"
            );
        }
    }
    // One that answers every question with its whole list.
    for key in [Some("id"), None] {
        let server = Server::start(|_, _| list(json!(7), slice(&(0..7).collect::<Vec<_>>(), 1, 7))).await;
        let (found, heard) = warnings(&server, pages(Paging::Scim(1000), key)).await;
        assert_eq!((found.unwrap(), heard.len()), (lines(0..7), 0), "{key:?}");
        assert!(server.seen().len() <= 4);
    }
}

#[tokio::test]
async fn pages_that_leave_records_out_are_read_from_other_positions_where_no_total_tells() {
    let server = Server::start(|seen, _| {
        let (start, count) = position(seen);
        let mut records = slice(&(0..455).collect::<Vec<_>>(), start, count.min(100));
        if records.len() > 2 {
            records.remove(records.len() / 2);
        }
        list(json!(records.len()), records)
    })
    .await;
    let found: HashSet<String> = run(&server, scim(1000)).await.unwrap().into_iter().collect();
    assert_eq!(found, lines(0..455).into_iter().collect());
}

#[tokio::test]
async fn a_total_that_is_too_large_is_a_warning_only_where_the_other_end_proves_the_list_whole() {
    for total in [26, 40, 1000] {
        let sorted = move |seen: &Seen, sorts: bool| {
            let (start, count) = position(seen);
            let mut ids: Vec<usize> = (0..25).collect();
            if sorts && query(seen)["sortOrder"] == "descending" {
                ids.reverse();
            }
            list(json!(total), slice(&ids, start, count))
        };
        let server = Server::start(move |seen, _| sorted(seen, true)).await;
        let (found, heard) = warnings(&server, scim(10)).await;
        assert_eq!((found.unwrap(), heard.len()), (lines(0..25), 1), "{total}");
        // One that does not sort may as well have cut the list.
        let server = Server::start(move |seen, _| sorted(seen, false)).await;
        assert_eq!(run(&server, scim(10)).await.unwrap_err().code(), "incomplete-list");
    }
    // A window of 20 records, behind which there are more.
    let server = Server::start(|seen, _| {
        let (start, count) = position(seen);
        let mut ids: Vec<usize> = (0..60).collect();
        if query(seen)["sortOrder"] == "descending" {
            ids.reverse();
        }
        ids.truncate(20);
        list(json!(60), slice(&ids, start, count))
    })
    .await;
    assert_eq!(run(&server, scim(10)).await.unwrap_err().code(), "incomplete-list");
}

#[tokio::test]
async fn a_total_may_be_a_text_and_a_list_may_be_missing_where_it_is_empty() {
    let server = Server::start(|_, _| list(json!("2"), vec![record(0), record(1)])).await;
    assert_eq!(run(&server, scim(10)).await.unwrap(), lines(0..2));
    let server = Server::start(|_, _| json(200, r#"{"totalResults":0,"schemas":[]}"#)).await;
    assert!(run(&server, scim(10)).await.unwrap().is_empty());
}

#[tokio::test]
async fn totals_that_make_no_sense_end_in_bounded_time() {
    for total in [
        json!(u64::MAX),
        json!(1e300),
        json!(-1),
        json!("x"),
        json!(999_999_999_999_u64),
        json!([]),
    ] {
        let shown = total.clone();
        let server = Server::start(move |_, _| list(total.clone(), slice(&(0..10).collect::<Vec<_>>(), 1, 10))).await;
        let error = run(&server, scim(10)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{shown}: {error}");
        assert!(server.seen().len() < 10);
    }
}

#[tokio::test]
async fn a_total_that_wanders_ends_in_bounded_time() {
    for step in [1, 7, 1000] {
        let server = Server::start(move |seen, n| {
            let (start, count) = position(seen);
            let ids: Vec<usize> = (0..start + count).collect();
            list(json!(40 + n * step), slice(&ids, start, count))
        })
        .await;
        let limits = FetchLimits {
            pages: 50,
            ..FetchLimits::default()
        };
        let outcome = run_with(&server, scim(10), limits).await;
        assert!(outcome.is_ok() || outcome.unwrap_err().kind() == ErrorKind::Failed);
        assert!(server.seen().len() <= 50, "{step}");
    }
}

#[tokio::test]
async fn a_list_without_a_total_is_read_to_its_end() {
    // How many records each page holds at most: a shorter one is not the last.
    for granted in [&[10][..], &[10, 4], &[3, 10, 1, 10]] {
        let ids: Vec<usize> = (0..25).collect();
        let server = Server::start(move |seen, n| {
            let (start, count) = position(seen);
            let most = granted[n.min(granted.len() - 1)];
            json(
                200,
                json!({"Resources": slice(&ids, start, count.min(most))}).to_string(),
            )
        })
        .await;
        assert_eq!(run(&server, scim(10)).await.unwrap(), lines(0..25), "{granted:?}");
    }
    let promised = Server::start(|seen, _| match position(seen) {
        (1, _) => json(200, json!({"Resources": [record(0)]}).to_string()),
        _ => list(json!(5), vec![]),
    })
    .await;
    assert_eq!(run(&promised, scim(10)).await.unwrap_err().code(), "incomplete-list");
}

//! The choice of the file on the server that a job wrote.

use super::*;

#[tokio::test]
async fn a_file_under_another_name_is_found_in_the_list() {
    for (listed, found) in [
        ("a.zip", "a.zip"),
        ("a.csv.zip", "a.csv.zip"),
        ("inbox/a.csv", "inbox%2Fa.csv"),
        ("inbox\\a.zip", "inbox%5Ca.zip"),
    ] {
        let place = contents(found);
        let there = place.clone();
        let server = server(move |seen, _| match seen.path.as_str() {
            LIST_V2 => Some(listing(&["Artifact Snapshot", listed])),
            path if path == there => Some(file()),
            path if path.ends_with("/contents") => Some(no_such_file()),
            _ => None,
        })
        .await;
        let fetched = run(&server, "a.csv").await.unwrap();
        assert_eq!(
            (text(&fetched).as_str(), fetched.file_name.as_deref()),
            (CSV, Some(listed))
        );
        assert_eq!(fetched.cleanup.unwrap().file, listed);
        let first = contents("a.csv");
        assert_eq!(
            server.lines(),
            [
                format!("POST {SUBMIT}"),
                format!("GET {first}"),
                format!("GET {LIST_V2}"),
                format!("GET {place}")
            ]
        );
    }
}

#[tokio::test]
async fn the_older_list_serves_where_the_newer_is_not_there() {
    for status in [404, 403, 400, 200] {
        let server = server(move |seen, _| match seen.path.as_str() {
            LIST_V2 => Some(json(status, r#"{"status":1,"details":"no"}"#)),
            LIST_V1 => Some(listing(&["a.zip"])),
            path if path == contents("a.zip") => Some(file()),
            path if path.ends_with("/contents") => Some(no_such_file()),
            _ => None,
        })
        .await;
        assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV, "{status}");
    }
}

#[tokio::test]
async fn variants_are_tried_where_no_list_is_to_be_had() {
    let server = server(|seen, _| match seen.path.as_str() {
        path if path == contents("a.zip") => Some(file()),
        path if path.ends_with("/contents") => Some(no_such_file()),
        _ => None,
    })
    .await;
    assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
}

#[tokio::test]
async fn a_name_that_the_job_tells_is_taken_first() {
    for answer in [
        r#"{"status":0,"items":[{"name":"a-told.csv"}]}"#,
        r#"{"status":0,"items":["a-told.csv"]}"#,
        r#"{"status":0,"links":[{"rel":"self","href":"x","data":{"fileName":"a-told.csv"}}]}"#,
    ] {
        let server = server(move |seen, _| match seen.path.as_str() {
            SUBMIT => Some(json(200, answer)),
            path if path == contents("a-told.csv") => Some(file()),
            _ => None,
        })
        .await;
        assert_eq!(
            run(&server, "a.csv").await.unwrap().file_name.as_deref(),
            Some("a-told.csv")
        );
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_name_that_no_file_can_have_is_the_server_s_failing_and_not_the_plugin_s() {
    for name in ["..", ".", "a\\tb.csv"] {
        let server = server(move |seen, _| {
            (seen.path == SUBMIT).then(|| json(200, format!(r#"{{"status":0,"items":[{{"name":"{name}"}}]}}"#)))
        })
        .await;
        let error = run(&server, "a.csv").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{name}: {error}");
    }
}

#[tokio::test]
async fn a_report_that_the_job_names_otherwise_is_fetched_and_not_deleted() {
    let server = server(|seen, _| match seen.path.as_str() {
        SUBMIT => Some(json(
            200,
            json!({"status": 0, "items": [{"name": "other.csv"}]}).to_string(),
        )),
        path if path == contents("other.csv") => Some(file()),
        _ => None,
    })
    .await;
    let fetched = run(&server, "run-7.csv").await.unwrap();
    assert_eq!(text(&fetched), CSV);
    assert!(fetched.cleanup.is_none());
}

#[tokio::test]
async fn a_name_that_is_no_report_s_is_neither_fetched_nor_deleted() {
    for other in ["Artifact Snapshot", "old/run-7.csv", "inbox/../run-7.csv"] {
        // The job tells it.
        let told = server(move |seen, _| match seen.path.as_str() {
            SUBMIT => Some(json(200, json!({"status": 0, "items": [{"name": other}]}).to_string())),
            path if path.ends_with("/contents") => Some(file()),
            _ => None,
        })
        .await;
        let fetched = run(&told, "run-7.csv").await.unwrap();
        assert_eq!(fetched.cleanup.unwrap().file, "run-7.csv", "{other}");
        // The list tells it, with or without the job.
        for items in [json!([]), json!([other])] {
            let listed = server(move |seen, _| match seen.path.as_str() {
                SUBMIT => Some(json(200, json!({"status": 0, "items": items}).to_string())),
                LIST_V2 => Some(listing(&[other])),
                path if path == contents("run-7.csv") => Some(no_such_file()),
                path if path.ends_with("/contents") => Some(file()),
                _ => None,
            })
            .await;
            let error = run(&listed, "run-7.csv").await.unwrap_err();
            assert_eq!(error.code(), "no-file", "{other}");
        }
    }
}

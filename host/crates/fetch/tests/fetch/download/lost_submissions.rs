//! Jobs of which nobody knows whether they exist: the answer to their submission was lost.

use super::*;

#[tokio::test]
async fn a_job_whose_answer_was_lost_is_looked_for_before_another_is_submitted() {
    // The job was created all the same: its file is there.
    let server = server(|seen, _| match seen.path.as_str() {
        SUBMIT => Some(json(503, "{}")),
        LIST_V2 => Some(listing(&["inbox/a.csv"])),
        path if path.ends_with("/contents") => Some(file()),
        _ => None,
    })
    .await;
    assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
    assert_eq!(
        server.lines()[..2],
        [format!("POST {SUBMIT}"), format!("GET {LIST_V2}")]
    );
    assert_eq!(server.lines().iter().filter(|line| line.contains(SUBMIT)).count(), 1);
}

#[tokio::test]
async fn a_job_that_was_not_created_is_submitted_again() {
    let server = server(|seen, n| match seen.path.as_str() {
        SUBMIT if n == 0 => Some(json(503, "{}")),
        LIST_V2 => Some(listing(&[])),
        path if path.ends_with("/contents") => Some(file()),
        _ => None,
    })
    .await;
    assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
    assert_eq!(
        server.lines()[..3],
        [
            format!("POST {SUBMIT}"),
            format!("GET {LIST_V2}"),
            format!("POST {SUBMIT}")
        ]
    );
}

/// A server on which the answer to the first submission is lost, and the file is listed from the so manieth look on.
async fn lossy(looks: Option<usize>) -> Server {
    let (seen_lists, seen_posts) = (AtomicUsize::new(0), AtomicUsize::new(0));
    server(move |seen, _| match seen.path.as_str() {
        SUBMIT if seen_posts.fetch_add(1, Ordering::Relaxed) == 0 => Some(json(502, "{}")),
        LIST_V2 => {
            let look = seen_lists.fetch_add(1, Ordering::Relaxed) + 1;
            let there = looks.is_some_and(|looks| look >= looks);
            Some(listing(if there { &["inbox/a.csv"] } else { &[] }))
        }
        path if path.ends_with("/contents") => Some(file()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn the_file_of_a_job_that_may_be_at_work_is_waited_for() {
    for from in [FetchStage::Start, FetchStage::Submitting] {
        let (server, unsure) = (lossy(Some(6)).await, Unsure::default());
        let sent = usize::from(from == FetchStage::Start);
        let patient = Duration::from_secs(60);
        let fetched = run_from(&server, "a.csv", from, patient, &unsure).await.unwrap();
        assert_eq!(text(&fetched), CSV);
        assert_eq!((submissions(&server), unsure.0.into_inner()), (sent, 0));
    }
}

#[tokio::test]
async fn a_job_whose_file_does_not_come_is_submitted_again_and_counted() {
    for from in [FetchStage::Start, FetchStage::Submitting] {
        let (server, unsure) = (lossy(None).await, Unsure::default());
        let short = Duration::from_millis(20);
        let fetched = run_from(&server, "a.csv", from, short, &unsure).await.unwrap();
        assert_eq!(text(&fetched), CSV);
        // To begin with, nobody knows; then the answer to the first request of this process is lost.
        let counted = unsure.0.into_inner();
        assert_eq!(submissions(&server), 2);
        assert!((1..=2).contains(&counted), "{counted}");
    }
}

#[tokio::test]
async fn where_no_files_are_listed_nobody_waits_for_one() {
    let (server, unsure) = (
        server(|seen, _| seen.path.ends_with("/contents").then(file)).await,
        Unsure::default(),
    );
    let endless = Duration::MAX;
    let fetched = run_from(&server, "a.csv", FetchStage::Submitting, endless, &unsure)
        .await
        .unwrap();
    assert_eq!(text(&fetched), CSV);
    assert_eq!((submissions(&server), unsure.0.into_inner()), (1, 1));
}

#[tokio::test]
async fn a_file_that_exists_after_a_repeated_submission_is_the_one_asked_for() {
    let exists = r#"{"status":1,"error":{"errorcode":"EPMCSS-20685","errormessage":"File a.csv already exists"}}"#;
    let repeated = server(move |seen, n| match seen.path.as_str() {
        SUBMIT => Some(json(if n == 0 { 502 } else { 200 }, exists)),
        LIST_V2 => Some(listing(&[])),
        path if path.ends_with("/contents") => Some(file()),
        _ => None,
    })
    .await;
    assert_eq!(text(&run(&repeated, "a.csv").await.unwrap()), CSV);
    let at_once = server(move |seen, _| (seen.path == SUBMIT).then(|| json(200, exists))).await;
    let error = run(&at_once, "a.csv").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.remote_code()),
        (ErrorKind::Failed, Some("EPMCSS-20685"))
    );
}

#[tokio::test]
async fn a_submission_that_made_no_job_leaves_nothing_to_look_for() {
    let refused = r#"{"status":1,"error":{"errorcode":"EPMCSS-21192","errormessage":"Authorization failed"}}"#;
    let told = r#"{"status":1,"details":"EPMCSS-21192: Authorization failed"}"#;
    let failed = r#"{"status":1,"details":"EPMCSS-20679: Invalid parameters"}"#;
    type Answer = Box<dyn Fn() -> Response + Send + Sync>;
    let answers: Vec<(Answer, ErrorKind)> = vec![
        (Box::new(move || json(200, refused)), ErrorKind::Refused),
        (Box::new(move || json(200, told)), ErrorKind::Refused),
        (Box::new(move || json(400, told)), ErrorKind::Refused),
        (Box::new(move || json(403, refused)), ErrorKind::Refused),
        (Box::new(|| json(401, "{}")), ErrorKind::Refused),
        (Box::new(move || json(200, failed)), ErrorKind::Failed),
        (Box::new(move || json(400, failed)), ErrorKind::Failed),
        (Box::new(|| json(429, "{}")), ErrorKind::Unavailable),
        (Box::new(respond_page), ErrorKind::Refused),
        (
            Box::new(|| redirect(302, "https://idcs-1.identity.oraclecloud.com/ui/v1/signin")),
            ErrorKind::Refused,
        ),
    ];
    for (answer, class) in answers {
        for from in [FetchStage::Start, FetchStage::Submitting] {
            let shown = answer().status();
            let answer = answer();
            let (parts, body) = answer.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let server = server(move |seen, _| match seen.path.as_str() {
                SUBMIT => Some(Response::from_parts(parts.clone(), body.clone().into())),
                LIST_V2 => Some(listing(&[])),
                _ => None,
            })
            .await;
            let spool = tempfile::tempdir().unwrap();
            let limits = FetchLimits {
                first_poll: Duration::from_millis(1),
                longest_poll: Duration::from_millis(2),
                job_search: Duration::from_millis(5),
                ..FetchLimits::default()
            };
            let remote = Arc::new(remote(&server.url()));
            let (fetcher, points) = (
                Fetcher::new(remote, spool.path(), limits, Arc::new(())),
                Points::default(),
            );
            let error = fetcher
                .fetch_from(&job("a.csv"), from.clone(), &points)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), class, "{shown} {error}");
            let last = points.0.lock().unwrap().last().cloned();
            assert_eq!(last, Some(FetchStage::Start), "{shown} from {from:?}: {error}");
        }
    }
}

//! Documents that come as the file of a job, and what becomes of it.

use super::*;

#[tokio::test]
async fn an_error_in_place_of_the_file_is_no_file() {
    let invalid = r#"{"details":"Invalid file : a.csv","status":1,"links":[]}"#;
    for (kind, body, class) in [
        ("application/json", invalid, ErrorKind::Failed),
        ("application/json;charset=UTF-8", invalid, ErrorKind::Failed),
        ("application/octet-stream", invalid, ErrorKind::Failed),
        (
            "application/json",
            r#"{"details":"EPMCSS-21192: no","status":1}"#,
            ErrorKind::Refused,
        ),
        ("application/json", "[]", ErrorKind::Failed),
        ("application/json", "", ErrorKind::Failed),
        ("text/html", "<html>", ErrorKind::Failed),
        ("application/octet-stream", "<!DOCTYPE html><html>", ErrorKind::Failed),
    ] {
        let server = epm(move |seen, _| seen.path.ends_with("/contents").then(|| respond(200, kind, body))).await;
        let error = run(&server, &job("a.csv")).await.unwrap_err();
        assert_eq!(error.kind(), class, "{kind} {body}: {error}");
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn a_csv_that_starts_like_json_is_a_file() {
    let server = epm(|seen, _| {
        seen.path
            .ends_with("/contents")
            .then(|| respond(200, "application/octet-stream", "{user},date\nx,y\n"))
    })
    .await;
    assert_eq!(text(&run(&server, &job("a.csv")).await.unwrap()), "{user},date\nx,y\n");
}

#[tokio::test]
async fn a_broken_download_is_started_again_and_never_handed_out() {
    let broken = || respond(200, "application/octet-stream", cut(CSV));
    let server = epm(move |seen, n| (seen.path.ends_with("/contents") && n < 6).then(broken)).await;
    assert_eq!(text(&run(&server, &job("a.csv")).await.unwrap()), CSV);
    let server = epm(move |seen, _| seen.path.ends_with("/contents").then(broken)).await;
    assert_eq!(
        run(&server, &job("a.csv")).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(
        server.lines().iter().filter(|line| line.ends_with("/contents")).count(),
        4
    );
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused() {
    let server = epm(|_, _| None).await;
    let limits = FetchLimits {
        document_bytes: 10,
        ..limits()
    };
    let error = run_with(&server, &job("a.csv"), limits, Arc::new(()))
        .await
        .outcome
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Failed, "response-limit"));
}

fn zipped(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn an_archive_is_opened() {
    let archive = zipped(&[("audit.csv", CSV)]);
    let server = epm(move |seen, _| {
        seen.path
            .ends_with("/contents")
            .then(|| respond(200, "application/octet-stream", archive.clone()))
    })
    .await;
    let fetched = run(&server, &job("audit.zip")).await.unwrap();
    assert_eq!(
        (text(&fetched), fetched.file_name.as_deref()),
        (CSV.to_owned(), Some("audit.csv"))
    );
    assert_eq!(fetched.cleanup.unwrap().file, "audit.zip");
}

#[tokio::test]
async fn a_bad_archive_is_refused() {
    for archive in [
        zipped(&[("a.csv", CSV), ("b.csv", CSV)]),
        zipped(&[("a.csv", CSV)])[..40].to_vec(),
    ] {
        let server = epm(move |seen, _| {
            seen.path
                .ends_with("/contents")
                .then(|| respond(200, "application/octet-stream", archive.clone()))
        })
        .await;
        let error = run(&server, &job("a.zip")).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Failed, "archive-refused"));
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_deleted_is_a_warning() {
    for (status, body) in [
        (500, ""),
        (200, r#"{"status":1,"details":"no"}"#),
        (404, ""),
        (200, "<html>"),
    ] {
        let server = epm(move |seen, _| seen.path.ends_with("/delete").then(|| json(status, body))).await;
        let heard = Arc::new(Heard::default());
        let run = run_with(&server, &job("a.csv"), limits(), heard.clone()).await;
        assert!(!run.fetcher.clean_up(&run.outcome.unwrap().cleanup.unwrap()).await);
        let heard = heard.0.lock().unwrap();
        assert!(
            heard
                .last()
                .unwrap()
                .starts_with("warned the file a.csv stays on the server"),
            "{heard:?}"
        );
    }
}

#[tokio::test]
async fn a_file_to_keep_brings_no_cleanup() {
    let server = epm(|_, _| None).await;
    let Fetch::Job(job) = job("a.csv") else { unreachable!() };
    let fetched = run(&server, &Fetch::Job(Job { keep: true, ..job })).await.unwrap();
    assert_eq!(fetched.cleanup, None);
}

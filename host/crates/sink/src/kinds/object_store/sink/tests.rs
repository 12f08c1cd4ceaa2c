//! The sink against a folder, and against a server that answers as told.

mod credentials;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};

use super::*;
use crate::kinds::object_store::{Bucket, Credentials};
use event::{Activity, Encoding, Outcome, Principal, samples};

const DAY: i64 = 86_400_000;

fn event(time: i64) -> Event {
    let mut event = Event::new(time, Activity::Logon, Outcome::Success, Principal::named("jdoe"));
    event.id = Some(format!("evt-{time}"));
    event
}

fn sink(place: UploadTarget, format: Format, compression: Compression) -> ObjectStoreSink {
    let options = ObjectStoreOptions {
        prefix: "archive".into(),
        format,
        compression,
        encoding: Encoding::Event.into(),
        ..ObjectStoreOptions::new(place)
    };
    ObjectStoreSink::new("store", options, Arc::new(samples::epm())).unwrap()
}

fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_batch_becomes_one_file_a_day_and_the_same_batch_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("made/when needed");
    let events = [event(0), event(DAY), event(1)];
    for (format, compression, suffix) in [
        (Format::Ndjson, Compression::Gzip, ".ndjson.gz"),
        (Format::Ndjson, Compression::None, ".ndjson"),
        (Format::Csv, Compression::Zstd, ".csv.zst"),
    ] {
        let mut sink = sink(
            UploadTarget::Folder(target.clone(), FileMode::default()),
            format,
            compression,
        );
        sink.probe().await.unwrap();
        for _ in 0..2 {
            assert_eq!(sink.deliver(&events).await.unwrap(), Verdict::Accepted);
        }
        assert_eq!(sink.deliver(&[]).await.unwrap(), Verdict::Accepted);
        sink.close().await.unwrap();
        assert!(matches!(sink.deliver(&events).await, Err(SinkError::Ended { .. })));
        let of_format = |path: &&PathBuf| path.to_str().unwrap().ends_with(suffix);
        assert_eq!(files(&target).iter().filter(of_format).count(), 2, "{suffix}");
    }
    let found = files(&target);
    assert_eq!(found.len(), 6, "{found:?}");
    let first = found
        .iter()
        .find(|path| path.to_str().unwrap().ends_with(".ndjson.gz"))
        .unwrap();
    let partition = target.join("archive/report=invalid-login/connection=epm/date=1970-01-01");
    assert_eq!(first.parent().unwrap(), partition);
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(first).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.lines().count(), 2);
}

#[tokio::test]
async fn a_probe_leaves_no_folder_behind() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("later");
    let mut sink = sink(
        UploadTarget::Folder(target, FileMode::default()),
        Format::Ndjson,
        Compression::None,
    );
    assert!(sink.probe().await.unwrap().ends_with("can be written"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_that_is_a_file_is_unusable() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("file");
    std::fs::write(&target, "").unwrap();
    let mut sink = sink(
        UploadTarget::Folder(target, FileMode::default()),
        Format::Ndjson,
        Compression::None,
    );
    assert!(matches!(
        sink.deliver(&[event(0)]).await.unwrap(),
        Verdict::Unusable { .. }
    ));
}

/// A server that answers every conditional put so, and keeps what is put without a condition.
struct Server {
    url: url::Url,
    kept: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

async fn server(status: StatusCode, body: &'static str) -> Server {
    let kept: Arc<Mutex<BTreeMap<String, Bytes>>> = Arc::default();
    let objects = Arc::clone(&kept);
    let answer = move |uri: Uri, headers: HeaderMap, content: Bytes| {
        let objects = Arc::clone(&objects);
        async move {
            assert!(
                headers["authorization"]
                    .to_str()
                    .unwrap()
                    .starts_with("AWS4-HMAC-SHA256 ")
            );
            if headers.contains_key("if-none-match") {
                return (status, [("etag", "\"x\"")], body);
            }
            objects.lock().unwrap().insert(uri.path().to_owned(), content);
            (StatusCode::OK, [("etag", "\"x\"")], "")
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    Server { url, kept }
}

fn bucket(endpoint: url::Url) -> UploadTarget {
    UploadTarget::Bucket(Box::new(Bucket {
        name: "audit".into(),
        region: "us-east-1".into(),
        endpoint: Some(endpoint),
        path_style: None,
        credentials: Credentials::Key {
            id: "AKIA".into(),
            secret: "do-not-print-me".to_owned().into(),
            token: None,
        },
        allow_http: false,
        allow_private_addresses: true,
        ca_file: None,
    }))
}

#[tokio::test]
async fn an_answer_means_what_s3_means_by_it() {
    let denied =
        "<Error><Code>AccessDenied</Code><Message>Access Denied</Message><StringToSign>x</StringToSign></Error>";
    let absent = "<Error><Code>NoSuchBucket</Code><Message>The bucket does not exist</Message></Error>";
    let accepted = |verdict: &Verdict| *verdict == Verdict::Accepted;
    let refused = |words: &'static str| move |verdict: &Verdict| matches!(verdict, Verdict::Unusable { reason } if reason.contains(words) && !reason.contains("Sign"));
    let retried = |verdict: &Verdict| matches!(verdict, Verdict::Retry { .. });
    type Expected = Box<dyn Fn(&Verdict) -> bool>;
    let cases: Vec<(u16, &'static str, Expected)> = vec![
        (200, "", Box::new(accepted)),
        (412, "", Box::new(accepted)),
        (304, "", Box::new(accepted)),
        (403, denied, Box::new(refused("AccessDenied: Access Denied"))),
        (401, "", Box::new(refused("401"))),
        (404, absent, Box::new(refused("NoSuchBucket"))),
        (400, "", Box::new(refused("400"))),
        (409, "", Box::new(retried)),
        (429, "", Box::new(retried)),
        (500, "", Box::new(retried)),
        (503, "<Error><Code>SlowDown</Code></Error>", Box::new(retried)),
        (400, "<Error><Code>Throttling</Code></Error>", Box::new(retried)),
    ];
    for (status, body, expected) in cases {
        let server = server(StatusCode::from_u16(status).unwrap(), body).await;
        let mut sink = sink(bucket(server.url), Format::Ndjson, Compression::Gzip);
        let verdict = sink.deliver(&[event(0)]).await.unwrap();
        assert!(expected(&verdict), "{status}: {verdict:?}");
        assert!(server.kept.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_server_without_conditions_gets_plain_puts() {
    let server = server(StatusCode::NOT_IMPLEMENTED, "").await;
    let mut sink = sink(bucket(server.url), Format::Ndjson, Compression::None);
    for _ in 0..2 {
        assert_eq!(sink.deliver(&[event(0), event(DAY)]).await.unwrap(), Verdict::Accepted);
    }
    let kept = server.kept.lock().unwrap();
    assert_eq!(kept.len(), 2);
    assert!(
        kept.keys().all(|path| path.starts_with("/audit/archive/report")),
        "{kept:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let endpoint = format!("http://127.0.0.1:{port}").parse().unwrap();
    let mut sink = sink(bucket(endpoint), Format::Ndjson, Compression::Gzip);
    match sink.deliver(&[event(0)]).await.unwrap() {
        Verdict::Retry { reason, .. } => assert!(!reason.contains("do-not-print-me"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(sink.probe().await.is_err());
}

/// The answer of a server with a put that is conditional.
type Answer = (u16, &'static [(&'static str, &'static str)], &'static str);

/// A server that answers each request so, whatever it asks; gives the headers of what was put.
async fn answering(answer: Answer) -> (url::Url, Arc<Mutex<Vec<HeaderMap>>>) {
    let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let (status, told, body) = answer;
    let answer = move |headers: HeaderMap| {
        noted.lock().unwrap().push(headers);
        let mut answer = axum::response::Response::builder().status(status);
        for (name, value) in told {
            answer = answer.header(*name, *value);
        }
        async move { answer.body(axum::body::Body::from(body)).unwrap() }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (url, seen)
}

const ETAG: &[(&str, &str)] = &[("etag", "\"x\"")];

#[tokio::test]
async fn odd_answers_lose_nothing_and_lock_nobody_out() {
    for (answer, expected, words) in [
        ((200, ETAG, ""), "accepted", ""),
        // Gateways drop it.
        ((200, &[], ""), "accepted", ""),
        // S3 sends its status before it knows, and a gateway a page of its own.
        (
            (
                200,
                ETAG,
                "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>",
            ),
            "retry",
            "InternalError",
        ),
        (
            (200, ETAG, "<Error><Code>AccessDenied</Code></Error>"),
            "unusable",
            "AccessDenied",
        ),
        ((200, &[], "<html>sign in</html>"), "retry", ""),
        ((503, &[], "<Error><Code>SlowDown</Code></Error>"), "retry", "SlowDown"),
        (
            (409, &[], "<Error><Code>OperationAborted</Code></Error>"),
            "retry",
            "OperationAborted",
        ),
        (
            (409, &[], "<Error><Code>ConditionalRequestConflict</Code></Error>"),
            "retry",
            "ConditionalRequestConflict",
        ),
        (
            (400, &[], "<Error><Code>RequestTimeout</Code></Error>"),
            "retry",
            "RequestTimeout",
        ),
        (
            (400, &[], "<Error><Code>BadDigest</Code></Error>"),
            "retry",
            "BadDigest",
        ),
        (
            (400, &[], "<Error><Code>XAmzContentChecksumMismatch</Code></Error>"),
            "retry",
            "Checksum",
        ),
        (
            (507, &[], "<Error><Code>XMinioStorageFull</Code></Error>"),
            "retry",
            "StorageFull",
        ),
        (
            (307, &[], "<Error><Code>TemporaryRedirect</Code></Error>"),
            "retry",
            "TemporaryRedirect",
        ),
        (
            (
                301,
                &[("x-amz-bucket-region", "eu-west-1")],
                "<Error><Code>PermanentRedirect</Code></Error>",
            ),
            "unusable",
            "region eu-west-1",
        ),
        (
            (
                400,
                &[],
                "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>",
            ),
            "unusable",
            "region eu-west-3",
        ),
        (
            (403, &[], "<Error><Code>RequestTimeTooSkewed</Code></Error>"),
            "unusable",
            "Skewed",
        ),
        (
            (400, &[], "<Error><Code>ExpiredToken</Code></Error>"),
            "unusable",
            "ExpiredToken",
        ),
        ((403, &[], ""), "unusable", "403"),
        (
            (404, &[], "<Error><Code>NoSuchBucket</Code></Error>"),
            "unusable",
            "NoSuchBucket",
        ),
        (
            (400, &[], "<Error><Code>EntityTooLarge</Code></Error>"),
            "too large",
            "EntityTooLarge",
        ),
        ((413, &[], ""), "too large", "413"),
    ] {
        let (url, _) = answering(answer).await;
        let mut sink = sink(bucket(url), Format::Ndjson, Compression::Gzip);
        let (kind, reason) = match sink.deliver(&[event(0)]).await.unwrap() {
            Verdict::Accepted => ("accepted", String::new()),
            Verdict::Retry { reason, .. } => ("retry", reason),
            Verdict::Unusable { reason } => ("unusable", reason),
            Verdict::TooLarge { reason } => ("too large", reason),
            other => panic!("{other:?}"),
        };
        assert_eq!(kind, expected, "{answer:?}: {reason}");
        assert!(reason.contains(words), "{answer:?}: {reason}");
    }
}

#[tokio::test]
async fn every_object_comes_with_its_checksum() {
    let (url, seen) = answering((200, ETAG, "")).await;
    let mut sink = sink(bucket(url), Format::Ndjson, Compression::None);
    assert_eq!(sink.deliver(&[event(0), event(DAY)]).await.unwrap(), Verdict::Accepted);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    for headers in seen.iter() {
        // 32 bytes in Base64, signed with the rest.
        assert_eq!(headers["x-amz-checksum-sha256"].len(), 44);
        let signed = headers["authorization"].to_str().unwrap();
        assert!(signed.contains("x-amz-checksum-sha256"), "{signed}");
    }
}

#[tokio::test]
async fn a_folder_lets_in_those_whom_its_mode_lets_in() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("archive");
    let mut sink = sink(
        UploadTarget::Folder(target.clone(), FileMode::default()),
        Format::Ndjson,
        Compression::None,
    );
    assert_eq!(sink.deliver(&[event(0)]).await.unwrap(), Verdict::Accepted);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = files(&target).pop().unwrap();
    assert_eq!(
        mode(&file) & 0o027,
        0,
        "nobody else may read it, and the group not write"
    );
    for made in file.ancestors().skip(1).take_while(|made| made.starts_with(&target)) {
        assert_eq!(mode(made) & 0o027, 0, "{}", made.display());
    }
}

//! The sink against a folder, and against a server that answers as told.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};

use super::*;
use crate::event::{Activity, Outcome, Principal, samples};

const DAY: i64 = 86_400_000;

fn event(time: i64) -> Event {
    let mut event = Event::new(time, Activity::Logon, Outcome::Success, Principal::named("jdoe"));
    event.id = Some(format!("evt-{time}"));
    event
}

fn sink(place: Place, format: Format, compression: Compression) -> ObjectStoreSink {
    let options = ObjectStoreOptions {
        prefix: "archive".into(),
        format,
        compression,
        encoding: Encoding::Event,
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
        let mut sink = sink(Place::Folder(target.clone()), format, compression);
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
    let mut sink = sink(Place::Folder(target), Format::Ndjson, Compression::None);
    assert!(sink.probe().await.unwrap().ends_with("can be written"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_that_is_a_file_is_unusable() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("file");
    std::fs::write(&target, "").unwrap();
    let mut sink = sink(Place::Folder(target), Format::Ndjson, Compression::None);
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

fn bucket(endpoint: url::Url) -> Place {
    Place::Bucket(Box::new(Bucket {
        name: "audit".into(),
        region: "us-east-1".into(),
        endpoint: Some(endpoint),
        path_style: None,
        access_key_id: "AKIA".into(),
        secret_access_key: "do-not-print-me".to_owned().into(),
        session_token: None,
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

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::header::HeaderValue;
use http::{HeaderMap, Method, StatusCode};

use super::*;
use crate::error::RemoteError;
use crate::origin::BaseUrl;
use crate::redact::Redactor;
use crate::transport::{Incoming, Outgoing, Transport};

const SECRET: &str = "canary-5ecret";

/// Answers with the path, the query and the secret, in pieces that cut the secret in two.
struct Echo;

#[async_trait]
impl Transport for Echo {
    async fn execute(&self, outgoing: Outgoing) -> Result<Incoming, RemoteError> {
        let text = format!(
            "{}?{} {SECRET} end",
            outgoing.url.path(),
            outgoing.url.query().unwrap_or_default()
        );
        let text = text.replace("abcdef", "");
        let pieces: Vec<_> = text
            .into_bytes()
            .chunks(7)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("set-cookie", "session=abc"),
            ("x-echo", SECRET),
            ("content-type", "text/plain"),
            ("content-length", "99"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Ok(Incoming {
            status: StatusCode::OK,
            headers,
            body: stream::iter(pieces).boxed(),
        })
    }
}

fn outgoing(base: &BaseUrl, target: &str, confidential: bool) -> Outgoing {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Basic eHg="));
    headers.insert("x-api-key", HeaderValue::from_static(SECRET));
    headers.insert("accept", HeaderValue::from_static("*/*"));
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    Outgoing {
        method: Method::POST,
        url: base.resolve(target).unwrap(),
        headers,
        body: Some(Bytes::from(format!("a=b&password=hidden&x={SECRET}"))),
        confidential,
        paced: false,
        fresh: false,
        redemption: None,
        query: None,
        signer: None,
    }
}

async fn body(transport: &dyn Transport, outgoing: Outgoing) -> Result<String, RemoteError> {
    let mut incoming = transport.execute(outgoing).await?;
    let mut text = Vec::new();
    while let Some(piece) = incoming.body.next().await {
        text.extend_from_slice(&piece?);
    }
    Ok(String::from_utf8(text).unwrap())
}

fn recorder(folder: &Path) -> (BaseUrl, Recorder) {
    let base = BaseUrl::parse("https://epm.example.com/gw").unwrap();
    let redactor = Arc::new(Redactor::default());
    redactor.add(SECRET);
    let notes = BTreeMap::from([("now".to_owned(), "1".to_owned())]);
    let recorder = Recorder::create(folder, &base, &notes, Box::new(Echo), redactor).unwrap();
    (base, recorder)
}

#[tokio::test]
async fn a_recording_replays_and_holds_no_secret() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("recording");
    let (base, recorder) = recorder(&folder);
    let live = body(&recorder, outgoing(&base, "/gw/a?token=abcdef&q=1", false))
        .await
        .unwrap();
    assert!(live.contains(SECRET), "the run itself sees what the server sent");
    body(&recorder, outgoing(&base, "/oauth2/v1/token", true))
        .await
        .unwrap();
    body(&recorder, outgoing(&base, "/gw/b", false)).await.unwrap();

    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for secret in [SECRET, "eHg=", "session=abc", "hidden", "abcdef"] {
            assert!(!text.contains(secret), "{secret} in {:?}: {text}", entry.file_name());
        }
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        ["0001.body", "0001.json", "0002.body", "0002.json", "recording.json"]
    );
    assert_eq!(Recording::read(&folder).unwrap().notes["now"], "1");

    let replay = Replay::open(&folder).unwrap();
    assert_eq!(replay.base().as_str(), "https://epm.example.com/gw/");
    assert_eq!(
        body(&replay, outgoing(&base, "/gw/b", false)).await.unwrap(),
        "/gw/b? [redacted] end"
    );
    let answer = body(&replay, outgoing(&base, "/gw/a?token=other&q=1", false))
        .await
        .unwrap();
    assert!(answer.starts_with("/gw/a?"), "{answer}");
    assert!(
        body(&replay, outgoing(&base, "/gw/b", false)).await.is_err(),
        "every answer is used once"
    );
}

/// Answers with a body that breaks off, and with a whole one when asked again.
struct Breaking(std::sync::atomic::AtomicBool);

#[async_trait]
impl Transport for Breaking {
    async fn execute(&self, _: Outgoing) -> Result<Incoming, RemoteError> {
        let mut pieces = vec![Ok(Bytes::from_static(b"one "))];
        if self.0.swap(false, std::sync::atomic::Ordering::SeqCst) {
            pieces.push(Err(RemoteError::Interrupted { reason: "reset".into() }));
        } else {
            pieces.push(Ok(Bytes::from_static(b"two")));
        }
        Ok(Incoming {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: stream::iter(pieces).boxed(),
        })
    }
}

#[tokio::test]
async fn a_body_that_broke_off_breaks_off_again() {
    // The server breaks it off, or whoever reads it stops.
    for by_server in [true, false] {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("r");
        let base = BaseUrl::parse("https://epm.example.com/").unwrap();
        let redactor = Arc::new(Redactor::default());
        redactor.add(SECRET);
        let inner = Box::new(Breaking(by_server.into()));
        let recorder = Recorder::create(&folder, &base, &BTreeMap::new(), inner, redactor).unwrap();
        if by_server {
            assert!(body(&recorder, outgoing(&base, "/a", false)).await.is_err());
        } else {
            let mut incoming = recorder.execute(outgoing(&base, "/a", false)).await.unwrap();
            incoming.body.next().await.unwrap().unwrap();
        }
        let whole = body(&recorder, outgoing(&base, "/a", false)).await.unwrap();
        assert_eq!(whole, "one two");
        let mut names: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["0001.body", "0001.json", "0002.body", "0002.json", "recording.json"]
        );

        let replay = Replay::open(&folder).unwrap();
        let mut broken = replay.execute(outgoing(&base, "/a", false)).await.unwrap().body;
        assert_eq!(&broken.next().await.unwrap().unwrap()[..], b"one ");
        let error = broken.next().await.unwrap().unwrap_err();
        assert!(matches!(error, RemoteError::Interrupted { .. }), "{error}");
        assert!(broken.next().await.is_none());
        let again = body(&replay, outgoing(&base, "/a", false)).await.unwrap();
        assert_eq!(again, "one two");
    }
}

#[tokio::test]
async fn an_entry_that_does_not_tell_is_whole() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("r");
    let (base, recorder) = recorder(&folder);
    let live = body(&recorder, outgoing(&base, "/gw/a", false)).await.unwrap();
    let path = folder.join("0001.json");
    let mut entry: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(
        entry.as_object_mut().unwrap().remove("complete"),
        Some(serde_json::Value::Bool(true))
    );
    std::fs::write(&path, entry.to_string()).unwrap();
    let replay = Replay::open(&folder).unwrap();
    let replayed = body(&replay, outgoing(&base, "/gw/a", false)).await.unwrap();
    assert_eq!(replayed, live.replace(SECRET, "[redacted]"));
}

#[tokio::test]
async fn the_most_similar_request_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (base, recorder) = recorder(&folder.path().join("r"));
    for target in [
        "/gw/page?startIndex=1&now=5",
        "/gw/page?startIndex=11&now=5",
        "/gw/files/run-1.csv/contents",
    ] {
        body(&recorder, outgoing(&base, target, false)).await.unwrap();
    }
    let replay = Replay::open(&folder.path().join("r")).unwrap();
    let second = body(&replay, outgoing(&base, "/gw/page?startIndex=11&now=6", false))
        .await
        .unwrap();
    assert!(second.contains("startIndex=11"), "{second}");
    let file = body(&replay, outgoing(&base, "/gw/files/run-2.csv/contents", false))
        .await
        .unwrap();
    assert!(file.contains("run-1.csv"), "{file}");
    assert!(body(&replay, outgoing(&base, "/gw/other", false)).await.is_err());
}

#[tokio::test]
async fn a_disk_that_fails_while_recording_is_this_machine_s_failing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("recording");
    let (base, recorder) = recorder(&folder);
    body(&recorder, outgoing(&base, "/gw/a", false)).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let error = body(&recorder, outgoing(&base, "/gw/b", false)).await.unwrap_err();
    assert_eq!(error.kind(), base::ErrorKind::Internal, "{error}");
    // Before anything was sent somebody named the wrong place.
    std::fs::write(&folder, "").unwrap();
    let started = Recorder::create(&folder, &base, &BTreeMap::new(), Box::new(Echo), Arc::default());
    let Err(error) = started else {
        panic!("a file is no folder")
    };
    assert_eq!(error.kind(), base::ErrorKind::Usage, "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_recording_is_for_its_owner_only_and_is_not_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("recording");
    let (base, recorder) = recorder(&folder);
    body(&recorder, outgoing(&base, "/gw/a", false)).await.unwrap();
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in std::fs::read_dir(&folder).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o077, 0);
    }
    let again = Recorder::create(&folder, &base, &BTreeMap::new(), Box::new(Echo), Arc::default());
    assert!(again.is_err());
}

#[test]
fn a_folder_without_a_recording_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Recording::read(folder.path()).is_err());
    for text in ["", "{}", r#"{"version":2,"base":"https://a.example/","notes":{}}"#] {
        std::fs::write(folder.path().join("recording.json"), text).unwrap();
        assert!(Recording::read(folder.path()).is_err(), "{text}");
    }
}

/// Answers with this body, in pieces.
struct Fixed(Vec<u8>);

#[async_trait]
impl Transport for Fixed {
    async fn execute(&self, _: Outgoing) -> Result<Incoming, RemoteError> {
        let pieces: Vec<_> = (self.0.chunks(1000))
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        Ok(Incoming {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: stream::iter(pieces).boxed(),
        })
    }
}

/// The body as a recording has it, and as it is replayed.
async fn recorded(answer: &[u8], redactor: Redactor) -> (Vec<u8>, Result<String, RemoteError>) {
    let (written, replayed, _) = recorded_and_counted(answer, redactor).await;
    (written, replayed)
}

/// The body as recorded and as replayed, and how many bodies the recording lacks.
async fn recorded_and_counted(answer: &[u8], redactor: Redactor) -> (Vec<u8>, Result<String, RemoteError>, u64) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("r");
    let base = BaseUrl::parse("https://audit.example.com/").unwrap();
    let inner = Box::new(Fixed(answer.to_vec()));
    redactor.add(SECRET);
    let recorder = Recorder::create(&folder, &base, &BTreeMap::new(), inner, Arc::new(redactor)).unwrap();
    let mut live = Vec::new();
    let mut incoming = recorder.execute(outgoing(&base, "/a", false)).await.unwrap().body;
    while let Some(piece) = incoming.next().await {
        live.extend_from_slice(&piece.unwrap());
    }
    assert!(live == answer, "the run itself sees what the server sent");
    let replay = Replay::open(&folder).unwrap();
    let replayed = body(&replay, outgoing(&base, "/a", false)).await;
    let withheld = Recording::withheld(&folder).unwrap();
    (std::fs::read(folder.join("0001.body")).unwrap(), replayed, withheld)
}

#[tokio::test]
async fn secrets_of_others_are_masked_in_a_body_as_a_whole() {
    let record = |call: &str| {
        format!(
            r#"{{"eventType":"com.oraclecloud.a.{call}","note":"{SECRET}","filler":"{}","data":{{"identity":{{"credentials":"ST$hunter22"}},"request":{{"headers":{{"\u0041uthorization":["Bearer hunter22"],"opc-principal":["{{\"value\":\"hunter22\"}}"],"Host":["x"]}}}},"response":{{"headers":{{"Set-Cookie":["a=hunter22"]}},"payload":{{"key":"of {call}"}}}}}}}}"#,
            "x".repeat(3000)
        )
    };
    let (read, made) = (record("GetUser"), record("CreateAuthToken"));
    for page in [
        format!("[{read},{made}]"),
        format!(r#"{{"results":[{read},{made}],"fields":[]}}"#),
    ] {
        let (written, replayed) = recorded(page.as_bytes(), Redactor::masking()).await;
        let replayed = replayed.unwrap();
        assert_eq!(written, replayed.as_bytes());
        assert!(
            !replayed.contains("hunter22") && !replayed.contains(SECRET),
            "{replayed}"
        );
        assert!(
            replayed.contains("of GetUser") && !replayed.contains("of CreateAuthToken"),
            "{replayed}"
        );
        let events: serde_json::Value = serde_json::from_str(&replayed).unwrap();
        let first = events.get("results").unwrap_or(&events)[0]["data"].clone();
        assert_eq!(first["request"]["headers"]["Host"][0], "x");
        assert_eq!(first["identity"]["credentials"], "***");

        let (written, _) = recorded(page.as_bytes(), Redactor::default()).await;
        assert!(String::from_utf8(written).unwrap().contains("hunter22"));
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_or_breaks_off_is_masked_too() {
    for answer in [
        r#"{"results":[{"m":"an odd " quote","credentials":"hunter22"}]}"#,
        r#"[{"identity":{"credentials":["hunter22"#,
        "<html>token=hunter22</html>",
    ] {
        let (written, _) = recorded(answer.as_bytes(), Redactor::masking()).await;
        let written = String::from_utf8(written).unwrap();
        assert!(written.contains("***") && !written.contains("hunter22"), "{written}");
    }
    // Whoever reads it stops.
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("r");
    let base = BaseUrl::parse("https://audit.example.com/").unwrap();
    let answer = format!(r#"[{{"credentials":["hunter22","{}"#, "hunter22".repeat(1000));
    let inner = Box::new(Fixed(answer.into_bytes()));
    let redactor = Arc::new(Redactor::masking());
    let recorder = Recorder::create(&folder, &base, &BTreeMap::new(), inner, redactor).unwrap();
    let mut incoming = recorder.execute(outgoing(&base, "/a", false)).await.unwrap();
    incoming.body.next().await.unwrap().unwrap();
    drop(incoming);
    assert_eq!(
        std::fs::read_to_string(folder.join("0001.body")).unwrap(),
        r#"[{"credentials":"***""#
    );
}

#[tokio::test]
async fn a_body_that_is_too_long_to_be_masked_is_not_recorded() {
    let long = vec![b'x'; super::body::MOST + 1];
    let (written, replayed, withheld) = recorded_and_counted(&long, Redactor::masking()).await;
    assert!(written.is_empty());
    assert_eq!(withheld, 1);
    let error = replayed.unwrap_err();
    assert!(error.to_string().contains("too long to be masked"), "{error}");
    let (written, replayed, withheld) = recorded_and_counted(&long, Redactor::default()).await;
    assert!(written == long && replayed.unwrap().len() == long.len());
    assert_eq!(withheld, 0);
}

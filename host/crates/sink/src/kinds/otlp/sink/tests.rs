//! The sink against collectors in this process.

use std::io::Read as _;
use std::sync::Mutex;

use ::http::{HeaderMap, StatusCode};
use axum::Router;
use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use prost::Message as _;
use tokio::net::TcpListener;

use super::*;
use crate::kinds::otlp::outcome::RpcStatus;
use base::ErrorKind;
use connection::Connection;
use event::{Activity, Outcome, samples};
use remote::Auth;

const PROTOBUF: [(&str, &str); 1] = [("content-type", "application/x-protobuf")];

type Seen = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

/// A collector that answers every request like this.
async fn collector(status: StatusCode, body: Vec<u8>) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let app = Router::new().fallback(move |uri: ::http::Uri, headers: HeaderMap, request: Bytes| {
        log.lock().unwrap().push((uri.path().to_owned(), headers, request));
        let body = body.clone();
        async move { (status, PROTOBUF, body) }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, seen)
}

fn settings(url: &str) -> Settings {
    let mut settings = Settings::new("otel", url.parse().unwrap());
    settings.allow_private_addresses = true;
    settings
}

fn open(settings: Settings, config: &OtlpConfig) -> Result<OtlpSink, SinkError> {
    let rendering = Rendering::default();
    OtlpSink::new("otel", settings, config, rendering, Arc::new(samples::epm()))
}

fn config() -> OtlpConfig {
    OtlpConfig::new(Connection::new("https://otel.example.com".parse().unwrap()))
}

fn over(protocol: OtlpProtocol) -> OtlpConfig {
    OtlpConfig { protocol, ..config() }
}

fn events() -> Vec<Event> {
    Activity::ALL
        .into_iter()
        .map(|activity| samples::sparse(activity, Outcome::Success))
        .collect()
}

#[tokio::test]
async fn a_batch_is_one_request_below_the_url() {
    let (url, seen) = collector(StatusCode::OK, Vec::new()).await;
    let mut settings = settings(&format!("{url}otlp"));
    settings.auth = Auth::Header {
        name: "x-api-key".into(),
        prefix: String::new(),
        value: "canary-3".to_owned().into(),
    };
    let config = OtlpConfig {
        compression: OtlpCompression::Gzip,
        ..config()
    };
    let mut sink = open(settings, &config).unwrap();
    assert_eq!(sink.deliver(&[]).await.unwrap(), Verdict::Accepted);
    assert_eq!(sink.deliver(&events()).await.unwrap(), Verdict::Accepted);
    sink.close().await.unwrap();
    assert!(matches!(sink.deliver(&events()).await, Err(SinkError::Ended { .. })));
    let seen = seen.lock().unwrap();
    let [(path, headers, body)] = seen.as_slice() else {
        panic!("{} requests", seen.len());
    };
    assert_eq!(path, "/otlp/v1/logs");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(headers["x-api-key"], "canary-3");
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(body.as_ref())
        .read_to_end(&mut plain)
        .unwrap();
    let request = ExportLogsServiceRequest::decode(plain.as_slice()).unwrap();
    let names: Vec<&str> = request.resource_logs[0].scope_logs[0]
        .log_records
        .iter()
        .map(|record| record.event_name.as_str())
        .collect();
    let expected: Vec<String> = Activity::ALL
        .iter()
        .map(|activity| format!("audit.{}", activity.name()))
        .collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn what_is_rejected_in_part_is_asked_for_in_smaller_batches() {
    let answer = ExportLogsServiceResponse {
        partial_success: Some(ExportLogsPartialSuccess {
            rejected_log_records: 1,
            error_message: "too\nold".into(),
        }),
    };
    let (url, _) = collector(StatusCode::OK, answer.encode_to_vec()).await;
    let mut sink = open(settings(&url), &config()).unwrap();
    let reason = "the collector rejected 1 of 26: too old".to_owned();
    assert_eq!(sink.deliver(&events()).await.unwrap(), Verdict::TooLarge { reason });
    let reason = "the collector rejected 1 of 1: too old".to_owned();
    assert_eq!(sink.deliver(&events()[..1]).await.unwrap(), Verdict::Refused { reason });
}

#[tokio::test]
async fn a_failure_is_told_in_the_collector_s_words() {
    let body = RpcStatus {
        code: 3,
        message: "bad \u{1b}[31m canary-3".into(),
        ..RpcStatus::default()
    };
    for (status, retried) in [
        (StatusCode::BAD_REQUEST, false),
        (StatusCode::SERVICE_UNAVAILABLE, true),
    ] {
        let (url, _) = collector(status, body.encode_to_vec()).await;
        let mut settings = settings(&url);
        settings.auth = Auth::Bearer("canary-3".to_owned().into());
        let mut sink = open(settings, &config()).unwrap();
        let verdict = sink.deliver(&events()).await.unwrap();
        let (Verdict::Retry { reason, .. } | Verdict::Refused { reason }) = &verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(matches!(verdict, Verdict::Retry { .. }), retried);
        assert_eq!(*reason, format!("status {status}: bad [31m [redacted]"));
    }
}

#[tokio::test]
async fn a_probe_brings_no_record() {
    let (url, seen) = collector(StatusCode::OK, Vec::new()).await;
    let mut sink = open(settings(&url), &config()).unwrap();
    assert_eq!(sink.probe().await.unwrap(), "the collector answers");
    assert!(seen.lock().unwrap()[0].2.is_empty());
    let (url, _) = collector(StatusCode::FORBIDDEN, Vec::new()).await;
    let error = open(settings(&url), &config()).unwrap().probe().await.unwrap_err();
    assert!(error.to_string().contains("403"), "{error}");
}

#[tokio::test]
async fn a_collector_that_is_not_there_may_come_back() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for protocol in [OtlpProtocol::Http, OtlpProtocol::Grpc] {
        let mut sink = open(settings(&format!("http://{free}")), &over(protocol)).unwrap();
        for _ in 0..2 {
            let verdict = sink.deliver(&events()).await.unwrap();
            assert!(
                matches!(&verdict, Verdict::Retry { reason, .. } if reason.starts_with("cannot connect to 127.0.0.1")),
                "{verdict:?}"
            );
        }
    }
}

#[tokio::test]
async fn grpc_to_a_server_that_speaks_something_else_is_tried_again() {
    let (url, _) = collector(StatusCode::OK, Vec::new()).await;
    let mut sink = open(settings(&url), &over(OtlpProtocol::Grpc)).unwrap();
    let verdict = sink.deliver(&events()).await.unwrap();
    assert!(
        matches!(&verdict, Verdict::Retry { reason, .. } if !reason.contains('\n')),
        "{verdict:?}"
    );
}

#[test]
fn what_grpc_cannot_do_is_a_mistake_in_the_configuration() {
    let mut through_proxy = settings("http://127.0.0.1:4317");
    through_proxy.proxy = Some(remote::Proxy {
        url: "http://127.0.0.1:3128".parse().unwrap(),
        credentials: None,
    });
    for (settings, said) in [
        (through_proxy, "a proxy is not supported"),
        (settings("http://127.0.0.1:4317/prefix"), "has a path"),
        (settings("http://collector.example:4317"), "uses http"),
    ] {
        let error = open(settings, &over(OtlpProtocol::Grpc)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.hint().is_some());
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(said), "{source}");
    }
}

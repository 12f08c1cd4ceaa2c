//! Receivers that lie, break off, drip and flood, against every sink that speaks HTTP: each event is delivered or a dead
//! letter, once; nothing is asked again without end, and nothing is read without end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use built_in::built_in;
use connection::Connection;
use event::{Activity, Encoding, Event, Outcome, Principal, Product, Provenance, Rendering};
use futures_util::StreamExt as _;
use remote::{Auth, Remote, Settings};
use sandbox::{Plugin, PluginLimits, Sandbox};
use servers::{CANARY, settings};
use sink::dead_letters::DeadLetterSelection;
use sink::{
    DeadLetterContext, DeadLetters, Delivery, DeliveryPolicy, HttpConfig, HttpSink, OtlpConfig, OtlpSink,
    PluginOptions, PluginSink, Sink, SinkError, StreamTransport,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BATCHES: usize = 4;
const BATCH: usize = 6;
const EVENTS: usize = BATCHES * BATCH;

/// Attempts beyond one a batch that a receiver may cost that is down all the while.
const BUDGET: u64 = 30;

/// What one request may bring in: the largest body that anybody reads, and what waits in buffers of the system.
const MOST_BYTES: u64 = 24 << 20;

/// How an answer comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pace {
    /// At once, and the connection stays.
    Whole,
    /// At once, and the connection is closed.
    Closed,
    /// A byte now and then, without end.
    Drip,
    /// The body again and again, as fast as it is taken.
    Flood,
    /// Nothing more, for longer than anybody waits.
    Silent,
}

/// What a receiver sends, byte by byte.
#[derive(Debug, Clone)]
struct Reply {
    bytes: Vec<u8>,
    pace: Pace,
}

fn raw(bytes: impl Into<Vec<u8>>, pace: Pace) -> Reply {
    Reply {
        bytes: bytes.into(),
        pace,
    }
}

/// An answer with the length of its body.
fn reply(status: u16, headers: &str, body: impl Into<Vec<u8>>) -> Reply {
    let body = body.into();
    let mut bytes = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend(body);
    raw(bytes, Pace::Whole)
}

/// An answer whose body ends with the connection, if at all.
fn open_ended(status: u16, headers: &str, body: &str, pace: Pace) -> Reply {
    raw(format!("HTTP/1.1 {status} x\r\n{headers}\r\n{body}"), pace)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

const JSON: &str = "content-type: application/json\r\n";
const HTML: &str = "content-type: text/html\r\n";
const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";

/// Each receiver: its name, and its answers in turn, again and again.
fn receivers() -> Vec<(&'static str, Vec<Reply>)> {
    let one = |name, reply| (name, vec![reply]);
    let page = "<html><title>Sign in</title></html>";
    let item = |status: u16, more: &str| format!(r#"{{"create":{{"status":{status}{more}}}}}"#);
    let items = |errors: bool, items: &[String]| format!(r#"{{"errors":{errors},"items":[{}]}}"#, items.join(","));
    vec![
        // Successes that are none, or hardly.
        one("200 without a body", reply(200, "", "")),
        one("204", raw("HTTP/1.1 204 x\r\n\r\n", Pace::Whole)),
        one("204 with a body all the same", reply(204, JSON, "{}")),
        one("205", reply(205, "", "")),
        one("200 OK", reply(200, "content-type: text/plain\r\n", "OK")),
        one("200 sign-in page", reply(200, HTML, page)),
        one("200 {}", reply(200, JSON, "{}")),
        one("200 null", reply(200, JSON, "null")),
        one("200 []", reply(200, JSON, "[]")),
        one("200 bytes", reply(200, "", vec![0xff, 0, 0x80, b'\n', 0xfe])),
        one("200 cut JSON", reply(200, JSON, "{\"errors\":fal")),
        one("200 JSON behind a mark", reply(200, JSON, "\u{feff}{\"errors\":false}")),
        one("200 deep JSON", reply(200, JSON, "[".repeat(200_000))),
        one(
            "200 number beyond numbers",
            reply(200, JSON, "{\"code\":1e999,\"errors\":-1}"),
        ),
        one(
            "200 wrong types",
            reply(200, JSON, "{\"errors\":\"no\",\"items\":{},\"text\":[],\"code\":\"x\"}"),
        ),
        one("200 text of a megabyte", reply(200, "", "x".repeat(1 << 20))),
        one("200 text beyond the limit", reply(200, "", "x".repeat((1 << 20) + 1))),
        one("201", reply(201, JSON, "{\"id\":1}")),
        one("202", reply(202, "", "")),
        one("206", reply(206, "content-range: bytes 0-1/9\r\n", "OK")),
        one("299", reply(299, "", "odd")),
        // Bodies in disguise.
        one(
            "200 gzip",
            reply(200, "content-encoding: gzip\r\n", gzip(b"{\"errors\":false}")),
        ),
        one("200 gzip that is none", reply(200, "content-encoding: gzip\r\n", "{}")),
        one(
            "200 bomb",
            reply(200, "content-encoding: gzip\r\n", gzip(&vec![0; 128 << 20])),
        ),
        one(
            "400 bomb",
            reply(400, "content-encoding: gzip\r\n", gzip(&vec![0; 128 << 20])),
        ),
        one("200 unknown coding", reply(200, "content-encoding: br\r\n", "x")),
        one(
            "200 twice coded",
            reply(200, "content-encoding: gzip, gzip\r\n", gzip(&gzip(b"{}"))),
        ),
        // Bodies without end, or without their end.
        one("200 flood", open_ended(200, "", &"x".repeat(1 << 16), Pace::Flood)),
        one("400 flood", open_ended(400, JSON, &"x".repeat(1 << 16), Pace::Flood)),
        one("401 flood", open_ended(401, "", &"x".repeat(1 << 16), Pace::Flood)),
        one("500 flood", open_ended(500, "", &"x".repeat(1 << 16), Pace::Flood)),
        one("200 drip", open_ended(200, "", "x", Pace::Drip)),
        one("503 drip", open_ended(503, "", "x", Pace::Drip)),
        one(
            "200 cut",
            raw("HTTP/1.1 200 x\r\ncontent-length: 99\r\n\r\n{", Pace::Closed),
        ),
        one(
            "500 cut",
            raw("HTTP/1.1 500 x\r\ncontent-length: 99\r\n\r\n{", Pace::Closed),
        ),
        one(
            "200 body that never comes",
            raw("HTTP/1.1 200 x\r\ncontent-length: 99\r\n\r\n", Pace::Silent),
        ),
        one(
            "200 exabytes",
            raw(
                "HTTP/1.1 200 x\r\ncontent-length: 999999999999999999\r\n\r\nx",
                Pace::Closed,
            ),
        ),
        one(
            "200 bad chunk",
            raw(
                "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
                Pace::Closed,
            ),
        ),
        one(
            "200 cut chunk",
            raw(
                "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\nff\r\nx",
                Pace::Closed,
            ),
        ),
        one(
            "two lengths",
            raw(
                "HTTP/1.1 200 x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy",
                Pace::Closed,
            ),
        ),
        // Redirects.
        one("301 to itself", reply(301, "location: /\r\n", "")),
        one(
            "302 to a sign-in page",
            reply(302, "location: https://login.example.com/?next=x\r\n", ""),
        ),
        one("303 in a circle", reply(303, "location: /a\r\n", "")),
        one("307 in a circle", reply(307, "location: /a\r\n", "")),
        one("308 without a place", reply(308, "", "")),
        one("304", raw("HTTP/1.1 304 x\r\n\r\n", Pace::Whole)),
        // Refusals and troubles.
        one(
            "400",
            reply(400, JSON, "{\"error\":\"bad\",\"text\":\"bad\",\"code\":6}"),
        ),
        one("401", reply(401, "www-authenticate: Basic\r\n", "who are you")),
        one("403 page", reply(403, HTML, page)),
        one("404", reply(404, HTML, page)),
        one("405", reply(405, "", "")),
        one("407", reply(407, "", "")),
        one("408", reply(408, "", "")),
        one("409", reply(409, "", "conflict")),
        one("413", reply(413, "", "too large")),
        one("415", reply(415, "", "")),
        one("422", reply(422, JSON, "[]")),
        one("425", reply(425, "", "")),
        one("429 at once", reply(429, "retry-after: 0\r\n", "")),
        one("429 tomorrow", reply(429, "retry-after: 86400\r\n", "")),
        one("429 nonsense", reply(429, "retry-after: soon\r\n", "")),
        one("431", reply(431, "", "")),
        one("451", reply(451, "", "")),
        one("500", reply(500, "", "")),
        one("501", reply(501, "", "")),
        one("502 page", reply(502, HTML, page)),
        one(
            "503 with a date",
            reply(503, "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n", ""),
        ),
        one("507", reply(507, "", "full")),
        one("599", reply(599, "", "")),
        one("999", reply(999, "", "")),
        one("103 and no more", raw("HTTP/1.1 103 x\r\n\r\n", Pace::Silent)),
        // What is hardly HTTP.
        one("closes at once", raw("", Pace::Closed)),
        one("says nothing", raw("", Pace::Silent)),
        one("half a head", raw("HTTP/1.1 200 x\r\ncontent-", Pace::Closed)),
        one("head without end", raw("HTTP/1.1 200 x\r\nx-y: z\r\n", Pace::Flood)),
        one("dripping head", raw("HTTP/1.1 200 x\r\nx", Pace::Drip)),
        one("many headers", reply(200, &"set-cookie: a=b\r\n".repeat(90), "{}")),
        one("SSH", raw("SSH-2.0-OpenSSH_9.6\r\n", Pace::Closed)),
        one(
            "HTTP/2",
            raw(&b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"[..], Pace::Closed),
        ),
        one(
            "one answer too many",
            raw(
                "HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n",
                Pace::Whole,
            ),
        ),
        // In the words of one receiver, which the others do not know.
        one("bulk: no items", reply(200, JSON, "{\"errors\":false}")),
        one("bulk: errors and no items", reply(200, JSON, items(true, &[]))),
        one("bulk: too few items", reply(200, JSON, items(true, &[item(400, "")]))),
        one(
            "bulk: too many items",
            reply(200, JSON, items(true, &vec![item(400, ""); 50])),
        ),
        one(
            "bulk: impossible status",
            reply(200, JSON, items(true, &vec![item(0, ""); BATCH])),
        ),
        one(
            "bulk: all busy",
            reply(200, JSON, items(true, &vec![item(429, ""); BATCH])),
        ),
        (
            "bulk: busy, then not",
            vec![
                reply(
                    200,
                    JSON,
                    items(true, &vec![item(503, ",\"error\":{\"reason\":null}"); BATCH]),
                ),
                reply(200, JSON, items(false, &vec![item(201, ""); BATCH])),
            ],
        ),
        one(
            "hec: an error with 200",
            reply(200, JSON, "{\"text\":\"Invalid data format\",\"code\":6}"),
        ),
        one(
            "hec: busy",
            reply(503, JSON, "{\"text\":\"Server is busy\",\"code\":9}"),
        ),
        one(
            "otlp: one of many, always",
            reply(200, JSON, "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\"}}"),
        ),
        one(
            "otlp: all",
            reply(200, JSON, "{\"partialSuccess\":{\"rejectedLogRecords\":99999}}"),
        ),
        one("otlp: garbage", reply(200, PROTOBUF, "<html>")),
        // Another answer each time.
        (
            "500, then 200",
            vec![reply(500, "", ""), reply(200, JSON, "{\"errors\":false}")],
        ),
        (
            "200, 401, 200",
            vec![
                reply(200, JSON, "{\"errors\":false}"),
                reply(401, "", ""),
                reply(200, JSON, "{}"),
            ],
        ),
        (
            "cut, then 200",
            vec![
                raw("HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\n", Pace::Closed),
                reply(200, "", ""),
            ],
        ),
        (
            "413, then 200",
            vec![reply(413, "", ""), reply(200, JSON, "{\"errors\":false}")],
        ),
        (
            "closes, then 204",
            vec![raw("", Pace::Closed), raw("HTTP/1.1 204 x\r\n\r\n", Pace::Whole)],
        ),
        (
            "429, 503, 400",
            vec![reply(429, "", ""), reply(503, "", ""), reply(400, "", "bad")],
        ),
    ]
}

/// What a receiver saw.
#[derive(Default)]
struct Seen {
    requests: AtomicU64,
    sent: AtomicU64,
}

async fn receiver(replies: Vec<Reply>) -> (SocketAddr, Arc<Seen>, tokio::task::JoinHandle<()>) {
    let seen = Arc::new(Seen::default());
    let (log, replies) = (Arc::clone(&seen), Arc::new(replies));
    let (address, task) = servers::raw(move |stream| serve(stream, Arc::clone(&log), Arc::clone(&replies))).await;
    (address, seen, task)
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>, replies: Arc<Vec<Reply>>) {
    while request(&mut stream).await {
        let number = seen.requests.fetch_add(1, Ordering::SeqCst);
        let reply = &replies[usize::try_from(number).unwrap() % replies.len()];
        let send = async |stream: &mut TcpStream, bytes: &[u8]| {
            seen.sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            stream.write_all(bytes).await.is_ok()
        };
        let mut goes_on = send(&mut stream, &reply.bytes).await;
        match reply.pace {
            Pace::Whole => {}
            Pace::Closed => {
                let _ = stream.shutdown().await;
                return;
            }
            Pace::Drip => {
                while goes_on {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    goes_on = send(&mut stream, b"x").await;
                }
            }
            Pace::Flood => {
                let end = reply.bytes.windows(4).position(|part| part == b"\r\n\r\n");
                let again = &reply.bytes[end.map_or(16, |end| end + 4)..];
                while goes_on {
                    goes_on = send(&mut stream, again).await;
                }
            }
            Pace::Silent => {
                // Until the other side has had enough.
                let _ = stream.read(&mut [0]).await;
                return;
            }
        }
        if !goes_on {
            return;
        }
    }
}

/// Reads a request to its end; false where there is none.
async fn request(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
        let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if bytes.len() >= end + 4 + length {
            return true;
        }
    }
}

fn provenance() -> Arc<Provenance> {
    Arc::new(Provenance::new(
        "invalid-login",
        "epm",
        "epm.example.com",
        Product::epm_cloud(),
    ))
}

fn events() -> Vec<Event> {
    (0..EVENTS)
        .map(|number| {
            let mut event = Event::new(
                i64::try_from(number).unwrap(),
                Activity::Logon,
                Outcome::Failure,
                Principal::named(format!("user-{number}")),
            );
            event.id = Some(format!("{number:032x}"));
            event
        })
        .collect()
}

/// The sinks that speak HTTP.
const SINKS: [&str; 5] = ["http", "otlp", "elastic-bulk", "splunk-hec", "slack"];

fn plugin(name: &str) -> Plugin {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| Sandbox::new(PluginLimits::default(), None).unwrap());
    let component = built_in(name).unwrap();
    sandbox.load(component, name).unwrap()
}

fn impatient(address: SocketAddr) -> Settings {
    let mut settings = settings(&format!("http://{address}"));
    settings.auth = Auth::Bearer(CANARY.to_owned().into());
    settings.timeouts.head = Duration::from_millis(800);
    settings.timeouts.idle = Duration::from_millis(800);
    settings.timeouts.total = Duration::from_secs(2);
    settings
}

fn sink(name: &str, plugin: Option<&Plugin>, settings: Settings) -> Box<dyn Sink> {
    let remote = |settings| Arc::new(Remote::new(settings).unwrap());
    match name {
        "http" => {
            let config = HttpConfig::new(Connection::new(settings.base.clone()));
            let sink = HttpSink::new(name, remote(settings), config, Rendering::default(), provenance());
            Box::new(sink.unwrap())
        }
        "otlp" => {
            let config = OtlpConfig::new(Connection::new(settings.base.clone()));
            let sink = OtlpSink::new(name, settings, &config, Rendering::default(), provenance());
            Box::new(sink.unwrap())
        }
        name => {
            let nobody = remote::Dialer::new("127.0.0.1:1".parse().unwrap(), None).unwrap();
            let options = PluginOptions {
                config: "{}".into(),
                endpoint: Some(remote(settings)),
                transport: Box::new(StreamTransport::new(name, nobody)),
                encoding: Encoding::Ocsf.into(),
            };
            Box::new(PluginSink::open(name, plugin.unwrap().sink().unwrap(), options, provenance()).unwrap())
        }
    }
}

/// What came of the events of one sink at one receiver.
struct Came {
    requests: u64,
    sent: u64,
    delivered: u64,
}

fn quick() -> DeliveryPolicy {
    DeliveryPolicy {
        min_delay: Duration::from_millis(20),
        max_delay: Duration::from_millis(80),
        max_elapsed: Duration::from_millis(250),
    }
}

fn remains(dead_letters: &Arc<DeadLetters>) -> DeadLetterContext {
    DeadLetterContext {
        dead_letters: Arc::clone(dead_letters),
        destination: None,
        run_id: "run".into(),
        provenance: provenance(),
    }
}

async fn deliver(name: &'static str, plugin: Option<&Plugin>, receiver_name: &str, replies: Vec<Reply>) -> Came {
    let (address, seen, task) = receiver(replies).await;
    let folder = tempfile::tempdir().unwrap();
    let dead_letters = Arc::new(DeadLetters::at(folder.path().join("dead.db")));
    let mut delivery = Delivery::new(sink(name, plugin, impatient(address)), quick(), remains(&dead_letters));
    for batch in events().chunks(BATCH) {
        delivery.deliver(batch).await.unwrap();
        delivery.flush().await.unwrap();
    }
    delivery.close().await.unwrap();
    let tally = delivery.tally();
    let letters = dead_letters.list(&DeadLetterSelection::default(), EVENTS * 2).unwrap();
    let ids: BTreeSet<_> = letters.iter().map(|letter| letter.event_id.as_str()).collect();
    let at = format!("{name} at {receiver_name:?}");
    assert_eq!(
        (tally.delivered() + tally.dead_lettered(), tally.undelivered()),
        (EVENTS as u64, 0),
        "{at}: each event is counted once"
    );
    assert_eq!(
        (letters.len() as u64, ids.len()),
        (tally.dead_lettered(), letters.len()),
        "{at}: each dead letter is kept once"
    );
    for letter in &letters {
        assert!(
            !letter.reason.is_empty() && !letter.reason.contains(CANARY),
            "{at}: {}",
            letter.reason
        );
    }
    task.abort();
    Came {
        requests: seen.requests.load(Ordering::SeqCst),
        sent: seen.sent.load(Ordering::SeqCst),
        delivered: tally.delivered(),
    }
}

/// Whether the events count as delivered: for `http`, which goes by the status, and for `otlp`, which wants a receipt.
const VERDICTS: [(&str, [bool; 2]); 29] = [
    ("200 without a body", [true, true]),
    ("204", [true, true]),
    ("205", [true, true]),
    ("202", [true, true]),
    ("200 OK", [true, false]),
    ("200 sign-in page", [true, false]),
    ("200 {}", [true, true]),
    ("200 null", [true, false]),
    ("200 []", [true, false]),
    ("200 bytes", [true, false]),
    ("200 cut JSON", [true, false]),
    ("200 JSON behind a mark", [true, true]),
    ("200 wrong types", [true, false]),
    ("299", [true, false]),
    ("200 gzip", [true, true]),
    ("200 gzip that is none", [true, false]),
    ("200 bomb", [true, false]),
    ("200 unknown coding", [true, false]),
    ("200 flood", [true, false]),
    ("200 drip", [true, false]),
    ("200 cut", [true, false]),
    ("200 bad chunk", [true, false]),
    ("301 to itself", [false, false]),
    ("304", [false, false]),
    ("400 flood", [false, false]),
    ("413", [false, false]),
    ("otlp: one of many, always", [true, false]),
    ("otlp: all", [true, false]),
    ("otlp: garbage", [true, false]),
];

async fn holds_against_all(name: &'static str) {
    let plugin = (!matches!(name, "http" | "otlp")).then(|| plugin(name));
    let plugin = plugin.as_ref();
    let receivers = receivers();
    assert!(receivers.len() >= 50);
    let runs = receivers.into_iter().map(async |(receiver_name, replies)| {
        let came = deliver(name, plugin, receiver_name, replies).await;
        // What a receiver takes in parts only, it is sent in parts, down to single events.
        let parts = match receiver_name.contains("413") || receiver_name.contains("one of many") {
            true => EVENTS as u64,
            false => BATCHES as u64,
        };
        let at = format!("{name} at {receiver_name:?}");
        assert!(came.requests <= 2 * parts + BUDGET, "{at}: {} requests", came.requests);
        let most = came.requests.max(1) * MOST_BYTES;
        assert!(
            came.sent <= most,
            "{at}: {} bytes in {} requests",
            came.sent,
            came.requests
        );
        (receiver_name, came.delivered)
    });
    let came: Vec<_> = futures_util::stream::iter(runs).buffer_unordered(16).collect().await;
    if let Some(place) = SINKS.iter().take(2).position(|sink| *sink == name) {
        for (receiver_name, delivered) in VERDICTS {
            let (_, count) = came.iter().find(|(known, _)| *known == receiver_name).unwrap();
            let expected = if delivered[place] { EVENTS as u64 } else { 0 };
            assert_eq!(*count, expected, "{name} at {receiver_name:?}");
        }
    }
    // The table would also hold if nothing were ever delivered, or everything.
    let delivered = |wanted: fn(u64) -> bool| came.iter().any(|(_, delivered)| wanted(*delivered));
    assert!(delivered(|count| count == EVENTS as u64), "{name}");
    assert!(delivered(|count| count == 0), "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http_sink_counts_each_event_once_whatever_answers() {
    holds_against_all(SINKS[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_otlp_sink_counts_each_event_once_whatever_answers() {
    holds_against_all(SINKS[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elastic_bulk_counts_each_event_once_whatever_answers() {
    holds_against_all(SINKS[2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn splunk_hec_counts_each_event_once_whatever_answers() {
    holds_against_all(SINKS[3]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slack_counts_each_event_once_whatever_answers() {
    holds_against_all(SINKS[4]).await;
}

/// Whether a reason says why, by the status or in the receiver's words, and no secret.
fn tells(reason: &str, status: u16) -> bool {
    (reason.contains(&status.to_string()) || reason.contains("no [redacted]")) && !reason.contains(CANARY)
}

/// The answer of a receiver that took a batch, for each sink.
fn taken(name: &str) -> Reply {
    let items = [r#"{"create":{"status":201}}"#; BATCH].join(",");
    match name {
        "elastic-bulk" => reply(200, JSON, format!("{{\"errors\":false,\"items\":[{items}]}}")),
        "splunk-hec" => reply(200, JSON, r#"{"text":"Success","code":0}"#),
        "otlp" => reply(200, PROTOBUF, ""),
        _ => reply(200, "", "ok"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_is_refused_later_on_is_trouble_of_the_sink_and_not_of_these_events() {
    for name in SINKS {
        let plugin = (!matches!(name, "http" | "otlp")).then(|| plugin(name));
        for status in [401, 403] {
            for waits in [true, false] {
                let refused = reply(status, JSON, format!("{{\"error\":\"no {CANARY}\"}}"));
                let replies = vec![taken(name), taken(name), refused.clone(), refused.clone(), refused];
                let (address, seen, task) = receiver(replies).await;
                let folder = tempfile::tempdir().unwrap();
                let letters = Arc::new(DeadLetters::at(folder.path().join("dead.db")));
                let policy = DeliveryPolicy {
                    // Once it is down, nobody is asked again within the test.
                    max_delay: Duration::from_secs(600),
                    ..quick()
                };
                let mut delivery = Delivery::new(
                    sink(name, plugin.as_ref(), impatient(address)),
                    policy,
                    remains(&letters),
                );
                if waits {
                    delivery.wait_when_down();
                }
                let mut ended = None;
                for batch in events().chunks(BATCH) {
                    let delivered = match delivery.deliver(batch).await {
                        Ok(()) => delivery.flush().await,
                        ended => ended,
                    };
                    if let Err(error) = delivered {
                        ended = Some(error);
                        break;
                    }
                }
                let at = format!("{name} {status} waits: {waits}");
                let kept = letters.list(&DeadLetterSelection::default(), EVENTS).unwrap();
                let tally = delivery.tally();
                assert_eq!(tally.delivered(), 2 * BATCH as u64, "{at}");
                assert_eq!(seen.requests.load(Ordering::SeqCst), 3, "{at}");
                match ended {
                    Some(SinkError::Shut { reason }) if waits => {
                        assert!(tells(&reason, status), "{at}: {reason}");
                        assert!(kept.is_empty(), "{at}: the events wait");
                    }
                    None if !waits => {
                        assert_eq!(kept.len(), EVENTS - 2 * BATCH, "{at}");
                        for letter in kept {
                            let reason = letter.reason;
                            assert!(tells(&reason, status), "{at}: {reason}");
                        }
                    }
                    other => panic!("{at}: {other:?}"),
                }
                task.abort();
            }
        }
    }
}

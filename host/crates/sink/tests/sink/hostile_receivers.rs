//! Receivers that lie, break off, drip and flood, against every sink that speaks HTTP: each event is delivered or a dead
//! letter, once; nothing is asked again without end, and nothing is read without end.

mod replies;
mod server;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
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

use replies::{BATCH, JSON, PROTOBUF, Reply, receivers, reply};
use server::receiver;

const BATCHES: usize = 4;
const EVENTS: usize = BATCHES * BATCH;

/// Attempts beyond one a batch that a receiver may cost that is down all the while.
const BUDGET: u64 = 30;

/// The bytes that one request may bring in: the largest body that anybody reads, and what waits in buffers of the system.
const MOST_BYTES: u64 = 24 << 20;

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

/// The outcome of the events of one sink at one receiver.
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

/// The names of receivers, and whether events count as delivered: for `http`, which goes by the status, and for `otlp`, which wants a receipt.
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

/// True if a reason says why, by the status or in the receiver's words, and no secret.
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

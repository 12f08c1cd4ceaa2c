//! The events a second that each sink takes, retries and dead letters standing by; and what a sink plugin costs beside the
//! same encoder compiled natively, in one run.
//!
//! `cargo bench --workspace --bench sinks`. Servers are those of `.ci/install`; one that is not installed is said and left out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code
)]

#[path = "../real/certificates.rs"]
mod certificates;
#[path = "../real/nats_server.rs"]
mod nats_server;
#[path = "../real/postgres_server.rs"]
mod postgres_server;
#[path = "../real/process.rs"]
mod process;

use std::hint::black_box;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use built_in::built_in;
use event::{Activity, Event, Outcome, Principal, Product, Provenance};
use plugin_sdk::Sink as _;
use sandbox::{Item, Payload, PluginLimits, Sandbox};
use setup::config::Config;
use setup::sinks::open_alone as open_sink;
use sink::{DeadLetterContext, DeadLetters, Delivery, DeliveryPolicy};
use tests::{Receiver, Reply};

const EVENTS: usize = 200_000;
/// The events that the parser hands over at once, about.
const BATCH: usize = 2_000;
const ROUNDS: usize = 5;

fn main() {
    // `cargo test` runs benches too; there is nothing to prove in that.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    plugin_cost();
    println!("\n{EVENTS} events, from events to the receiver's answers for all of them");
    println!("{:<44}{:>12}{:>10}", "", "events/s", "s");
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    network(folder.path());
    servers(folder.path());
}

fn events(count: usize) -> Vec<Event> {
    (0..count)
        .map(|number| Event {
            id: Some(format!("{number:032x}")),
            source_ip: Some(format!("203.0.113.{}", number % 250)),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36".into()),
            message: Some("You entered an incorrect user name or password.".into()),
            attributes: vec![("column".into(), "value".into()), ("another".into(), "value".into())],
            ..Event::new(
                1_751_542_473_000 + number as i64,
                Activity::Logon,
                Outcome::Failure,
                Principal::named(format!("user-{}@example.com", number % 1000)),
            )
        })
        .collect()
}

fn provenance() -> Arc<Provenance> {
    Arc::new(Provenance::new(
        "invalid-login",
        "epm",
        "epm.example.com",
        Product::epm_cloud(),
    ))
}

/// The median of several times.
fn median(mut once: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS).map(|_| once()).collect();
    times.sort();
    times[ROUNDS / 2]
}

fn plugin_cost() {
    let events = events(50_000);
    let sandbox = Sandbox::new(PluginLimits::default(), None).unwrap();
    let plugin = sandbox.load(built_in("cef").unwrap(), "cef").unwrap().sink().unwrap();
    let mut encoder = plugin.open("{}").unwrap();
    let mut native = cef::Cef::open("{}").unwrap();
    let twins: Vec<_> = events.iter().map(twin).collect();
    let product = Product::epm_cloud();
    // What both are given is made outside of the clock: the host makes it from its events either way.
    let component = median(|| {
        let payloads: Vec<_> = events
            .chunks(1000)
            .map(|batch| Payload::Events(batch.iter().map(|event| Item::of(event, &product)).collect()))
            .collect();
        let begun = Instant::now();
        for payload in &payloads {
            black_box(encoder.encode(payload).unwrap());
        }
        begun.elapsed()
    });
    let compiled = median(|| {
        let payloads: Vec<_> = twins
            .chunks(1000)
            .map(|batch| plugin_sdk::Payload::Events(batch.to_vec()))
            .collect();
        let begun = Instant::now();
        for payload in payloads {
            black_box(native.encode(payload).unwrap());
        }
        begun.elapsed()
    });
    let each = |time: Duration| time.as_nanos() as f64 / events.len() as f64 / 1000.0;
    println!("cef, batches of 1000, median of {ROUNDS}, per event");
    println!("{:<44}{:>9.2} us", "native", each(compiled));
    println!(
        "{:<44}{:>9.2} us  {:.2} times native",
        "component, limits on",
        each(component),
        component.as_secs_f64() / compiled.as_secs_f64()
    );
}

/// The event for the same code compiled natively.
fn twin(event: &Event) -> plugin_sdk::Item {
    let mut twin = plugin_sdk::sink::Event::new(
        event.time,
        plugin_sdk::Activity::Logon,
        plugin_sdk::Outcome::Failure,
        plugin_sdk::sink::Principal::named(event.subject.name.clone()),
    );
    twin.source_ip = event.source_ip.clone();
    twin.user_agent = event.user_agent.clone();
    twin.message = event.message.clone();
    twin.attributes = event.attributes.clone();
    plugin_sdk::Item {
        id: event.id.clone().unwrap(),
        event: twin,
        vendor: "Oracle".into(),
        product: "Oracle EPM Cloud".into(),
    }
}

/// Delivers all events to the sink `it` of a configuration, and says how fast.
fn measure(label: &str, folder: &Path, configuration: &str) {
    let mut config = Config::parse(configuration).unwrap_or_else(|error| panic!("{label}: {error}"));
    config.file.folder = folder.to_path_buf();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let events = events(EVENTS);
    let remains = DeadLetterContext {
        destination: None,
        dead_letters: Arc::new(DeadLetters::at(folder.join("letters.db"))),
        run_id: "bench".into(),
        provenance: provenance(),
    };
    let took = runtime.block_on(async {
        let sink = open_sink(&config, "it", &provenance()).unwrap_or_else(|failure| panic!("{label}: {failure:?}"));
        let mut delivery = Delivery::new(sink, DeliveryPolicy::default(), remains);
        let tally = delivery.tally();
        let begun = Instant::now();
        for batch in events.chunks(BATCH) {
            delivery.deliver(batch).await.unwrap();
        }
        delivery.close().await.unwrap();
        let took = begun.elapsed();
        assert_eq!(tally.delivered(), EVENTS as u64, "{label}");
        took
    });
    println!(
        "{label:<44}{:>12.0}{:>10.2}",
        EVENTS as f64 / took.as_secs_f64(),
        took.as_secs_f64()
    );
}

fn files(folder: &Path) {
    for (label, path, more) in [
        ("file, ndjson", "a.ndjson", ""),
        ("file, csv", "a.csv", ""),
        ("file, ndjson, gzip", "a.ndjson.gz", ""),
        ("file, ndjson, zstd", "a.ndjson.zst", ""),
        ("file, parquet", "a.parquet", ""),
        (
            "file, ndjson, rotated at 10 MB",
            "r.ndjson",
            "rotate = { bytes = 10000000 }",
        ),
    ] {
        measure(
            label,
            folder,
            &format!("[sinks.it]\nkind = \"file\"\npath = \"{path}\"\n{more}\n"),
        );
    }
    measure(
        "object-store, a folder, ndjson, gzip",
        folder,
        "[sinks.it]\nkind = \"object-store\"\nurl = \"objects\"\n",
    );
    measure(
        "cef plugin, to a file",
        folder,
        "[sinks.it]\nplugin = \"cef\"\ntransport = { kind = \"file\", path = \"a.cef\" }\n",
    );
}

fn network(folder: &Path) {
    // Receivers share the machine, and only read what comes.
    let receiver = Receiver::with(0, |received| match received.path.as_str() {
        "/v1/logs" => Reply::status(200),
        "/services/collector/event" => Reply {
            body: "{\"text\":\"Success\",\"code\":0}".into(),
            ..Reply::status(200)
        },
        _ => Reply::status(200),
    });
    receiver.forget();
    let endpoint = format!(
        "endpoint = {{ url = \"{}\", allow-private-addresses = true }}",
        receiver.url()
    );
    for (label, kind) in [
        ("http, ndjson", "kind = \"http\""),
        ("http, ndjson, gzip", "kind = \"http\"\ncompression = \"gzip\""),
        ("otlp, http", "kind = \"otlp\""),
        ("splunk-hec plugin", "plugin = \"splunk-hec\""),
    ] {
        measure(label, folder, &format!("[sinks.it]\n{kind}\n{endpoint}\n"));
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = vec![0; 1 << 16];
            while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
        }
    });
    let syslog = |transport: &str, address: std::net::SocketAddr| {
        format!("[sinks.it]\nkind = \"syslog\"\ntransport = \"{transport}\"\naddress = \"{address}\"\n")
    };
    measure("syslog, tcp", folder, &syslog("tcp", address));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    measure(
        "syslog, udp (sent)",
        folder,
        &syslog("udp", socket.local_addr().unwrap()),
    );
}

fn servers(folder: &Path) {
    let installed = |what: &str, paths: &[&str]| {
        let there = paths.iter().any(|path| Path::new(path).exists());
        if !there {
            println!("{what}: not installed, left out");
        }
        there
    };
    if installed("nats", &["/usr/sbin/nats-server", "/usr/bin/nats-server"]) {
        let server = nats_server::NatsServer::start();
        let url = format!("nats://{}", server.address());
        measure(
            "nats, JetStream in files",
            folder,
            &format!("[sinks.it]\nkind = \"nats\"\nurl = \"{url}\"\nstream = \"AUDIT\"\ncreate-stream = true\n"),
        );
    }
    if installed("postgres", &["/usr/lib/postgresql"]) {
        let server = postgres_server::PostgresServer::start("bench");
        let (user, database) = (postgres_server::USER, postgres_server::DATABASE);
        let configuration = format!(
            "[sinks.it]\nkind = \"postgres\"\nurl = \"postgres://{user}@localhost:{}/{database}\"\npassword = {{ command = [\"echo\", \"bench\"] }}\ntls = \"disable\"\ncreate-table = true\n",
            server.port()
        );
        measure("postgres, jsonb", folder, &configuration);
        measure("postgres, the same events again", folder, &configuration);
    }
}

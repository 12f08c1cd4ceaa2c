//! Many connections at once in one process: every one a run of its own with its client, sandbox instance, spool and sink.
//!
//! `cargo bench -p host --bench connections`. There is no command that serves several connections yet; this is what the
//! library does when asked to. The simulator is another process on the same cores and answers after 20 ms.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use built_in::built_in;
use event::{Product, Provenance};
use fetch::{FetchLimits, Fetcher};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use remote::{Auth, Remote, Settings};
use run::route::Router;
use run::{Run, RunObserver, RunSink, Window};
use sandbox::{Plugin, Sandbox};
use setup::config::Config;
use setup::sinks::open_alone as open_sink;
use simulator::DemoCredentials;
use sink::{DeadLetterContext, DeadLetters, Delivery, DeliveryPolicy};
use tokio_util::sync::CancellationToken;
use url::Url;

const DAYS: i64 = 10;
/// Events of each connection.
const EVENTS: u64 = 1000;

struct NoObserver;
impl RunObserver for NoObserver {}

/// Ends with its owner.
struct SimulatorProcess {
    process: Child,
    url: Url,
}

impl SimulatorProcess {
    fn start() -> Result<SimulatorProcess, Box<dyn Error>> {
        let rows = EVENTS / DAYS.unsigned_abs();
        let mut process = Command::new(env!("CARGO_BIN_EXE_host"))
            .args(["simulate", "--port", "0", "--scenario"])
            .arg(format!("rows={rows},latency=20,plain-names"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let url = line.trim().parse()?;
        Ok(SimulatorProcess { process, url })
    }
}

impl Drop for SimulatorProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test` runs benches too; there is nothing to prove in that.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let simulator = SimulatorProcess::start()?;
    let sandbox = Sandbox::new(sandbox::PluginLimits::default(), None)?;
    let wasm = built_in("user-login").ok_or("no such plugin")?;
    let plugin = sandbox.load(wasm, "user-login")?;
    let runtime = tokio::runtime::Runtime::new()?;
    println!("{EVENTS} sign-ins of each connection to a file of its own, all at once in one process");
    println!(
        "{:>12} {:>10} {:>12} {:>12} {:>12} {:>12}",
        "connections", "wall s", "events", "events/s", "CPU s", "peak MiB"
    );
    for count in [1, 10, 100, 1000] {
        let folder = tempfile::tempdir()?;
        let (before, begun) = (cpu(), Instant::now());
        let runs = (0..count)
            .map(|number| run(number, &plugin, &simulator.url, folder.path()))
            .collect::<Result<Vec<_>, _>>()?;
        let events = runtime.block_on(async {
            let mut events = 0;
            for (summary, result) in join_all(runs.into_iter().map(Run::execute)).await {
                result?;
                events += summary.events;
            }
            Ok::<u64, Box<dyn Error>>(events)
        })?;
        let wall = begun.elapsed();
        if events != EVENTS * count {
            return Err(format!("{events} events from {count} connections").into());
        }
        println!(
            "{count:>12} {:>10.2} {events:>12} {:>12.0} {:>12.2} {:>12.1}",
            wall.as_secs_f64(),
            events as f64 / wall.as_secs_f64(),
            (cpu() - before).as_secs_f64(),
            peak_mib(),
        );
    }
    Ok(())
}

fn run(number: u64, plugin: &Plugin, url: &Url, folder: &Path) -> Result<Run, Box<dyn Error>> {
    let connection = format!("connection-{number}");
    let credentials = DemoCredentials::default();
    let mut settings = Settings::new(&connection, url.clone());
    settings.allow_private_addresses = true;
    settings.auth = Auth::Basic {
        username: credentials.user,
        password: credentials.password.into(),
    };
    let remote = Arc::new(Remote::new(settings)?);
    let provenance = Arc::new(Provenance::new(
        "user-login",
        connection,
        "127.0.0.1",
        Product::epm_cloud(),
    ));
    let mut config = Config::parse("[sinks.it]\nkind = \"file\"\npath = \"{connection}.ndjson\"\n")?;
    config.file.folder = folder.to_path_buf();
    let remains = DeadLetterContext {
        destination: None,
        dead_letters: Arc::new(DeadLetters::at(folder.join("letters.db"))),
        run_id: "bench".into(),
        provenance: Arc::clone(&provenance),
    };
    let sink = open_sink(&config, "it", &provenance).map_err(|failure| format!("{failure:?}"))?;
    let now = Timestamp::now();
    let day = SignedDuration::from_hours(24);
    let today = Timestamp::from_second(now.as_second().div_euclid(86_400) * 86_400)?;
    let window = Window {
        from: today.checked_sub(day * i32::try_from(DAYS)?)?,
        to: today,
    };
    Ok(Run {
        rejects: run::Rejects::default(),
        id: format!("bench-{number}"),
        report: Arc::new(plugin.report()?),
        plugin_sha256: plugin.digest().to_owned(),
        description: plugin.report()?.describe()?,
        request: sandbox::Request {
            window: window.into(),
            now: now.as_millisecond(),
            parameters: Vec::new(),
            unique_name: format!("bench-{number}"),
        },
        window,
        fetcher: Arc::new(Fetcher::new(
            remote,
            &folder.join("spool"),
            FetchLimits::default(),
            Arc::new(()),
        )),
        outlets: vec![RunSink {
            delivery: Delivery::new(sink, DeliveryPolicy::default(), remains),
            required: true,
            when_down: None,
        }],
        router: Router::All,
        provenance,
        observer: Arc::new(NoObserver),
        stop: CancellationToken::new(),
        keeping: None,
        audit_log: None,
    })
}

/// User and system time of this process so far, in hundredths of a second: proc(5).
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(10 * ticks)
}

/// The most memory that this process had so far.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

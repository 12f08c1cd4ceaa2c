//! The whole binary against the simulator: events a second, peak memory, start-up. One run, one machine.
//!
//! `cargo bench -p host --bench end_to_end`; with `-- --gib` a report of 1 GiB too.

use std::error::Error;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::{DemoCredentials, Scenario, Simulator};

/// Days that the simulator's rows are spread over.
const DAYS: u64 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;

    let mut first_requests = (0..11)
        .map(|_| first_request(folder.path()))
        .collect::<Result<Vec<_>, _>>()?;
    // The first of them compiled the plugin.
    let warm = first_requests.split_off(1);
    println!("start to first request, plugin cached: median {:.1?}", median(warm));
    println!("the same, nothing cached:              {:.1?}", median(first_requests));

    println!("\ninvalid-login, simulator to OCSF file, simulator in another process on the same cores");
    println!(
        "{:>12} {:>12} {:>10} {:>14} {:>12} {:>12}",
        "rows", "bytes", "wall s", "events/s", "guest ms", "peak MiB"
    );
    let mut sizes = vec![(100_000, 0), (1_000_000, 0)];
    if std::env::args().any(|argument| argument == "--gib") {
        sizes.push((1_000_000, 1200));
    }
    for (rows, padding) in sizes {
        let scenario: Scenario = format!("rows={},padding={padding},slow-job=0,plain-names", rows / DAYS).parse()?;
        let running = runtime.block_on(Simulator::start(scenario, 0, false))?;
        measure(folder.path(), running.url().as_str())?;
        runtime.block_on(running.stop());
    }
    Ok(())
}

fn host(folder: &Path, url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env("XDG_CACHE_HOME", folder.join("cache"));
    let credentials = DemoCredentials::default();
    command.env("HOST_SECRET", credentials.password);
    command.args([
        "run",
        "invalid-login",
        "--url",
        url,
        "--auth",
        &format!("basic:{}", credentials.user),
    ]);
    command.args(["--allow-private-addresses", "-q"]);
    command
}

fn measure(folder: &Path, url: &str) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let status = host(folder, url)
        .args([
            "--since",
            &format!("{}d", DAYS - 1),
            "--sink",
            "file:events.ndjson",
            "--summary",
            "summary.json",
        ])
        .status()?;
    let wall = begun.elapsed();
    if !status.success() {
        return Err(format!("the run failed: {status}").into());
    }
    let summary: Value = serde_json::from_slice(&std::fs::read(folder.join("summary.json"))?)?;
    let number = |path: &str| summary.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
    println!(
        "{:>12} {:>12} {:>10.2} {:>14.0} {:>12.0} {:>12.1}",
        number("/events"),
        number("/remote/bytes"),
        wall.as_secs_f64(),
        number("/events") / wall.as_secs_f64(),
        number("/usage/guest_ms"),
        number("/usage/peak_bytes") / 1_048_576.0
    );
    Ok(())
}

/// From spawning the process to the connection that it makes; then it is told to go away.
fn first_request(folder: &Path) -> Result<Duration, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let begun = Instant::now();
    let mut child = host(folder, &url).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let (stream, _) = listener.accept()?;
    let elapsed = begun.elapsed();
    drop(stream);
    child.kill()?;
    child.wait()?;
    Ok(elapsed)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

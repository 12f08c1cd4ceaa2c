//! The cost of the sandbox: the same plugin code native and as a component, in one run, with the answers in either form
//! and in chunks of several sizes; and what it takes to get there.
//!
//! `cargo bench -p host --bench boundary`

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use built_in::built_in;
use event::id::Ids;
use event::{Encoding, Product, Provenance};
use plugin_sdk::{Parse, Report};
use sandbox::{Plugin, PluginLimits, Sandbox};
use wasmparser::Payload;
use wit_component::StringEncoding;
use wit_parser::{Resolve, SourceMap};

const ROWS: usize = 200_000;
const ROUNDS: usize = 7;
/// The bytes that a parser may be given at once; `run` gives the second.
const CHUNKS: [usize; 3] = [64 << 10, 128 << 10, 256 << 10];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo test` runs benches too; there is nothing to prove in that.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let component = built_in("invalid-login").ok_or("no such plugin")?;
    let cache = tempfile::tempdir()?;

    println!("starting");
    let cold = best(3, || {
        let folder = tempfile::tempdir()?;
        timed(|| load(component, Some(&folder.path().join("cache"))))
    })?;
    line("compile, wrap and load, nothing cached", cold, None);
    load(component, Some(&cache.path().join("cache")))?;
    let warm = best(ROUNDS, || timed(|| load(component, Some(&cache.path().join("cache")))))?;
    line("load from the cache, engine included", warm, None);
    let plugin = load(component, Some(&cache.path().join("cache")))?;
    let report = plugin.report()?;
    let opened = best(ROUNDS, || {
        let begun = Instant::now();
        for _ in 0..1000 {
            black_box(report.parser(document())?);
        }
        Ok(begun.elapsed() / 1000)
    })?;
    line("instantiate and open a parser", opened, None);
    let mut parser = report.parser(document())?;
    let called = best(ROUNDS, || {
        let begun = Instant::now();
        for _ in 0..10_000 {
            black_box(parser.push(b"")?);
        }
        Ok(begun.elapsed() / 10_000)
    })?;
    line("one call that does nothing", called, None);

    let csv = csv();
    println!(
        "\n{ROWS} rows of {} bytes, best of {ROUNDS}, per event; components with all limits on",
        csv.len() / ROWS
    );
    let typed = Sandbox::new(PluginLimits::default(), None)?.load(&without_packed(component)?, "invalid-login")?;
    let forms = [("typed", &typed), ("packed", &plugin)];
    for chunk in CHUNKS {
        println!("chunks of {} KiB", chunk >> 10);
        let native = best(ROUNDS, || timed(|| parse_native(&csv, chunk)))?;
        line("  parser, native", per_event(native), None);
        for (form, plugin) in forms {
            let guest = best(ROUNDS, || timed(|| parse_component(plugin, &csv, chunk)))?;
            let what = format!("  parser, component, {form}");
            line(&what, per_event(guest), Some(ratio(guest, native)));
        }
        let native = best(ROUNDS, || timed(|| lines_native(&csv, chunk)))?;
        line("  CSV to OCSF lines, native", per_event(native), None);
        for (form, plugin) in forms {
            let guest = best(ROUNDS, || timed(|| lines_component(plugin, &csv, chunk)))?;
            let what = format!("  CSV to OCSF lines, component, {form}");
            line(&what, per_event(guest), Some(ratio(guest, native)));
        }
    }
    Ok(())
}

fn load(component: &[u8], cache: Option<&std::path::Path>) -> Result<Plugin, Box<dyn Error>> {
    let sandbox = Sandbox::new(PluginLimits::default(), cache.map(Into::into))?;
    Ok(sandbox.load(component, "invalid-login")?)
}

/// The plugin without its packed form: its module, wrapped for the plain world.
fn without_packed(component: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut module = None;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        if let Payload::ModuleSection {
            unchecked_range: range, ..
        } = payload?
        {
            module = component.get(usize::try_from(range.start)?..usize::try_from(range.end)?);
            break;
        }
    }
    let mut module = module.ok_or("no module in the component")?.to_vec();
    let mut sources = SourceMap::new();
    for (path, text) in sandbox::WIT {
        sources.push_str(path, *text);
    }
    let mut resolve = Resolve::default();
    let package = resolve.push_group(sources.parse().map_err(|(_, error)| error.to_string())?)?;
    let world = resolve.select_world(&[package], Some("report-plugin"))?;
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(wit_component::ComponentEncoder::default().module(&module)?.encode()?)
}

fn document() -> sandbox::Document {
    let window = sandbox::Window { from: 0, to: 0 };
    let request = sandbox::Request {
        window,
        now: 0,
        parameters: vec![],
        unique_name: "bench".into(),
    };
    sandbox::Document {
        fetch: 0,
        request,
        file_name: None,
        length: None,
    }
}

fn native_document() -> plugin_sdk::Document {
    let window = plugin_sdk::Window { from: 0, to: 0 };
    let request = plugin_sdk::Request {
        window,
        now: 0,
        parameters: vec![],
        unique_name: "bench".into(),
    };
    plugin_sdk::Document {
        fetch: 0,
        request,
        file_name: None,
        length: None,
    }
}

fn parse_component(plugin: &Plugin, csv: &[u8], chunk: usize) -> Result<usize, Box<dyn Error>> {
    let mut parser = plugin.report()?.parser(document())?;
    let mut events = 0;
    for chunk in csv.chunks(chunk) {
        events += black_box(parser.push(chunk)?).events.len();
    }
    events += parser.finish()?.events.len();
    expect(events)
}

fn parse_native(csv: &[u8], chunk: usize) -> Result<usize, Box<dyn Error>> {
    let mut parser = invalid_login::InvalidLogin::parser(native_document()).map_err(|fault| fault.message)?;
    let mut events = 0;
    for chunk in csv.chunks(chunk) {
        let mut batch = plugin_sdk::Batch::default();
        parser.push(chunk, &mut batch).map_err(|fault| fault.message)?;
        events += black_box(batch).len();
    }
    let mut batch = plugin_sdk::Batch::default();
    parser.finish(&mut batch).map_err(|fault| fault.message)?;
    expect(events + batch.len())
}

fn lines_component(plugin: &Plugin, csv: &[u8], chunk: usize) -> Result<usize, Box<dyn Error>> {
    let mut parser = plugin.report()?.parser(document())?;
    let mut lines = EventLines::new();
    for chunk in csv.chunks(chunk) {
        lines.write(parser.push(chunk)?.events)?;
    }
    lines.write(parser.finish()?.events)?;
    expect(lines.count)
}

fn lines_native(csv: &[u8], chunk: usize) -> Result<usize, Box<dyn Error>> {
    let mut parser = invalid_login::InvalidLogin::parser(native_document()).map_err(|fault| fault.message)?;
    let mut lines = EventLines::new();
    for chunk in csv.chunks(chunk) {
        let mut batch = plugin_sdk::Batch::default();
        parser.push(chunk, &mut batch).map_err(|fault| fault.message)?;
        lines.write(batch.events().map(owned).collect())?;
    }
    let mut batch = plugin_sdk::Batch::default();
    parser.finish(&mut batch).map_err(|fault| fault.message)?;
    lines.write(batch.events().map(owned).collect())?;
    expect(lines.count)
}

/// The work of `run` and a sink on a batch, less the writing.
struct EventLines {
    ids: Ids,
    provenance: Provenance,
    buffer: Vec<u8>,
    count: usize,
}

impl EventLines {
    fn new() -> EventLines {
        let provenance = Provenance::new("invalid-login", "bench", "bench", Product::epm_cloud());
        EventLines {
            ids: Ids::new("invalid-login", "bench"),
            provenance,
            buffer: Vec::new(),
            count: 0,
        }
    }

    fn write(&mut self, mut events: Vec<event::Event>) -> Result<(), Box<dyn Error>> {
        self.buffer.clear();
        for event in &mut events {
            self.ids.assign(event)?;
            Encoding::Ocsf.write(event, &self.provenance, &mut self.buffer);
            self.buffer.push(b'\n');
        }
        self.count += events.len();
        black_box(&self.buffer);
        Ok(())
    }
}

/// The native parser's events as the host's, which have their texts for themselves.
fn owned(event: plugin_sdk::Event<'_>) -> event::Event {
    let event = plugin_sdk::sink::Event::from(event);
    let principal = |principal: plugin_sdk::sink::Principal| event::Principal {
        name: principal.name,
        id: principal.id,
        display_name: principal.display_name,
        kind: event::PrincipalKind::ALL
            .get(principal.kind as usize)
            .copied()
            .unwrap_or_default(),
    };
    event::Event {
        id: event.id,
        time: event.time,
        activity: event::Activity::Logon,
        outcome: event::Outcome::Failure,
        subject: principal(event.subject),
        actor: event.actor.map(principal),
        target: event.target,
        source_ip: event.source_ip,
        user_agent: event.user_agent,
        session: event.session,
        service: event.service,
        action: event.action,
        code: event.code,
        message: event.message,
        labels: event.labels,
        attributes: event.attributes,
        id_is_derived: false,
        collected: None,
        correlation: None,
    }
}

fn expect(events: usize) -> Result<usize, Box<dyn Error>> {
    if events == ROWS {
        Ok(events)
    } else {
        Err(format!("{events} events of {ROWS} rows").into())
    }
}

/// Rows as the simulator writes them, ordered by time.
fn csv() -> Vec<u8> {
    let mut text = String::from("User Name,Remote IP Address,Timestamp\r\n");
    for row in 0..ROWS {
        let (hour, minute, second) = (row / 3600 % 24, row / 60 % 60, row % 60);
        let (host, user) = (row % 250 + 1, row % 1000);
        let _ = writeln!(
            text,
            "user{user:04}@example.com,198.51.100.{host},\"July {}, 2025 {hour:02}:{minute:02}:{second:02} UTC\"\r",
            row / 86_400 % 28 + 1
        );
    }
    text.into_bytes()
}

fn timed<T>(work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let begun = Instant::now();
    black_box(work()?);
    Ok(begun.elapsed())
}

fn best(
    rounds: usize,
    mut round: impl FnMut() -> Result<Duration, Box<dyn Error>>,
) -> Result<Duration, Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        best = best.min(round()?);
    }
    Ok(best)
}

fn per_event(whole: Duration) -> Duration {
    whole / u32::try_from(ROWS).unwrap_or(u32::MAX)
}

fn ratio(this: Duration, other: Duration) -> f64 {
    this.as_secs_f64() / other.as_secs_f64()
}

fn line(what: &str, time: Duration, ratio: Option<f64>) {
    let ratio = ratio
        .map(|ratio| format!("  {ratio:.2} times native"))
        .unwrap_or_default();
    println!("{what:<45} {time:>12.2?}{ratio}");
}

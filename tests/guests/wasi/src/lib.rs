//! A report plugin that uses WASI as its parameter `behaviour` says. What it found out comes back as a fault's message,
//! the shortest way for a guest to say something.
#![cfg(target_family = "wasm")]

#[allow(clippy::all)]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit", "wit"],
        world: "guests:wasi/guest",
        generate_all,
    });
}

use bindings::audit::plugin::events::{Batch, Fault, FaultKind};
use bindings::exports::audit::plugin::report::{
    ConnectionKind, Description, Document, Fetch, Granularity, Guest, GuestParser, Product, Request,
};
use bindings::wasi;

struct Plugin;
struct Parser;

impl Guest for Plugin {
    type Parser = Parser;

    fn describe() -> Description {
        Description {
            name: "wasi-guest".into(),
            version: "0.1.0".into(),
            summary: "Uses WASI".into(),
            connection: ConnectionKind::Epm,
            source: Product {
                vendor: "Oracle".into(),
                name: "Oracle EPM Cloud".into(),
            },
            requests: vec![],
            granularity: Granularity::Day,
            retention_days: None,
            window_days: None,
            parameters: vec![],
            deprecation: None,
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        let behaviour = request
            .parameters
            .first()
            .map(|(_, value)| value.as_str())
            .unwrap_or_default();
        let message = match behaviour {
            "look-around" => look_around(),
            "lines" => flood(b"line\n"),
            "bytes" => flood(&[b'x'; 4096]),
            "both-streams" => {
                let line = b"line\n";
                loop {
                    let _ = wasi::cli::stdout::get_stdout().blocking_write_and_flush(line);
                    let _ = wasi::cli::stderr::get_stderr().blocking_write_and_flush(line);
                }
            }
            "huge-write" => {
                let _ = wasi::cli::stdout::get_stdout().write(&vec![b'x'; 64 << 20]);
                String::new()
            }
            "exit" => {
                wasi::cli::exit::exit(Ok(()));
                String::new()
            }
            "socket" => {
                drop(wasi::sockets::instance_network::instance_network());
                String::new()
            }
            "huge-random" => wasi::random::random::get_random_bytes(u64::MAX).len().to_string(),
            "streams" => {
                for _ in 0..1_000_000 {
                    std::mem::forget(wasi::cli::stdout::get_stdout());
                }
                String::new()
            }
            "sleep" => {
                let pollable = wasi::clocks::monotonic_clock::subscribe_duration(u64::MAX);
                pollable.block();
                format!(
                    "{} {:?}",
                    pollable.ready(),
                    wasi::io::poll::poll(&[&pollable, &pollable])
                )
            }
            other => other.to_owned(),
        };
        Err(Fault {
            kind: FaultKind::Internal,
            message,
            hint: None,
            code: None,
        })
    }
}

fn look_around() -> String {
    use wasi::cli::environment;
    let first = wasi::clocks::monotonic_clock::now();
    let second = wasi::clocks::monotonic_clock::now();
    let time = wasi::clocks::wall_clock::now();
    let stdout = wasi::cli::stdout::get_stdout();
    let credit = stdout.check_write().unwrap();
    stdout.write(b"hello from the guest\n").unwrap();
    stdout.blocking_flush().unwrap();
    let stdin = wasi::cli::stdin::get_stdin();
    let random = (
        wasi::random::random::get_random_u64(),
        wasi::random::random::get_random_bytes(3).len(),
    );
    format!(
        "environment {:?}, arguments {:?}, cwd {:?}, directories {}, stdin {:?}, later {}, time {}.{}, credit {credit}, \
         random {random:?}",
        environment::get_environment(),
        environment::get_arguments(),
        environment::initial_cwd(),
        wasi::filesystem::preopens::get_directories().len(),
        stdin.read(10).map_err(|error| error.to_string()),
        second > first,
        time.seconds,
        time.nanoseconds,
    )
}

fn flood(bytes: &[u8]) -> ! {
    let stdout = wasi::cli::stdout::get_stdout();
    loop {
        let _ = stdout.blocking_write_and_flush(bytes);
    }
}

impl GuestParser for Parser {
    fn new(_document: Document) -> Self {
        Parser
    }
    fn push(&self, _chunk: Vec<u8>) -> Result<Batch, Fault> {
        Ok(Batch {
            events: vec![],
            rejects: vec![],
        })
    }
    fn finish(&self) -> Result<Batch, Fault> {
        self.push(vec![])
    }
}

bindings::export!(Plugin with_types_in bindings);

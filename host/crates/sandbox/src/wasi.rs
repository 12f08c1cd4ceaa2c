//! The inert WASI 0.2 that guests get whose language cannot do without one.
//!
//! It has no arguments, environment, files or sockets; standard input is at its end; standard output and error go to the
//! log, capped; clocks stand still but for the order of readings, and random numbers are the same in every instance.
//! Calling anything else ends the guest. Only what a component imports is defined, so other components see none of it.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Resource, ResourceType, Val};

use super::PluginLimits;
use super::error::{TrapCause, plain};
use super::guest::State;

/// What a guest may write before it must ask again.
const WRITE_CREDIT: u64 = 64 << 10;
/// The most random bytes of one call.
const RANDOM_BYTES: u64 = 64 << 10;
/// Longer lines are broken.
const LINE_BYTES: usize = 1000;

const STDOUT: u32 = 1;
const STDERR: u32 = 2;

// Marks the resource types apart; there is nothing behind them but a number.
struct InputStream;
struct OutputStream;
struct Pollable;
struct Error;
struct Other;

/// Adds what the component imports of WASI 0.2.
pub(super) fn add(linker: &mut Linker<State>, component: &Component) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    for (interface, item) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        let Some(path) = interface.strip_prefix("wasi:").and_then(|path| path.split('@').next()) else {
            continue;
        };
        let mut linked = linker.instance(interface)?;
        for (name, item) in instance.exports(&engine) {
            match item.ty {
                ComponentItem::Resource(_) => linked.resource(name, resource_type(name), |_, _| Ok(()))?,
                ComponentItem::ComponentFunc(_) => {
                    let function = Function::named(path, name);
                    let full_name = format!("{interface}#{name}");
                    linked.func_new(name, move |store, _, arguments, results| {
                        let answer = function.call(store, &full_name, arguments)?;
                        if let (Some(result), Some(answer)) = (results.first_mut(), answer) {
                            *result = answer;
                        }
                        Ok(())
                    })?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Interfaces hand resources on to each other under these names.
fn resource_type(name: &str) -> ResourceType {
    match name {
        "input-stream" => ResourceType::host::<InputStream>(),
        "output-stream" => ResourceType::host::<OutputStream>(),
        "pollable" => ResourceType::host::<Pollable>(),
        "error" | "io-error" | "stream-error" => ResourceType::host::<Error>(),
        _ => ResourceType::host::<Other>(),
    }
}

/// What a WASI function does here.
#[derive(Debug, Clone, Copy)]
enum Function {
    EmptyList,
    Nothing,
    Done,
    Stdin,
    Output(u32),
    ReadAtEnd,
    MayWrite,
    Write,
    Subscribe,
    Ready,
    Poll,
    Counter,
    Resolution,
    Epoch,
    RandomBytes,
    RandomNumber,
    RandomSeed,
    ErrorText,
    Exit,
    Denied,
}

impl Function {
    fn named(interface: &str, function: &str) -> Function {
        match (interface, function) {
            ("cli/environment", "get-environment" | "get-arguments") => Function::EmptyList,
            ("cli/environment", "initial-cwd") => Function::Nothing,
            ("cli/stdin", "get-stdin") => Function::Stdin,
            ("cli/stdout", "get-stdout") => Function::Output(STDOUT),
            ("cli/stderr", "get-stderr") => Function::Output(STDERR),
            ("cli/terminal-stdin" | "cli/terminal-stdout" | "cli/terminal-stderr", _) => Function::Nothing,
            ("cli/exit", _) => Function::Exit,
            ("filesystem/preopens", "get-directories") => Function::EmptyList,
            ("filesystem/types", "filesystem-error-code") => Function::Nothing,
            ("io/error", "[method]error.to-debug-string") => Function::ErrorText,
            ("io/poll", "[method]pollable.ready") => Function::Ready,
            ("io/poll", "[method]pollable.block") => Function::Nothing,
            ("io/poll", "poll") => Function::Poll,
            ("io/streams", function) => Function::stream(function),
            ("clocks/monotonic-clock", "now") => Function::Counter,
            ("clocks/monotonic-clock", "resolution") => Function::Resolution,
            ("clocks/monotonic-clock", _) => Function::Subscribe,
            ("clocks/wall-clock", "now" | "resolution") => Function::Epoch,
            ("random/random", "get-random-bytes") => Function::RandomBytes,
            ("random/random", "get-random-u64") => Function::RandomNumber,
            ("random/insecure", "get-insecure-random-bytes") => Function::RandomBytes,
            ("random/insecure", "get-insecure-random-u64") => Function::RandomNumber,
            ("random/insecure-seed", "insecure-seed") => Function::RandomSeed,
            _ => Function::Denied,
        }
    }

    fn stream(function: &str) -> Function {
        match function.split_once('.') {
            Some(("[method]input-stream", "subscribe")) | Some(("[method]output-stream", "subscribe")) => {
                Function::Subscribe
            }
            Some(("[method]input-stream", _)) => Function::ReadAtEnd,
            Some(("[method]output-stream", "check-write")) => Function::MayWrite,
            Some(("[method]output-stream", "write" | "blocking-write-and-flush")) => Function::Write,
            Some(("[method]output-stream", "flush" | "blocking-flush")) => Function::Done,
            _ => Function::Denied,
        }
    }

    fn call(
        self,
        mut store: StoreContextMut<'_, State>,
        full_name: &str,
        arguments: &[Val],
    ) -> wasmtime::Result<Option<Val>> {
        let answer = match self {
            Function::EmptyList => Val::List(Vec::new()),
            Function::Nothing => Val::Option(None),
            Function::Done => Val::Result(Ok(None)),
            Function::Stdin => own(Resource::<InputStream>::new_own(0), &mut store)?,
            Function::Output(which) => own(Resource::<OutputStream>::new_own(which), &mut store)?,
            Function::ReadAtEnd => Val::Result(Err(Some(Box::new(Val::Variant("closed".to_owned(), None))))),
            Function::MayWrite => Val::Result(Ok(Some(Box::new(Val::U64(WRITE_CREDIT))))),
            Function::Write => {
                let [Val::Resource(stream), Val::List(bytes)] = arguments else {
                    return Err(denied(full_name));
                };
                let which = stream.try_into_resource::<OutputStream>(&mut store)?.rep();
                let bytes = bytes.iter().filter_map(|byte| match byte {
                    Val::U8(byte) => Some(*byte),
                    _ => None,
                });
                store.data_mut().wasi.write(which, bytes)?;
                return Ok(Some(Val::Result(Ok(None))));
            }
            Function::Subscribe => own(Resource::<Pollable>::new_own(0), &mut store)?,
            Function::Ready => Val::Bool(true),
            Function::Poll => {
                let count = match arguments {
                    [Val::List(pollables)] => u32::try_from(pollables.len()).unwrap_or(u32::MAX),
                    _ => 0,
                };
                release(arguments, &mut store)?;
                return Ok(Some(Val::List((0..count).map(Val::U32).collect())));
            }
            Function::Counter => Val::U64(store.data_mut().wasi.reading()),
            Function::Resolution => Val::U64(1),
            Function::Epoch => {
                let number = |name: &str, value| (name.to_owned(), value);
                Val::Record(vec![number("seconds", Val::U64(0)), number("nanoseconds", Val::U32(0))])
            }
            Function::RandomBytes => {
                let [Val::U64(count @ 0..=RANDOM_BYTES)] = arguments else {
                    return Err(denied(full_name));
                };
                let wasi = &mut store.data_mut().wasi;
                let byte = |number: u64| {
                    let [first, ..] = number.to_be_bytes();
                    Val::U8(first)
                };
                Val::List((0..*count).map(|_| byte(wasi.random())).collect())
            }
            Function::RandomNumber => Val::U64(store.data_mut().wasi.random()),
            Function::RandomSeed => Val::Tuple(vec![Val::U64(0), Val::U64(0)]),
            Function::ErrorText => Val::String(String::new()),
            Function::Exit => return Err(TrapCause::Exit.into()),
            Function::Denied => return Err(denied(full_name)),
        };
        release(arguments, &mut store)?;
        Ok(Some(answer))
    }
}

fn denied(full_name: &str) -> wasmtime::Error {
    TrapCause::Denied(full_name.to_owned()).into()
}

fn own<T: 'static>(resource: Resource<T>, store: &mut StoreContextMut<'_, State>) -> wasmtime::Result<Val> {
    Ok(Val::Resource(resource.try_into_resource_any(&mut *store)?))
}

/// Borrowed handles must be given back before a call returns.
fn release(arguments: &[Val], store: &mut StoreContextMut<'_, State>) -> wasmtime::Result<()> {
    for argument in arguments {
        match argument {
            Val::Resource(resource) => resource.resource_drop(&mut *store)?,
            Val::List(items) => release(items, store)?,
            _ => {}
        }
    }
    Ok(())
}

/// What one instance's WASI remembers.
pub(super) struct WasiStub {
    label: Arc<str>,
    bytes: Allowance,
    lines: Allowance,
    partial: [Vec<u8>; 2],
    readings: u64,
    seed: u64,
}

struct Allowance {
    limit: &'static str,
    unit: &'static str,
    used: usize,
    allowed: usize,
}

impl Allowance {
    fn take(&mut self) -> Result<(), TrapCause> {
        self.used = self.used.saturating_add(1);
        if self.used > self.allowed {
            return Err(TrapCause::Limit {
                limit: self.limit,
                allowed: self.allowed,
                unit: self.unit,
            });
        }
        Ok(())
    }
}

impl WasiStub {
    pub(super) fn new(label: Arc<str>, limits: &PluginLimits) -> Self {
        WasiStub {
            label,
            bytes: Allowance {
                limit: "log",
                unit: "bytes",
                used: 0,
                allowed: limits.log,
            },
            lines: Allowance {
                limit: "log-lines",
                unit: "lines",
                used: 0,
                allowed: limits.log_lines,
            },
            partial: [Vec::new(), Vec::new()],
            readings: 0,
            seed: 0,
        }
    }

    fn write(&mut self, stream: u32, bytes: impl Iterator<Item = u8>) -> Result<(), TrapCause> {
        let [stdout, stderr] = &mut self.partial;
        let partial = if stream == STDERR { stderr } else { stdout };
        for byte in bytes {
            self.bytes.take()?;
            if byte != b'\n' {
                partial.push(byte);
                if partial.len() < LINE_BYTES {
                    continue;
                }
            }
            self.lines.take()?;
            log(&self.label, partial);
            partial.clear();
        }
        Ok(())
    }

    /// Each reading is later than the one before, as some run times insist.
    fn reading(&mut self) -> u64 {
        self.readings = self.readings.saturating_add(1);
        self.readings
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Drop for WasiStub {
    fn drop(&mut self) {
        for partial in &self.partial {
            if !partial.is_empty() {
                log(&self.label, partial);
            }
        }
    }
}

fn log(label: &str, line: &[u8]) {
    tracing::info!(target: "plugin", plugin = label, "{}", plain(&String::from_utf8_lossy(line)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inert(log: usize, log_lines: usize) -> WasiStub {
        WasiStub::new(
            "p".into(),
            &PluginLimits {
                log,
                log_lines,
                ..PluginLimits::default()
            },
        )
    }

    fn limit(result: Result<(), TrapCause>) -> Option<&'static str> {
        match result {
            Ok(()) => None,
            Err(TrapCause::Limit { limit, .. }) => Some(limit),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn output_is_capped_by_bytes_and_by_lines_over_all_calls() {
        let mut few_bytes = inert(10, 100);
        assert_eq!(limit(few_bytes.write(STDOUT, b"12345\n".iter().copied())), None);
        assert_eq!(limit(few_bytes.write(STDERR, b"12345".iter().copied())), Some("log"));
        let mut few_lines = inert(100, 2);
        assert_eq!(limit(few_lines.write(STDOUT, b"\n\n".iter().copied())), None);
        assert_eq!(limit(few_lines.write(STDOUT, b"\n".iter().copied())), Some("log-lines"));
    }

    #[test]
    fn a_line_without_end_takes_no_more_than_a_line_of_memory() {
        let mut inert = inert(1 << 20, 1000);
        inert.write(STDOUT, std::iter::repeat_n(b'x', 100_000)).unwrap();
        assert!(inert.partial[0].len() < LINE_BYTES);
    }
}

//! The inert WASI 0.2 that guests get whose language cannot do without one.
//!
//! It has no arguments, environment, files or sockets; standard input is at its end; standard output and error go to the
//! log, capped; clocks stand still but for the order of readings, and random numbers are the same in every instance.
//! Calling anything else ends the guest. Only what a component imports is defined, so other components see none of it.

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Resource, ResourceType, Val};

use super::call_context::TrapCause;
use super::guest::InstanceState;
use super::wasi_stub::{STDERR, STDOUT};

/// Bytes that a guest may write before it must ask again.
const WRITE_CREDIT: u64 = 64 << 10;
/// The most random bytes of one call.
const RANDOM_BYTES: u64 = 64 << 10;

// Marks the resource types apart; there is nothing behind them but a number.
struct InputStream;
struct OutputStream;
struct Pollable;
struct Error;
struct Other;

/// Adds what the component imports of WASI 0.2.
pub(super) fn add(linker: &mut Linker<InstanceState>, component: &Component) -> wasmtime::Result<()> {
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

/// The behaviour of a WASI function here.
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
        mut store: StoreContextMut<'_, InstanceState>,
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

fn own<T: 'static>(resource: Resource<T>, store: &mut StoreContextMut<'_, InstanceState>) -> wasmtime::Result<Val> {
    Ok(Val::Resource(resource.try_into_resource_any(&mut *store)?))
}

/// Borrowed handles must be given back before a call returns.
fn release(arguments: &[Val], store: &mut StoreContextMut<'_, InstanceState>) -> wasmtime::Result<()> {
    for argument in arguments {
        match argument {
            Val::Resource(resource) => resource.resource_drop(&mut *store)?,
            Val::List(items) => release(items, store)?,
            _ => {}
        }
    }
    Ok(())
}

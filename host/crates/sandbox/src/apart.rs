//! Compiling in a process of its own, whose processor time and memory the system limits: what a stranger's file does to the
//! compiler is over when that process is.
//!
//! The process is this program again, with [`ARGUMENT`] as its only argument and an empty environment. It reads an [`CompileOrder`],
//! a line of JSON, and the file behind it from standard input; limits itself before it looks at the file; and writes a line
//! of JSON, the [`CompileAnswer`], and the code behind it to standard output. Nobody else can write to that pipe.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache;
use super::call_context::CallContext;
use super::compile::{self, CompileRefusal, Rules};
use super::fit::Compatibility;
use super::{PluginError, PluginLimits};

/// The argument that makes the program compile what is on its standard input.
pub const ARGUMENT: &str = "compile-plugin-from-stdin";

/// Processor time that a file may take besides for each MiB of its functions, and that at most. Plugins in JavaScript and Python
/// take half of that or less.
const TIME_PER_MIB: Duration = Duration::from_secs(5);
const MOST_MORE: Duration = Duration::from_secs(110);
/// Times the processor time: on a machine with other work, or one that cannot limit processor time.
const PATIENCE: u32 = 10;
/// Bytes of what the process says in its last moments.
const LAST_WORDS: u64 = 64 << 10;
/// Bytes of a line of JSON.
const LINE: u64 = 1 << 20;

/// The request to a process that compiles: rules, and bounds of its time and memory.
#[derive(Debug, Serialize, Deserialize)]
struct CompileOrder {
    rules: Rules,
    /// Seconds of processor time.
    seconds: u64,
    /// Bytes of memory.
    memory: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum CompileAnswer {
    Compiled(Compatibility),
    Refused(CompileRefusal),
}

/// The processor time that the file may take.
fn allowed(limits: &PluginLimits, wasm: &[u8]) -> Duration {
    let more = u32::try_from(code_bytes(wasm) >> 20).unwrap_or(u32::MAX);
    let more = TIME_PER_MIB.saturating_mul(more).min(MOST_MORE);
    limits.compile_time.saturating_add(more)
}

/// The bytes of the file's functions, those of modules within it included: what else it holds costs nothing to compile.
fn code_bytes(wasm: &[u8]) -> u64 {
    let payloads = wasmparser::Parser::new(0).parse_all(wasm).map_while(Result::ok);
    let code = payloads.filter_map(|payload| match payload {
        wasmparser::Payload::CodeSectionStart { size, .. } => Some(u64::from(size)),
        _ => None,
    });
    code.fold(0, u64::saturating_add)
}

/// Has the file compiled by another process of that program.
pub(super) fn compile(
    program: &Path,
    engine: &Engine,
    limits: &PluginLimits,
    wasm: &[u8],
    label: &str,
) -> Result<(Component, Compatibility), PluginError> {
    let time = allowed(limits, wasm);
    let order = CompileOrder {
        rules: Rules::of(limits),
        seconds: time.as_secs().max(1),
        memory: u64::try_from(limits.compile_memory).unwrap_or(u64::MAX),
    };
    let broken = |error: io::Error| PluginError::Engine {
        reason: format!("a process that compiles the plugin: {error}"),
    };
    let mut child = start(program).map_err(broken)?;
    let ended = talk(&mut child, &order, wasm, time.saturating_mul(PATIENCE)).map_err(broken);
    // Nothing of it stays, whatever happened.
    let _ = child.kill();
    let status = child.wait().map_err(broken)?;
    let Heard {
        answer,
        last_words,
        late,
    } = ended?;
    if let Some((answer, code)) = split(&answer) {
        return match answer {
            CompileAnswer::Refused(refusal) => Err(refusal.of(label, limits)),
            CompileAnswer::Compiled(fit) => match cache::revive(engine, code) {
                Ok(component) => Ok((component, fit)),
                Err(error) => Err(PluginError::Engine {
                    reason: format!("compiled code is of no use: {error:#}"),
                }),
            },
        };
    }
    let site = CallContext { label, call: "load" };
    Err(match why(status, late, &last_words) {
        Why::Time => {
            let milliseconds = usize::try_from(time.as_millis()).unwrap_or(usize::MAX);
            site.limit("compile-time", milliseconds, "ms of processor time")
        }
        Why::Memory => site.limit("compile-memory", limits.compile_memory, "bytes"),
        Why::Other => CompileRefusal::load(
            format!("the compiler ended without an answer ({status}): {last_words}"),
            "the file makes the compiler fail, or the machine is short of memory",
        )
        .of(label, limits),
    })
}

fn start(program: &Path) -> io::Result<Child> {
    let mut command = Command::new(program);
    command
        .arg(ARGUMENT)
        // Secrets are in there.
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn()
}

/// The answer of a process that compiles, and its last words.
struct Heard {
    answer: Vec<u8>,
    last_words: String,
    /// True where nobody waited for the rest.
    late: bool,
}

/// Gives the order, and hears the process out, or for so long.
fn talk(child: &mut Child, order: &CompileOrder, wasm: &[u8], longest: Duration) -> io::Result<Heard> {
    let missing = || io::Error::other("it has no pipes");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let (said, hear) = mpsc::channel();
    let (memory, answered) = (order.memory, said.clone());
    std::thread::Builder::new().spawn(move || {
        let mut answer = Vec::new();
        // A process that breaks off has said all that there is.
        let _ = stdout.take(memory).read_to_end(&mut answer);
        let _ = answered.send((true, answer));
    })?;
    std::thread::Builder::new().spawn(move || {
        let mut words = Vec::new();
        let _ = stderr.take(LAST_WORDS).read_to_end(&mut words);
        let _ = said.send((false, words));
    })?;
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    // It may end before it has read everything; why, it says elsewhere.
    let _ = stdin.write_all(&line).and_then(|()| stdin.write_all(wasm));
    drop(stdin);
    let mut heard = Heard {
        answer: Vec::new(),
        last_words: String::new(),
        late: false,
    };
    for _ in 0..2 {
        match hear.recv_timeout(longest) {
            Ok((true, answer)) => heard.answer = answer,
            Ok((false, words)) => heard.last_words = String::from_utf8_lossy(&words).trim().to_owned(),
            Err(_) => {
                heard.late = true;
                break;
            }
        }
    }
    Ok(heard)
}

/// The answer, and the code behind it; none where it is not whole.
fn split(said: &[u8]) -> Option<(CompileAnswer, &[u8])> {
    let (line, code) = said.split_at_checked(said.iter().position(|byte| *byte == b'\n')? + 1)?;
    Some((serde_json::from_slice(line).ok()?, code))
}

enum Why {
    Time,
    Memory,
    Other,
}

/// The cause that ended a process which gave no answer.
fn why(status: ExitStatus, late: bool, last_words: &str) -> Why {
    // The standard library's words, the system's, and those of its thread pool.
    let memory = [
        "memory allocation of",
        "Cannot allocate memory",
        "Resource temporarily unavailable",
    ];
    if late {
        return Why::Time;
    }
    if memory.iter().any(|words| last_words.contains(words)) {
        return Why::Memory;
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if status.signal() == Some(rustix::process::Signal::XCPU.as_raw()) {
            return Why::Time;
        }
    }
    let _ = status;
    Why::Other
}

/// The work of the process that compiles. Answers with its exit code.
pub fn compile_stdin() -> u8 {
    match serve(&mut BufReader::new(io::stdin().lock()), &mut io::stdout().lock()) {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            1
        }
    }
}

fn serve(input: &mut impl BufRead, output: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    input.take(LINE).read_until(b'\n', &mut line)?;
    let order: CompileOrder = serde_json::from_slice(&line)?;
    bound(&order)?;
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm)?;
    let engine = (order.rules.engine()).map_err(|error| io::Error::other(format!("{error:#}")))?;
    let (answer, code) = match compile::compile(&engine, order.rules, &wasm) {
        Ok((component, fit)) => {
            let code = component.serialize();
            let code = code.map_err(|error| io::Error::other(format!("{error:#}")))?;
            (CompileAnswer::Compiled(fit), code)
        }
        Err(refusal) => (CompileAnswer::Refused(refusal), Vec::new()),
    };
    serde_json::to_writer(&mut *output, &answer)?;
    output.write_all(b"\n")?;
    output.write_all(&code)?;
    output.flush()
}

/// Sets the limits; they hold for the rest of the process.
#[cfg(unix)]
fn bound(order: &CompileOrder) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |resource, most: u64, after: u64| {
        let limits = Rlimit {
            current: Some(most),
            maximum: Some(most.saturating_add(after)),
        };
        setrlimit(resource, limits)
    };
    // The first signal says what it was; a second later there is one that nothing survives.
    limit(Resource::Cpu, order.seconds, 1)?;
    limit(Resource::Data, order.memory, 0)?;
    limit(Resource::Core, 0, 0)?;
    Ok(())
}

/// Here only the process that waits keeps an eye on the time.
#[cfg(not(unix))]
fn bound(_: &CompileOrder) -> io::Result<()> {
    Ok(())
}

/// The running program, also where its file has been replaced since.
pub fn this_program() -> PathBuf {
    let itself = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && itself.exists() {
        return itself.to_owned();
    }
    // Where nothing else is known, what it was called by; if that is wrong, starting it says so.
    std::env::current_exe().unwrap_or_else(|_| std::env::args_os().next().unwrap_or_default().into())
}

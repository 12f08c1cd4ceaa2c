//! The decisions of the program around: the standard output, the terminal, and what compiles a stranger's plugin.

use std::path::PathBuf;
use std::sync::OnceLock;

use secrecy::SecretString;
use sink::{Renderer, StdoutSink};

use crate::SetupError;

/// The program around, as the binary describes itself with [`install`].
pub struct Console {
    /// Fails where there is no standard output, and says why.
    pub stdout_is_open: fn() -> Result<(), SetupError>,
    /// Standard output as a sink.
    pub stdout: fn(Renderer) -> StdoutSink,
    /// Asks on a terminal for a secret with this prompt; none where nobody answers.
    pub ask: fn(&str) -> Option<SecretString>,
    /// The program that compiles plugins in a process of its own: see [`sandbox::Sandbox::compiling_apart`].
    pub compiler: Option<PathBuf>,
}

static CONSOLE: OnceLock<Console> = OnceLock::new();

/// Without a terminal, and with a standard output that nobody shares.
static PLAIN: Console = Console {
    stdout_is_open: || Ok(()),
    stdout: StdoutSink::new,
    ask: |_| None,
    compiler: None,
};

/// Sets the console of the program around. The first one to be set stays.
pub fn install(console: Console) {
    let _ = CONSOLE.set(console);
}

/// The program around.
pub(crate) fn console() -> &'static Console {
    CONSOLE.get().unwrap_or(&PLAIN)
}

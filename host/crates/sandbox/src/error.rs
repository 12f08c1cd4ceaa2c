//! Everything that can go wrong with a plugin, and the one place that turns the engine's errors into ours.

use wasmtime::{Trap, WasmBacktrace};

use super::PluginLimits;
use super::bindings::{Fault, FaultKind};
use base::{ErrorKind, SetupError, visible};

/// Why a plugin could not be loaded, or why it was stopped. Every variant but [`PluginError::Fault`] is the plugin's
/// failing (or that of its file); the process is never harmed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The file is no component, nor a core module that can be wrapped as one.
    #[error("cannot load {label}: {reason}")]
    Load {
        /// Which plugin.
        label: String,
        /// What is wrong with the file.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A component, but not one for this host.
    #[error("{label} does not fit this host: {reason}")]
    Incompatible {
        /// Which plugin.
        label: String,
        /// Which import or export differs, and which side is older.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The guest went over a limit.
    #[error("{label}, {call}: over the limit `{limit}`: {allowed} {unit} allowed")]
    Limit {
        /// Which plugin.
        label: String,
        /// What it was asked to do.
        call: &'static str,
        /// The field of [`PluginLimits`], as the configuration spells it.
        limit: &'static str,
        /// How much was allowed.
        allowed: u64,
        /// Of what.
        unit: &'static str,
    },
    /// The guest stopped in the middle of a call.
    #[error("{label}, {call}: the plugin crashed: {reason}")]
    Trap {
        /// Which plugin.
        label: String,
        /// What it was asked to do.
        call: &'static str,
        /// The trap, and the guest's functions that led to it.
        reason: String,
    },
    /// The guest answered with something that is no value of the type: a string that is not UTF-8, an unknown case.
    #[error("{label}, {call}: the plugin answered with an invalid value: {reason}")]
    InvalidValue {
        /// Which plugin.
        label: String,
        /// What it was asked to do.
        call: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The guest called a WASI function that would reach outside the sandbox.
    #[error("{label}, {call}: the plugin called `{function}`, which the sandbox does not offer")]
    Denied {
        /// Which plugin.
        label: String,
        /// What it was asked to do.
        call: &'static str,
        /// The function's full name.
        function: String,
    },
    /// A well-typed answer that breaks a rule of the WIT documentation.
    #[error("{label}, {call}: the plugin broke the rules: {reason}")]
    Rule {
        /// Which plugin.
        label: String,
        /// What it was asked to do.
        call: &'static str,
        /// Where in the answer, and which rule.
        reason: String,
    },
    /// The plugin asks for a request that nobody granted it. Nothing was sent.
    #[error("{label} wants to send `{request}`, which it is not granted; nothing was sent")]
    NotGranted {
        /// Which plugin.
        label: String,
        /// The first of its requests that is not granted: method and path.
        request: String,
        /// What would grant this and the others.
        allow: Vec<String>,
    },
    /// A report was asked of a sink plugin, or the reverse.
    #[error("{label} is a {found} plugin, not a {wanted} plugin")]
    Kind {
        /// Which plugin.
        label: String,
        /// What it is.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A parser or encoder was used after its end, or after an error.
    #[error("{label} has already been closed")]
    Closed {
        /// Which plugin.
        label: String,
    },
    /// The plugin says itself that it cannot go on.
    #[error("{}", .0.message)]
    Fault(Fault),
    /// The limits cannot be kept.
    #[error("the limits of the sandbox are unusable: {reason}")]
    Settings {
        /// Which, and why.
        reason: String,
    },
    /// The engine could not be set up.
    #[error("cannot start the WebAssembly engine: {reason}")]
    Engine {
        /// What the engine says.
        reason: String,
    },
}

/// Whose failing it is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultOrigin {
    /// The plugin's, its file's, or the parameters that it refused: exit code 6.
    Plugin,
    /// The server's: the document says that it failed, or is not what it should be: exit code 5.
    Remote,
}

impl PluginError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            PluginError::Load { hint, .. } | PluginError::Incompatible { hint, .. } => hint.clone(),
            PluginError::Fault(fault) => fault.hint.clone(),
            PluginError::Limit { limit, .. } => Some(format!(
                "if the plugin is right to need more, raise `{limit}` under [limits]"
            )),
            PluginError::Trap { .. } | PluginError::InvalidValue { .. } | PluginError::Rule { .. } => {
                Some("this is a defect of the plugin: report it to its author".to_owned())
            }
            PluginError::NotGranted { allow, .. } => Some(format!(
                "if you trust the plugin with it, say so where the configuration names the plugin: allow = {allow:?} under \
                 [plugins.NAME]"
            )),
            PluginError::Denied { .. } => {
                Some("plugins work on the data they are given: no files, sockets, environment or processes".to_owned())
            }
            _ => None,
        }
    }

    /// Whose failing it is.
    pub fn blame(&self) -> FaultOrigin {
        match self {
            PluginError::Fault(fault) => match fault.kind {
                FaultKind::MalformedDocument | FaultKind::RemoteFailed => FaultOrigin::Remote,
                FaultKind::InvalidRequest | FaultKind::Internal => FaultOrigin::Plugin,
            },
            _ => FaultOrigin::Plugin,
        }
    }
}

impl From<PluginError> for SetupError {
    fn from(error: PluginError) -> Self {
        if let PluginError::Settings { .. } = &error {
            let hint = "change it under [limits] in host.toml";
            return SetupError::told(ErrorKind::Usage, &error, Some(hint.into()));
        }
        let kind = match error.blame() {
            FaultOrigin::Plugin => ErrorKind::Plugin,
            FaultOrigin::Remote => ErrorKind::Failed,
        };
        let told = SetupError::told(kind, &error, error.hint());
        match error {
            PluginError::NotGranted { .. } => told.code("not-granted"),
            _ => told,
        }
    }
}

/// Text that a guest or its file had a say in, fit for a terminal and a log: one line of bounded length.
pub(super) fn plain(text: &str) -> String {
    const CHARS: usize = 1000;
    let plain: String = text
        .chars()
        .map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c })
        .filter(|c| !c.is_control())
        .take(CHARS + 1)
        .collect();
    let mut plain = visible::shown(&plain).into_owned();
    if let Some((cut, _)) = plain.char_indices().nth(CHARS) {
        plain.truncate(cut);
        plain.push('…');
    }
    plain
}

impl From<Fault> for PluginError {
    fn from(fault: Fault) -> Self {
        PluginError::Fault(Fault {
            kind: fault.kind,
            message: plain(&fault.message),
            hint: fault.hint.as_deref().map(plain),
            code: fault.code.as_deref().map(plain),
        })
    }
}

/// What our own host functions and the limiter stop a guest with.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum TrapCause {
    #[error("over the limit {limit}")]
    Limit {
        limit: &'static str,
        allowed: usize,
        unit: &'static str,
    },
    #[error("{0} is not offered")]
    Denied(String),
    #[error("the plugin exited")]
    Exit,
}

/// Names the guest and the call in errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallContext<'a> {
    pub(super) label: &'a str,
    pub(super) call: &'static str,
}

impl CallContext<'_> {
    pub(super) fn limit(self, limit: &'static str, allowed: usize, unit: &'static str) -> PluginError {
        let allowed = u64::try_from(allowed).unwrap_or(u64::MAX);
        PluginError::Limit {
            label: self.label.to_owned(),
            call: self.call,
            limit,
            allowed,
            unit,
        }
    }

    pub(super) fn rule(self, reason: impl Into<String>) -> PluginError {
        PluginError::Rule {
            label: self.label.to_owned(),
            call: self.call,
            reason: reason.into(),
        }
    }

    pub(super) fn invalid(self, reason: impl Into<String>) -> PluginError {
        PluginError::InvalidValue {
            label: self.label.to_owned(),
            call: self.call,
            reason: reason.into(),
        }
    }

    fn trap(self, reason: String) -> PluginError {
        PluginError::Trap {
            label: self.label.to_owned(),
            call: self.call,
            reason,
        }
    }

    /// What the engine's error means.
    pub(super) fn classify(self, error: &wasmtime::Error, limits: &PluginLimits) -> PluginError {
        match error.downcast_ref::<TrapCause>() {
            Some(TrapCause::Limit { limit, allowed, unit }) => return self.limit(limit, *allowed, unit),
            Some(TrapCause::Denied(function)) => {
                return PluginError::Denied {
                    label: self.label.to_owned(),
                    call: self.call,
                    function: function.clone(),
                };
            }
            Some(TrapCause::Exit) => return self.trap("it exited".to_owned()),
            None => {}
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => {
                let allowed = usize::try_from(limits.time.as_millis()).unwrap_or(usize::MAX);
                self.limit("time", allowed, "ms")
            }
            Some(Trap::StackOverflow) => self.limit("stack", limits.stack, "bytes"),
            Some(trap) => self.trap(with_frames(trap, error)),
            None => {
                let reason = plain(&format!("{error:#}"));
                // The engine keeps the types of these two errors to itself.
                if reason.contains("store handle limit exceeded") {
                    return self.limit("handles", limits.handles, "handles");
                }
                if reason.contains("fuel allocated for hostcalls has been exhausted") {
                    return self.limit("returned", limits.returned, "bytes");
                }
                self.invalid(reason)
            }
        }
    }
}

/// The trap and the innermost functions of the guest, where it has names.
fn with_frames(trap: &Trap, error: &wasmtime::Error) -> String {
    let text = trap.to_string();
    let mut reason = text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned();
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        // The engine demangles names only where it prints them, as `module!function`.
        let printed = backtrace.to_string();
        let mut names: Vec<_> = printed
            .lines()
            .filter_map(|line| line.split_once('!'))
            .map(|(_, name)| without_hash(name))
            .collect();
        names.dedup();
        if !names.is_empty() {
            names.truncate(4);
            reason.push_str(" in ");
            reason.push_str(&names.join(", called by "));
        }
    }
    plain(&reason)
}

/// Rust ends every name with a hash that tells nobody anything.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_says_cannot_move_the_cursor_or_flood_the_screen() {
        let fault = Fault {
            kind: FaultKind::Internal,
            message: "\u{1b}[2Jfine\r\nerror: \u{202e}x\u{7}".into(),
            hint: Some("a\tb".into()),
            code: Some("c".repeat(5000)),
        };
        let PluginError::Fault(shown) = PluginError::from(fault) else {
            panic!("no fault")
        };
        assert_eq!(shown.message, "[2Jfine error: \\u{202e}x");
        assert_eq!(shown.hint.as_deref(), Some("a b"));
        assert_eq!(shown.code.unwrap_or_default().chars().count(), 1001);
    }
}

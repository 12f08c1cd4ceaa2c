//! A call into a plugin, as errors name it, and the one place that turns the engine's errors into ours.

use wasmtime::{Trap, WasmBacktrace};

use super::error::{PluginError, plain};
use super::limits::PluginLimits;

/// Errors with which the host's own functions and the limiter stop a guest.
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

    /// The plugin error that an error of the engine means.
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

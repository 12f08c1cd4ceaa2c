//! Every way to fail, with the exit code that scripts see, a stable word for machines, and what to do about it.

use std::io::Write;

use crate::args::{LogFormat, OutputOptions};
use crate::log::{self, LogLine};
use crate::render::screen;
use base::store::StoreError;
use base::visible::line as visible;
use base::{ErrorKind, WorkerDied};
use evidence::EvidenceError;
use fetch::FetchError;
use ledger::LedgerError;
use remote::RemoteError;
use run::{RereadError, RunError, SinkBehind, WindowError};
use sandbox::PluginError;
use setup::SetupError;
use setup::config::{Config, ConfigError};
use sink::SinkError;
use sink::dead_letters::DeadLetterError;

/// The exit codes; `docs/scripting.md` is the same table for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Exit {
    Done = 0,
    Internal = 1,
    Usage = 2,
    Refused = 3,
    Unavailable = 4,
    RemoteFailed = 5,
    PluginFailed = 6,
    DeliveryFailed = 7,
    Partial = 8,
    Busy = 9,
    Interrupted = 130,
    Terminated = 143,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The word that stands in JSON errors.
    pub fn word(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Internal => "internal",
            Exit::Usage => "usage",
            Exit::Refused => "refused",
            Exit::Unavailable => "unavailable",
            Exit::RemoteFailed => "remote-failed",
            Exit::PluginFailed => "plugin-failed",
            Exit::DeliveryFailed => "delivery-failed",
            Exit::Partial => "partial",
            Exit::Busy => "busy",
            Exit::Interrupted => "interrupted",
            Exit::Terminated => "terminated",
        }
    }
}

/// A command that did not succeed.
#[derive(Debug)]
pub struct CliError {
    /// The exit of the process.
    pub exit: Exit,
    /// A stable word for machines.
    pub code: &'static str,
    /// The message; none where the user knows, as after Ctrl-C.
    pub message: Option<String>,
    /// The message to be kept for long, where it is known to quote no server, report, plugin or receiver.
    pub own_words: Option<Box<str>>,
    /// The advice.
    pub hint: Option<String>,
    /// A line that comes after the error on stderr, as it is.
    pub after: Option<String>,
    /// Set where a server did not accept the credentials.
    pub is_sign_in: bool,
}

impl CliError {
    /// A failure with a message.
    pub fn new(exit: Exit, message: impl Into<String>) -> CliError {
        CliError {
            exit,
            code: exit.word(),
            message: Some(message.into()),
            own_words: None,
            hint: None,
            after: None,
            is_sign_in: false,
        }
    }

    /// A failure because what the user typed cannot be meant.
    pub fn usage(message: impl Into<String>) -> CliError {
        CliError::new(Exit::Usage, message)
    }

    /// An exit without a word.
    pub fn silent(exit: Exit) -> CliError {
        CliError {
            exit,
            code: exit.word(),
            message: None,
            own_words: None,
            hint: None,
            after: None,
            is_sign_in: false,
        }
    }

    /// The failure with the configuration's file, where that is what has to be changed and the message does not name it.
    pub fn read_from(self, config: &Config) -> CliError {
        let message = match self.message {
            Some(message) if self.exit == Exit::Usage => Some(
                SetupError::usage(message)
                    .read_from(config.file.path.as_deref())
                    .message,
            ),
            message => message,
        };
        CliError { message, ..self }
    }

    /// A failure with the message of an error and of what caused it.
    pub fn told(exit: Exit, error: &dyn std::error::Error, hint: Option<String>) -> CliError {
        let told = SetupError::told(ErrorKind::Internal, error, hint);
        CliError {
            hint: told.hint,
            ..CliError::new(exit, told.message)
        }
    }

    /// The text that may be kept for long; none where nothing was said. Of a message whose words are not known to be this program's
    /// own only the code is kept: who was asked before it failed may be quoted in it. What was typed or configured wrongly, and
    /// what is busy, is said before anybody is asked.
    pub fn kept(&self) -> Option<String> {
        let message = self.message.as_ref()?;
        Some(match (&self.own_words, self.exit) {
            (Some(own), _) => own.to_string(),
            (None, Exit::Usage | Exit::Busy) => message.clone(),
            (None, _) => format!("it failed with the code {}", self.code),
        })
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hint = Some(hint.into());
        self
    }

    /// Prints `error:` and `hint:`, or one JSON line, to stderr. Control characters of foreign text are made visible.
    pub fn print(&self, format: LogFormat) {
        if let Some(message) = &self.message {
            let mut text = format!("\x1b[1;31merror:\x1b[0m {}\n", visible(message));
            let mut line = (LogLine::new("error", message).with("code", self.code)).with("exit", self.exit.code());
            if let Some(hint) = &self.hint {
                text += &format!("\x1b[1;36mhint:\x1b[0m {}\n", visible(hint));
                line = line.with("hint", hint.as_str());
            }
            log::say(format, &text, &line);
        }
        if let Some(line) = &self.after {
            let _ = screen::Stderr.write_all(line.as_bytes());
        }
    }
}

/// Prints a hint where nothing failed.
pub fn hint(text: &str, talk: &OutputOptions) {
    if !talk.quiet {
        let shown = format!("\x1b[1;36mhint:\x1b[0m {}\n", visible(text));
        log::say(
            talk.log_format,
            &shown,
            &LogLine::new("info", text).with("code", "hint"),
        );
    }
}

/// Prints what goes on where nothing is wrong and nothing to be done.
pub fn note(text: &str, talk: &OutputOptions) {
    if !talk.quiet {
        let shown = visible(text) + "\n";
        log::say(talk.log_format, &shown, &LogLine::new("info", text));
    }
}

impl From<SetupError> for CliError {
    fn from(error: SetupError) -> Self {
        let exit = exit_of(error.kind);
        CliError {
            code: error.code.unwrap_or_else(|| exit.word()),
            hint: error.hint,
            ..CliError::new(exit, error.message)
        }
    }
}

/// Errors that are told the same whether a command meets it or what it sets up.
macro_rules! as_in_setup {
    ($($error:ty),+) => {$(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                SetupError::from(error).into()
            }
        }
    )+};
}

as_in_setup!(
    ConfigError,
    DeadLetterError,
    EvidenceError,
    LedgerError,
    PluginError,
    RemoteError,
    SinkError,
    StoreError
);

impl From<WorkerDied> for CliError {
    fn from(error: WorkerDied) -> Self {
        CliError::told(Exit::Internal, &error, None)
    }
}

impl From<WindowError> for CliError {
    fn from(error: WindowError) -> Self {
        CliError::told(Exit::Usage, &error, error.hint())
    }
}

impl From<FetchError> for CliError {
    fn from(error: FetchError) -> Self {
        CliError {
            code: error.code(),
            own_words: Some(error.own_words().into_boxed_str()),
            is_sign_in: error.is_sign_in(),
            ..CliError::told(exit_of(error.kind()), &error, error.hint())
        }
    }
}

/// The exit of the process after an error of that kind.
pub fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Closed => Exit::Done,
        ErrorKind::Internal => Exit::Internal,
        ErrorKind::Usage => Exit::Usage,
        ErrorKind::Refused => Exit::Refused,
        ErrorKind::Unavailable => Exit::Unavailable,
        ErrorKind::Failed => Exit::RemoteFailed,
        ErrorKind::Plugin => Exit::PluginFailed,
        ErrorKind::Delivery => Exit::DeliveryFailed,
        ErrorKind::Busy => Exit::Busy,
    }
}

impl From<RereadError> for CliError {
    fn from(error: RereadError) -> Self {
        match error {
            RereadError::Plugin(error) => error.into(),
            RereadError::Ids(error) => CliError::told(Exit::Internal, &error, error.hint()),
        }
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        let own_words = error.own_words();
        CliError {
            own_words: Some(own_words.into_boxed_str()),
            ..CliError::of_run(error)
        }
    }
}

impl CliError {
    fn of_run(error: RunError) -> Self {
        match error {
            RunError::Plugin(error) | RunError::Plan(error) => error.into(),
            RunError::Ledger(error) => CliError {
                exit: Exit::Internal,
                ..error.into()
            },
            RunError::Window(error) => error.into(),
            RunError::Ahead {
                ref arguments, ref now, ..
            } => {
                let hint = format!(
                    "set this machine's clock right if it is slow; if it is right, it was fast in an earlier run: \
                     `host ledger rewind {arguments} --to {now}` asks for everything since then again"
                );
                CliError::usage(error.to_string()).hint(hint)
            }
            RunError::Gap {
                ref arguments,
                backfill,
                ..
            } => {
                let advice = match backfill {
                    true => "it can be collected only if the server keeps more than `retention` of the connection says",
                    false => {
                        "run more often than the server deletes, and set `retention` of the connection to what the server keeps"
                    }
                };
                let hint = format!("this is recorded: see `host gaps {arguments}`; {advice}");
                CliError {
                    code: "data-lost",
                    ..CliError::new(Exit::Partial, error.to_string()).hint(hint)
                }
            }
            error @ RunError::Changed { .. } => CliError::new(Exit::DeliveryFailed, error.to_string())
                .hint("run again: the window is delivered from its start, with the same ids"),
            error @ RunError::Gone => CliError::new(Exit::RemoteFailed, error.to_string())
                .hint("run again: it continues with what there is, and `host gaps` lists what is lost"),
            RunError::Fetch(error) => error.into(),
            RunError::Sink { name, source } => {
                let failure = CliError::told(Exit::DeliveryFailed, &source, source.hint());
                let message = failure.message.map(|message| format!("sink {name}: {message}"));
                CliError { message, ..failure }
            }
            error @ RunError::Undelivered { .. } => CliError::new(Exit::DeliveryFailed, error.to_string())
                .hint(
                    "fix the sink, or make room with `host dead-letter replay` or by a higher `events` and `bytes` under \
                     [dead-letters]; then run again",
                ),
            error @ RunError::Lost { .. } => CliError {
                code: "events-lost",
                ..CliError::new(Exit::Partial, error.to_string())
            }
            .hint(
                "fix the sink, and make room with `host dead-letter replay` or by a higher `events` and `bytes` under \
                 [dead-letters]; `host run` with --from, --to and --sink asks for the period again and delivers it to that \
                 sink; with `required = true` the run would have waited for it",
            ),
            RunError::Behind {
                ref sinks,
                ref arguments,
                ..
            } => {
                let drop = |sink: &SinkBehind| format!("`host streams drop {arguments} --sink {}`", sink.name);
                let hint = format!(
                    "nothing is lost: what waits is kept, and once the sink is back and a route leads to it the next run delivers that \
                     first, in order; for a sink that does not come back: {}",
                    sinks.iter().map(drop).collect::<Vec<_>>().join(", ")
                );
                CliError {
                    code: "sink-behind",
                    ..CliError::new(Exit::DeliveryFailed, error.to_string()).hint(hint)
                }
            }
            error @ RunError::GoneFor { .. } => {
                let hint = match &error {
                    RunError::GoneFor { sinks, arguments, from, to } => format!(
                        "the other sinks have it, and it is recorded as a gap of {}: `host backfill {arguments} --from {from} --to {to} \
                         --sink {}` gets what the server still has",
                        sinks.join(", "),
                        sinks.join(" --sink ")
                    ),
                    _ => String::new(),
                };
                CliError {
                    code: "data-lost",
                    ..CliError::new(Exit::Partial, error.to_string()).hint(hint)
                }
            }
            error @ RunError::DeadLettered { .. } => CliError::new(Exit::Partial, error.to_string()).hint(
                "`host dead-letter list` says why; `host dead-letter replay` delivers them once the sink is back",
            ),
            RunError::Closed => CliError::silent(Exit::Done),
            RunError::Stopped => CliError::silent(Exit::Interrupted),
            error @ RunError::Keep { .. } => CliError {
                code: "spool-failed",
                ..CliError::told(
                    Exit::Internal,
                    &error,
                    Some("make room there, and make it writable; the next run continues from here".into()),
                )
            },
            RunError::Evidence(error) => CliError {
                code: "evidence-failed",
                ..CliError::told(Exit::DeliveryFailed, &*error, Some(error.hint()))
            },
            RunError::SpoolFull {
                ref sinks,
                ref arguments,
                ..
            } if !sinks.is_empty() => CliError {
                code: "spool-full",
                ..CliError::told(Exit::DeliveryFailed, &error, Some(held_by(sinks, arguments, "spool-bytes")))
            },
            RunError::SpoolAge {
                ref sinks,
                ref arguments,
                ..
            } => CliError {
                code: "spool-age",
                ..CliError::told(Exit::DeliveryFailed, &error, Some(held_by(sinks, arguments, "spool-age")))
            },
            error @ RunError::SpoolFull { .. } => CliError {
                code: "spool-full",
                ..CliError::told(
                    Exit::Internal,
                    &error,
                    Some(
                        "`host ledger list` shows which windows wait, and the next run continues with them; let their sinks take \
                         events, give windows up with `host ledger reset`, or raise `spool-bytes` under [ledger]"
                            .into(),
                    ),
                )
            },
            RunError::TooManyRejected(error) => CliError {
                code: "too-many-rejected",
                ..CliError::told(Exit::RemoteFailed, &error, Some(error.hint()))
            },
            RunError::Rejects(error) => CliError {
                exit: Exit::Internal,
                ..error.into()
            },
            error @ RunError::RowsLost { .. } => CliError {
                code: "rejected-rows",
                ..CliError::new(Exit::Partial, error.to_string()).hint(
                    "`host rejected replay` reads those that are kept, `host rejected drop` makes room; raise `rows` and `bytes` \
                     or name a `path` under [rejected]",
                )
            },
            error @ RunError::SetAside(_) => CliError::told(
                Exit::Internal,
                &error,
                Some("free space in the folder for temporary files, or name another with TMPDIR".into()),
            ),
            RunError::Ids(error) => CliError::told(Exit::Internal, &error, error.hint()),
            error @ (RunError::Spool(_) | RunError::Internal(_)) => CliError::new(Exit::Internal, error.to_string()),
        }
    }
}

/// The ways out where what waits for sinks keeps everything else from being fetched.
fn held_by(sinks: &[String], arguments: &str, key: &str) -> String {
    let drop = |sink: &String| format!("`host streams drop {arguments} --sink {sink}`");
    format!(
        "nothing is thrown away: get {} back, and the next run delivers what waits; or give it up: {}; `{key}` under [ledger] lets \
         more wait",
        sinks.join(", "),
        sinks.iter().map(drop).collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_message_in_unknown_words_only_the_code_is_kept() {
        let of_setup = |kind| CliError::from(SetupError::new(kind, "jdoe").code("token-refused"));
        let kept = |failure: CliError| failure.kept();
        let code = Some("it failed with the code token-refused".to_owned());
        for kind in [
            ErrorKind::Internal,
            ErrorKind::Refused,
            ErrorKind::Unavailable,
            ErrorKind::Failed,
            ErrorKind::Plugin,
            ErrorKind::Delivery,
        ] {
            assert_eq!(kept(of_setup(kind)), code, "{kind:?}");
        }
        assert_eq!(
            kept(CliError::usage("no such connection")),
            Some("no such connection".into())
        );
        assert_eq!(kept(CliError::silent(Exit::Interrupted)), None);
        let told = FetchError::JobFailed {
            status: 8,
            code: None,
            text: "jdoe".into(),
        };
        let own = Some("the server reports failure, status 8".to_owned());
        assert_eq!(kept(RunError::Fetch(told).into()), own);
    }
}

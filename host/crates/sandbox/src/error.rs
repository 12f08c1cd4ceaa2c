//! Everything that can go wrong with a plugin.

use super::bindings::{Fault, FaultKind};
use base::{ErrorKind, SetupError, visible};

/// The reason why a plugin could not be loaded, or was stopped. Every variant but [`PluginError::Fault`] is the plugin's
/// failing (or that of its file); the process is never harmed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The file is no component, nor a core module that can be wrapped as one.
    #[error("cannot load {label}: {reason}")]
    Load {
        /// The plugin's label.
        label: String,
        /// The defect of the file.
        reason: String,
        /// Advice for the user.
        hint: Option<String>,
    },
    /// A component, but not one for this host.
    #[error("{label} does not fit this host: {reason}")]
    Incompatible {
        /// The plugin's label.
        label: String,
        /// The import or export that differs, and which side is older.
        reason: String,
        /// Advice for the user.
        hint: Option<String>,
    },
    /// The guest went over a limit.
    #[error("{label}, {call}: over the limit `{limit}`: {allowed} {unit} allowed")]
    Limit {
        /// The plugin's label.
        label: String,
        /// The call that it was in.
        call: &'static str,
        /// The field of [`PluginLimits`](super::PluginLimits), as the configuration spells it.
        limit: &'static str,
        /// The amount that was allowed.
        allowed: u64,
        /// Of what.
        unit: &'static str,
    },
    /// The guest stopped in the middle of a call.
    #[error("{label}, {call}: the plugin crashed: {reason}")]
    Trap {
        /// The plugin's label.
        label: String,
        /// The call that it was in.
        call: &'static str,
        /// The trap, and the guest's functions that led to it.
        reason: String,
    },
    /// The guest answered with something that is no value of the type: a string that is not UTF-8, an unknown case.
    #[error("{label}, {call}: the plugin answered with an invalid value: {reason}")]
    InvalidValue {
        /// The plugin's label.
        label: String,
        /// The call that it was in.
        call: &'static str,
        /// The defect of the value.
        reason: String,
    },
    /// The guest called a WASI function that would reach outside the sandbox.
    #[error("{label}, {call}: the plugin called `{function}`, which the sandbox does not offer")]
    Denied {
        /// The plugin's label.
        label: String,
        /// The call that it was in.
        call: &'static str,
        /// The function's full name.
        function: String,
    },
    /// A well-typed answer that breaks a rule of the WIT documentation.
    #[error("{label}, {call}: the plugin broke the rules: {reason}")]
    Rule {
        /// The plugin's label.
        label: String,
        /// The call that it was in.
        call: &'static str,
        /// The place in the answer, and the rule.
        reason: String,
    },
    /// The plugin asks for a request that nobody granted it. Nothing was sent.
    #[error("{label} wants to send `{request}`, which it is not granted; nothing was sent")]
    NotGranted {
        /// The plugin's label.
        label: String,
        /// The first of its requests that is not granted: method and path.
        request: String,
        /// Grants that would allow this request and the others.
        allow: Vec<String>,
    },
    /// A report was asked of a sink plugin, or the reverse.
    #[error("{label} is a {found} plugin, not a {wanted} plugin")]
    Kind {
        /// The plugin's label.
        label: String,
        /// The kind that it is.
        found: &'static str,
        /// The kind that was asked for.
        wanted: &'static str,
    },
    /// A parser or encoder was used after its end, or after an error.
    #[error("{label} has already been closed")]
    Closed {
        /// The plugin's label.
        label: String,
    },
    /// The plugin says itself that it cannot go on.
    #[error("{}", .0.message)]
    Fault(Fault),
    /// The limits cannot be kept.
    #[error("the limits of the sandbox are unusable: {reason}")]
    Settings {
        /// The part at fault, and the reason.
        reason: String,
    },
    /// The engine could not be set up.
    #[error("cannot start the WebAssembly engine: {reason}")]
    Engine {
        /// The engine's own message.
        reason: String,
    },
}

/// The party at fault; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultOrigin {
    /// The plugin's, its file's, or the parameters that it refused: exit code 6.
    Plugin,
    /// The server's: the document says that it failed, or is not what it should be: exit code 5.
    Remote,
}

impl PluginError {
    /// Advice for the user.
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

    /// The message in the host's own words: nothing that the plugin says, nor the document that it read.
    pub fn own_words(&self) -> String {
        match self {
            PluginError::Load { label, .. } => format!("cannot load {label}"),
            PluginError::Incompatible { label, .. } => format!("{label} does not fit this host"),
            PluginError::Trap { label, call, .. } => format!("{label}, {call}: the plugin crashed"),
            PluginError::InvalidValue { label, call, .. } => {
                format!("{label}, {call}: the plugin answered with an invalid value")
            }
            PluginError::Denied { label, call, .. } => {
                format!("{label}, {call}: the plugin called a function that the sandbox does not offer")
            }
            PluginError::Rule { label, call, .. } => format!("{label}, {call}: the plugin broke the rules"),
            PluginError::NotGranted { label, .. } => {
                format!("{label} wants to send a request that it is not granted; nothing was sent")
            }
            PluginError::Fault(fault) => {
                let words = match fault.kind {
                    FaultKind::MalformedDocument => "the plugin says that the document is not what it should be",
                    FaultKind::RemoteFailed => "the plugin says that the server failed",
                    FaultKind::InvalidRequest => "the plugin refused the request",
                    FaultKind::Internal => "the plugin says that it failed",
                };
                words.to_owned()
            }
            PluginError::Settings { .. } => "the limits of the sandbox are unusable".to_owned(),
            PluginError::Engine { .. } => "cannot start the WebAssembly engine".to_owned(),
            PluginError::Limit { .. } | PluginError::Kind { .. } | PluginError::Closed { .. } => self.to_string(),
        }
    }

    /// The party at fault.
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

//! Why something cannot be set up: told for people, with a hint, and of a kind that the binary makes an exit code of.

use std::error::Error;
use std::fmt;

use base::ErrorKind;
use base::store::StoreError;
use ledger::LedgerError;
use remote::RemoteError;
use sandbox::{FaultOrigin, PluginError};
use sink::SinkError;
use sink::dead_letters::DeadLetterError;

use crate::config::{Config, ConfigError};

/// Why something cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupError {
    /// Who has to do something about it.
    pub kind: ErrorKind,
    /// A stable word for machines; none where the kind's own says enough.
    pub code: Option<&'static str>,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl SetupError {
    /// An error with a message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> SetupError {
        SetupError {
            kind,
            code: None,
            message: message.into(),
            hint: None,
        }
    }

    /// What the user typed or configured cannot be meant.
    pub fn usage(message: impl Into<String>) -> SetupError {
        SetupError::new(ErrorKind::Usage, message)
    }

    /// An error of another room, with the errors behind it.
    pub fn told(kind: ErrorKind, error: &dyn Error, hint: Option<String>) -> SetupError {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            // Some libraries repeat their source's words in their own.
            if !message.contains(&cause.to_string()) {
                message = format!("{message}: {cause}");
            }
            source = cause.source();
        }
        SetupError {
            hint,
            ..SetupError::new(kind, message)
        }
    }

    /// The error with a stable word for machines.
    #[must_use]
    pub fn code(self, code: &'static str) -> SetupError {
        SetupError {
            code: Some(code),
            ..self
        }
    }

    /// The error with what to do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> SetupError {
        SetupError {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The error with the place in the configuration that it is about in front.
    #[must_use]
    pub fn at(self, place: &str) -> SetupError {
        SetupError {
            message: format!("{place}: {}", self.message),
            ..self
        }
    }

    /// The error with the configuration's file, where that is what has to be changed and the message does not name it.
    #[must_use]
    pub fn read_from(self, config: &Config) -> SetupError {
        let message = match &config.path {
            _ if self.kind != ErrorKind::Usage => return self,
            Some(path) if self.message.contains(&*path.to_string_lossy()) => return self,
            Some(path) => format!("{} (configuration: {})", self.message, path.display()),
            None => format!("{} (no configuration was read)", self.message),
        };
        SetupError { message, ..self }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SetupError {}

impl From<ConfigError> for SetupError {
    fn from(error: ConfigError) -> Self {
        SetupError::told(ErrorKind::Usage, &error, error.hint())
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

impl From<RemoteError> for SetupError {
    fn from(error: RemoteError) -> Self {
        SetupError::told(error.kind(), &error, error.hint()).code(error.code())
    }
}

impl From<SinkError> for SetupError {
    fn from(error: SinkError) -> Self {
        SetupError::told(error.kind(), &error, error.hint())
    }
}

impl From<StoreError> for SetupError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Claimed { .. } => SetupError::told(ErrorKind::Busy, &error, Some(error.hint())),
            // Said by a command before anything was sent; a run that meets it says so by its own code.
            _ => SetupError::told(ErrorKind::Usage, &error, Some(error.hint())).code("rejected-rows"),
        }
    }
}

impl From<DeadLetterError> for SetupError {
    fn from(error: DeadLetterError) -> Self {
        match &error {
            DeadLetterError::Store(StoreError::Claimed { .. }) => {
                SetupError::told(ErrorKind::Busy, &error, error.hint())
            }
            // Said by a command before anything was sent; a run that cannot keep a letter counts it as undelivered.
            _ => SetupError::told(ErrorKind::Usage, &error, error.hint()).code("dead-letters"),
        }
    }
}

impl From<LedgerError> for SetupError {
    fn from(error: LedgerError) -> Self {
        let kind = match error {
            LedgerError::Claimed { .. } => {
                let message = format!("{error}. This run did nothing.");
                return SetupError {
                    hint: error.hint(),
                    ..SetupError::new(ErrorKind::Busy, message)
                };
            }
            LedgerError::Internal(_) => ErrorKind::Internal,
            // Said before anything was sent; a run that meets it later says so by its own code.
            _ => ErrorKind::Usage,
        };
        SetupError::told(kind, &error, error.hint()).code("ledger")
    }
}

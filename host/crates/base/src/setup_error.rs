//! Failures to set something up: told for people, with a hint, and of a kind that the binary makes an exit code of.
//!
//! It stands here, so that each room says itself how its own errors are told where something is set up.

use std::error::Error;
use std::fmt;
use std::path::Path;

use super::ErrorKind;
use super::store::StoreError;

/// A failure to set something up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupError {
    /// The party that has to do something about it.
    pub kind: ErrorKind,
    /// A stable word for machines; none where the kind's own says enough.
    pub code: Option<&'static str>,
    /// The message.
    pub message: String,
    /// The advice for the user.
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

    /// An error about something typed or configured that cannot be meant.
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
    pub fn read_from(self, file: Option<&Path>) -> SetupError {
        let message = match file {
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

impl From<StoreError> for SetupError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Claimed { .. } => SetupError::told(ErrorKind::Busy, &error, Some(error.hint())),
            // Said by a command before anything was sent; a run that meets it says so by its own code.
            _ => SetupError::told(ErrorKind::Usage, &error, Some(error.hint())).code("rejected-rows"),
        }
    }
}

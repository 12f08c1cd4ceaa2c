use std::io;

/// The reason why a simulator cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// A switch that does not exist.
    #[error("the simulator has no switch `{name}`")]
    UnknownSwitch {
        /// The name that was given.
        name: String,
        /// The switch that looks most like it.
        nearest: Option<&'static str>,
    },
    /// A switch with a value that makes no sense.
    #[error("switch `{name}` {reason}")]
    BadSwitch {
        /// The switch, with its phase or report.
        name: String,
        /// Reads on from the name.
        reason: String,
    },
    /// The port is not free.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port that was asked for; 0 for any.
        port: u16,
        /// The error of the system.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
}

impl SimulatorError {
    /// Advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownSwitch {
                nearest: Some(nearest), ..
            } => Some(format!("did you mean `{nearest}`?")),
            Self::UnknownSwitch { nearest: None, .. } | Self::BadSwitch { .. } => {
                Some("`host simulate --scenario help` lists the switches".to_owned())
            }
            Self::Listen { .. } => Some("choose another port, or 0 for a free one".to_owned()),
            Self::Certificate(_) => None,
        }
    }

    /// True where the user typed it wrong.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Certificate(_))
    }
}

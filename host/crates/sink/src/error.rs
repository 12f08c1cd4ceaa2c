//! The errors of a sink.

use base::{ErrorKind, SetupError, counted::counted};
use std::{io, path::PathBuf};

use remote::RemoteError;
use sandbox::PluginError;

/// The reason why a sink does not take events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The reader of the output has closed it.
    #[error("the output was closed by its reader")]
    Closed,
    /// The specification names no sink.
    #[error("{spec:?} names no sink: {problem}")]
    Spec {
        /// The text that was typed.
        spec: String,
        /// The problem with the text.
        problem: &'static str,
    },
    /// A path has a placeholder that does not exist.
    #[error("unknown placeholder {{{placeholder}}} in {template:?}")]
    Placeholder {
        /// The path as typed.
        template: String,
        /// The name between the braces.
        placeholder: String,
    },
    /// The target cannot be written as a file.
    #[error("cannot write {}: {problem}", path.display())]
    Target {
        /// The file's path.
        path: PathBuf,
        /// The thing that is there instead.
        problem: &'static str,
        /// The advice for the user.
        hint: &'static str,
    },
    /// The system refused to create the file.
    #[error("cannot create {}", path.display())]
    Create {
        /// The file's path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A write failed.
    #[error("cannot write to sink {sink}")]
    Write {
        /// The sink's name.
        sink: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The connection to the receiver is configured wrongly.
    #[error("sink {sink} cannot be used")]
    Remote {
        /// The sink's name.
        sink: String,
        /// The problem.
        source: Box<RemoteError>,
    },
    /// The sink is configured wrongly, or its receiver refuses to serve it.
    #[error("sink {sink} cannot be used: {problem}")]
    Unusable {
        /// The sink's name.
        sink: String,
        /// The problem.
        problem: String,
        /// The advice for the user.
        hint: Option<String>,
    },
    /// The sink's plugin cannot be opened.
    #[error("sink {sink} cannot be used")]
    Plugin {
        /// The sink's name.
        sink: String,
        /// The plugin's error.
        source: Box<PluginError>,
    },
    /// The sink's progress cannot be kept.
    #[error("sink {sink} cannot keep its progress")]
    Journal {
        /// The sink's name.
        sink: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The receiver did not come back in time, and its events wait for another run.
    #[error("the receiver is down: {reason}")]
    Down {
        /// The failure of the last attempt, in one line.
        reason: String,
        /// The events of the batch that waits.
        events: usize,
    },
    /// The receiver takes nothing until somebody changes something, and its events wait for another run.
    #[error("it cannot be used: {reason}")]
    Shut {
        /// The receiver's words, in one line.
        reason: String,
    },
    /// A call came after the sink was closed, aborted or had failed.
    #[error("sink {sink} was closed by an earlier failure and accepts no more events")]
    Ended {
        /// The sink's name.
        sink: String,
    },
}

impl SinkError {
    /// A failed write; a broken pipe is [`SinkError::Closed`].
    pub(crate) fn write(sink: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe => SinkError::Closed,
            _ => SinkError::Write {
                sink: sink.to_owned(),
                source,
            },
        }
    }

    /// An error of the network as what ends a call to the sink of that name.
    pub(crate) fn remote(sink: &str, source: RemoteError) -> Self {
        SinkError::Remote {
            sink: sink.to_owned(),
            source: Box::new(source),
        }
    }

    /// The kind of the error, which decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            SinkError::Closed => ErrorKind::Closed,
            SinkError::Spec { .. }
            | SinkError::Placeholder { .. }
            | SinkError::Target { .. }
            | SinkError::Create { .. } => ErrorKind::Usage,
            SinkError::Remote { source, .. } => match source.kind() {
                ErrorKind::Usage => ErrorKind::Usage,
                _ => ErrorKind::Delivery,
            },
            SinkError::Plugin { .. } => ErrorKind::Plugin,
            SinkError::Unusable { .. }
            | SinkError::Write { .. }
            | SinkError::Journal { .. }
            | SinkError::Down { .. }
            | SinkError::Shut { .. }
            | SinkError::Ended { .. } => ErrorKind::Delivery,
        }
    }

    /// True if the sink's events wait for another run, which delivers them.
    pub fn leaves_events_waiting(&self) -> bool {
        matches!(self, SinkError::Down { .. } | SinkError::Shut { .. })
    }

    /// The message in this program's own words: nothing that a receiver or a plugin says.
    pub fn own_words(&self) -> String {
        match self {
            SinkError::Spec { problem, .. } => format!("what was typed names no sink: {problem}"),
            SinkError::Placeholder { .. } => "unknown placeholder in the path of a sink".to_owned(),
            SinkError::Target { problem, .. } => format!("cannot write the file: {problem}"),
            SinkError::Create { source, .. } => format!("cannot create the file: {}", source.kind()),
            SinkError::Write { sink, source } => format!("cannot write to sink {sink}: {}", source.kind()),
            SinkError::Remote { sink, source } => format!("sink {sink} cannot be used: {}", source.own_words()),
            SinkError::Plugin { sink, source } => format!("sink {sink} cannot be used: {}", source.own_words()),
            SinkError::Unusable { sink, .. } => format!("sink {sink} cannot be used"),
            SinkError::Down { .. } => "the receiver is down".to_owned(),
            SinkError::Shut { .. } => "it cannot be used".to_owned(),
            SinkError::Closed | SinkError::Journal { .. } | SinkError::Ended { .. } => self.to_string(),
        }
    }

    /// The advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            SinkError::Closed | SinkError::Journal { .. } | SinkError::Ended { .. } => None,
            SinkError::Remote { source, .. } => source.hint(),
            SinkError::Plugin { source, .. } => source.hint(),
            SinkError::Unusable { hint, .. } => hint.clone(),
            SinkError::Down { events, .. } => Some(format!(
                "nothing is lost: at least {} waiting, and the next run delivers them once it is back",
                counted(events, "event is", "events are")
            )),
            SinkError::Shut { .. } => Some(
                "nothing is lost: the events wait; fix the credential, the address or what else it names, and the next run \
                 delivers them"
                    .into(),
            ),
            SinkError::Spec { .. } => Some(
                "write stdout, file:PATH, the name of a sink in the configuration, or the path of a .wasm sink".into(),
            ),
            SinkError::Placeholder { .. } => Some("only {report}, {connection} and {date} are filled in".into()),
            SinkError::Target { hint, .. } => Some((*hint).into()),
            SinkError::Create { source, .. } | SinkError::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some("free space on the device".into()),
                io::ErrorKind::InvalidFilename => Some("choose a shorter path: a name has at most 255 bytes".into()),
                io::ErrorKind::FileTooLarge => Some("raise the limit on file sizes (`ulimit -f`)".into()),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    Some("choose a folder that you may write to".into())
                }
                _ => None,
            },
        }
    }
}

impl From<SinkError> for SetupError {
    fn from(error: SinkError) -> Self {
        SetupError::told(error.kind(), &error, error.hint())
    }
}

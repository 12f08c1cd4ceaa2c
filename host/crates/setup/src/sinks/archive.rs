//! The objects of a configured sink, to be read back.

#[cfg(feature = "object-store")]
use super::program::Program;
use crate::SetupError;
use crate::config::Config;
#[cfg(feature = "object-store")]
use crate::config::SinkKind;
#[cfg(feature = "object-store")]
use sink::kinds::object_store::ObjectArchive;

/// The place that the sink of that name writes objects to; none where no such sink is configured. Blocks where a secret has to be
/// read; asks nothing.
///
/// # Errors
///
/// Where the sink is of another kind, or cannot be used as it is configured.
#[cfg(feature = "object-store")]
pub fn archive(config: &Config, name: &str) -> Result<Option<ObjectArchive>, SetupError> {
    let Some(set) = config.sinks.get(name) else {
        return Ok(None);
    };
    let SinkKind::ObjectStore(keys) = &set.kind else {
        return Err(of_another_kind(config, name));
    };
    let opened = keys.archive(&Program { config }.sink(name));
    opened
        .map(Some)
        .map_err(|failure| failure.read_from(config.file.path.as_deref()))
}

/// The error about a sink whose files are named by their paths.
fn of_another_kind(config: &Config, name: &str) -> SetupError {
    SetupError::usage(format!("{}: this sink writes no objects", config.place(&["sinks", name])))
        .hint("name files by a path, such as --from-archive 'archive/**/*.ndjson'; one in a folder of that name begins with ./")
}

/// Refuses the name of a sink: this build reads no objects.
///
/// # Errors
///
/// Where a sink of that name is configured.
#[cfg(not(feature = "object-store"))]
pub fn refuse_archive(config: &Config, name: &str) -> Result<(), SetupError> {
    match config.sinks.contains_key(name) {
        true => Err(of_another_kind(config, name)),
        false => Ok(()),
    }
}

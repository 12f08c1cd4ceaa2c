//! Commands that this build was made without: they are known, and say which feature has them.

use crate::error::CliError;

/// In the place of `host demo` and `host simulate`.
#[cfg(not(feature = "simulator"))]
pub fn the_simulator() -> CliError {
    lacking("the simulator", "simulator")
}

/// In the place of `host plugin new`, `build`, `test` and `check`.
#[cfg(not(feature = "workshop"))]
pub fn the_workshop() -> CliError {
    lacking("the plugin workshop", "workshop")
}

fn lacking(what: &str, feature: &str) -> CliError {
    CliError::usage(format!(
        "this build of host lacks {what}: build it with the feature `{feature}`"
    ))
}

//! What was found: one [`Finding`] a check.

use std::path::PathBuf;

use sandbox::PluginError;

/// The outcome of one check.
#[derive(Debug)]
pub struct Finding {
    /// What was checked, in a few words.
    pub name: String,
    /// How it went.
    pub found: CheckOutcome,
}

/// How a check went.
#[derive(Debug)]
pub enum CheckOutcome {
    /// As it should, with what there is to say about it.
    Ok(String),
    /// It failed.
    Failed {
        /// What happened; may have several lines.
        what: String,
        /// What to do.
        hint: String,
    },
    /// There was nothing to check it by.
    Skipped(String),
    /// The expected file was written anew.
    Blessed(PathBuf),
}

/// A failed check: what happened, and what to do.
pub(super) type Failed = (String, String);

impl Finding {
    pub(super) fn new(name: impl Into<String>, result: Result<CheckOutcome, Failed>) -> Finding {
        Finding {
            name: name.into(),
            found: result.unwrap_or_else(|(what, hint)| CheckOutcome::Failed { what, hint }),
        }
    }

    /// Whether it failed.
    pub fn failed(&self) -> bool {
        matches!(self.found, CheckOutcome::Failed { .. })
    }
}

/// It went as it should, and there is nothing to add.
pub(super) fn fine() -> Result<CheckOutcome, Failed> {
    Ok(CheckOutcome::Ok(String::new()))
}

/// It did not.
pub(super) fn failed<T>(what: impl Into<String>, hint: impl Into<String>) -> Result<T, Failed> {
    Err((what.into(), hint.into()))
}

/// The plugin failed where it must not, whatever it is given.
pub(super) fn crashed(what: &str) -> impl Fn(PluginError) -> Failed + '_ {
    move |error| {
        let hint = error.hint().unwrap_or_default();
        let hint = match error {
            PluginError::Trap { .. } => {
                "no input may end the plugin: answer with a fault, a reject or a refusal; `host plugin build --debug` and \
                 `host plugin test -v` show what a Python plugin prints"
                    .to_owned()
            }
            _ => hint,
        };
        (format!("{what}: {error}"), hint)
    }
}

//! The findings of checks: one [`Finding`] a check.

use std::path::PathBuf;

use sandbox::PluginError;

/// A check and its outcome.
#[derive(Debug)]
pub struct Finding {
    /// The check, in a few words.
    pub name: String,
    /// The outcome.
    pub found: CheckOutcome,
}

/// The outcome of a check.
#[derive(Debug)]
pub enum CheckOutcome {
    /// The check passed; with what there is to say about it.
    Ok(String),
    /// The check failed.
    Failed {
        /// The failure in words; may have several lines.
        what: String,
        /// Advice for the plugin's author.
        hint: String,
    },
    /// Nothing was there to check the rule by.
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

    /// True where the check failed.
    pub fn failed(&self) -> bool {
        matches!(self.found, CheckOutcome::Failed { .. })
    }
}

/// A check that passed, with nothing to add.
pub(super) fn fine() -> Result<CheckOutcome, Failed> {
    Ok(CheckOutcome::Ok(String::new()))
}

/// A check that failed.
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

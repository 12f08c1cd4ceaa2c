//! The summaries of several runs: a JSON line each, in one place.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::{RunAccount, SummaryTarget};
use crate::error::{CliError, Exit};
use crate::render::screen;

/// The summaries of runs that are carried out side by side. To stderr each comes as its run ends; a file takes its name once all have
/// ended.
#[derive(Clone)]
pub struct SummaryLines {
    /// Taken by whoever writes; none where nobody asked for summaries, or they go to stderr.
    target: Arc<Mutex<Option<SummaryTarget>>>,
    to_stderr: bool,
    /// The runs, in the order of their streams in the configuration as far as they have begun.
    accounts: Arc<Mutex<Vec<RunAccount>>>,
}

impl SummaryLines {
    /// Opens the lines that `--summary` asks for, if it does. What a file holds stays until there are new ones.
    ///
    /// # Errors
    ///
    /// Where what it names cannot be written.
    pub fn open(named: Option<&str>) -> Result<SummaryLines, CliError> {
        let (target, to_stderr) = match named.map(SummaryTarget::open).transpose()? {
            Some(SummaryTarget::Stderr) => (None, true),
            target => (target, false),
        };
        Ok(SummaryLines {
            target: Arc::new(Mutex::new(target)),
            to_stderr,
            accounts: Arc::default(),
        })
    }

    /// Takes in a run that begins.
    pub fn add(&self, account: &RunAccount) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.push(account.clone());
    }

    /// Prints the line of a run that has ended, where that goes to stderr.
    pub fn ended(&self, account: &RunAccount) {
        if self.to_stderr
            && let Ok(line) = account.line()
        {
            // There is nobody to tell where stderr is closed.
            let _ = screen::Stderr.write_all(line.as_bytes());
        }
    }

    /// Writes the file, where there is to be one: once.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn write(&self) -> Result<(), CliError> {
        let Some(target) = self.target.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Result<String, _> = accounts.iter().map(RunAccount::line).collect();
        let lines = lines.map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
        target.write(&lines)
    }
}

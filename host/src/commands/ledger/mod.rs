//! `host ledger`.

pub mod changes;
mod listing;
pub mod look;

use crate::args::LedgerCommand;
use crate::error::CliError;

/// Carries out a subcommand.
pub async fn run(command: &LedgerCommand) -> Result<(), CliError> {
    match command {
        LedgerCommand::List { file, json } => listing::list(file, *json).await,
        LedgerCommand::Show { stream } => listing::show(stream).await,
        LedgerCommand::Reset(args) => changes::reset(args).await,
        LedgerCommand::Rewind(args) => changes::rewind(args).await,
        LedgerCommand::Rename(args) => changes::rename(args).await,
        LedgerCommand::Check { file } => listing::check(file).await,
        LedgerCommand::Adopt { stream } => changes::adopt(stream).await,
    }
}

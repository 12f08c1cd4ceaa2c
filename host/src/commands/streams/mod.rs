//! `host streams`: what is configured, how far each stream is, and changes of one by hand.

mod changes;
mod health;
mod listing;
mod places;

use super::ledger;
use crate::args::{StreamsArgs, StreamsCommand};
use crate::error::CliError;

/// Carries out a subcommand, or lists the streams.
pub async fn run(args: &StreamsArgs) -> Result<(), CliError> {
    match &args.command {
        None => listing::list(args).await,
        Some(StreamsCommand::Retire(args)) => changes::retire(args).await,
        Some(StreamsCommand::Rename(args)) => changes::rename(args).await,
        Some(StreamsCommand::Adopt(args)) => changes::adopt(args).await,
        Some(StreamsCommand::Rewind(args)) => ledger::changes::rewind(args).await,
        Some(StreamsCommand::Drop(args)) => changes::drop_sink(args).await,
    }
}

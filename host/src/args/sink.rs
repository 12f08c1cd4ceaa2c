//! Sinks: looking at them.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use clap::Subcommand;

use super::configuration::ConfigFile;

/// `host sink`.
#[derive(Debug, Subcommand)]
pub enum SinkSubcommand {
    /// List the sinks that --sink understands, and the configured ones.
    #[command(after_help = "Examples:\n  host sink list --config host.toml\n  host sink list --json | jq -r .name")]
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        config: ConfigFile,
    },
}

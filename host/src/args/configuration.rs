//! Where the configuration stands, and what is asked about it.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Where the configuration stands.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigFile {
    /// The configuration [default: $HOST_CONFIG, ./host.toml, $XDG_CONFIG_HOME/host/host.toml].
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
}

/// `host check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  host check\n  host check epm archive")]
pub struct CheckArgs {
    /// Names of connections and sinks [default: all].
    pub names: Vec<String>,
    /// The clock, for tests.
    #[arg(long, value_name = "TIME", hide = true, env = "HOST_NOW", hide_env = true)]
    pub now: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host login`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  host login epm")]
pub struct LoginArgs {
    /// A connection whose auth is of kind oauth2-refresh-token.
    pub connection: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the JSON Schema of host.toml, for editors.
    #[command(after_help = "Example:\n  host config schema > host.schema.json")]
    Schema,
    /// Read the configuration and say what is wrong with it; secrets are not read.
    #[command(after_help = "Example:\n  host config check --config host.toml")]
    Check {
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        config: ConfigFile,
    },
}

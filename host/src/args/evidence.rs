//! Documents that were kept as evidence.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::configuration::ConfigFile;

/// `host evidence`.
#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Compute all digests again, and walk the chain of manifests.
    #[command(after_help = VERIFY)]
    Verify(VerifyEvidenceArgs),
}

/// The text below the options of `host evidence verify`.
const VERIFY: &str = "Examples:
  host evidence verify
  host evidence verify /srv/evidence --json

Exit 0 only if every document and every line is as it was written; exit 8 if any is missing, altered, extra or unfinished, or the chain is \
broken or forked. The last digest stands for everything before it: note it elsewhere, and give it with --has later. Runs may be under way \
meanwhile.";

/// `host evidence verify`.
#[derive(Debug, Args)]
pub struct VerifyEvidenceArgs {
    /// A folder of evidence [default: the place of [evidence] in the configuration].
    pub path: Option<PathBuf>,
    /// A digest that was noted elsewhere: a line must have it.
    #[arg(long, value_name = "DIGEST")]
    pub has: Option<String>,
    /// The digest of the last line that is no longer kept, where the oldest were removed on purpose.
    #[arg(long, value_name = "DIGEST")]
    pub after: Option<String>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

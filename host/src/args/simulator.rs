//! The local stand-in for the servers, and the demo against it.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use std::path::PathBuf;

use clap::Args;

use super::rendering::RenderingArgs;

/// `host demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host demo | jq -r .user.name | sort | uniq -c
  host demo --slow        # kill it, and run it again

With --slow, events go to files, and stdout shows what these hold once every report is done: events, those that are there \
twice, and the jobs that the server was asked for. The simulator is a process of its own for 15 minutes at most.")]
pub struct DemoArgs {
    /// Let jobs take ten seconds and save progress: after any kill, the same command continues.
    #[arg(long, conflicts_with_all = ["encoding", "format"])]
    pub slow: bool,
    /// The clock, for tests.
    #[arg(long, value_name = "TIME", hide = true, requires = "slow")]
    pub now: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rendering: RenderingArgs,
}

/// `host simulate`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  host simulate --port 8080 &
  HOST_SECRET=demo-password host run invalid-login --since 7d \\
    --url http://127.0.0.1:8080 --allow-private-addresses \\
    --auth basic:demo.user")]
pub struct SimulateArgs {
    /// The port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Serve https with a certificate made for this run; its authority is written to --ca-file.
    #[arg(long)]
    pub tls: bool,
    /// Where to write the authority that signed the certificate.
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub ca_file: Option<PathBuf>,
    /// Stop after this time, such as 15m [default: run until interrupted].
    #[arg(long = "for", value_name = "DURATION")]
    pub lifetime: Option<String>,
    /// How to misbehave: NAME or NAME=VALUE, with commas between them; may be repeated. `--scenario help` lists the names.
    #[arg(long = "scenario", value_name = "NAME[=VALUE]")]
    pub scenarios: Vec<String>,
}

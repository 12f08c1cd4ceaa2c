//! Plugins: looking at them, and making them.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::configuration::ConfigFile;
use sandbox::PluginKind;

/// `host plugin`.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// List the built-in and the configured plugins.
    #[command(after_help = "Examples:\n  host plugin list\n  host plugin list --json | jq -r .name")]
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        config: ConfigFile,
    },
    /// Show what a plugin is, what it imports, its parameters and limits.
    #[command(after_help = "Examples:\n  host plugin inspect invalid-login\n  host plugin inspect ./mine.wasm --json")]
    Inspect {
        /// A built-in name, a name under [plugins], or a path.
        plugin: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        config: ConfigFile,
    },
    /// Start a new plugin in Rust, Python or JavaScript.
    New(NewArgs),
    /// Build a plugin's component.
    Build(BuildArgs),
    /// Run a plugin's cases in the sandbox, and what any plugin must do.
    Test(TestArgs),
    /// Say whether a component fits this host, and why not.
    Check(CheckPluginArgs),
}

/// `host plugin new`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  host plugin new sink hello --lang python
  cd hello
  host plugin build && host plugin test
  host run user-login --since 1d --sink ./hello.wasm")]
pub struct NewArgs {
    /// The kind of plugin.
    #[arg(value_enum)]
    pub kind: NewKind,
    /// Its name, lower-case words joined by hyphens; the folder is named so too.
    pub name: String,
    /// The language to write it in.
    #[arg(long, value_enum, default_value_t = Lang::Rust, value_name = "LANGUAGE")]
    pub lang: Lang,
}

/// What a new plugin shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NewKind {
    /// Says what to fetch, and turns it into events.
    Report,
    /// Says what to send for events.
    Sink,
}

impl From<NewKind> for PluginKind {
    fn from(kind: NewKind) -> Self {
        match kind {
            NewKind::Report => PluginKind::Report,
            NewKind::Sink => PluginKind::Sink,
        }
    }
}

/// The languages that there are templates for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// Small and fast; needs cargo.
    Rust,
    /// Needs componentize-py.
    Python,
    /// Needs Node.js.
    #[value(name = "javascript", alias = "js")]
    JavaScript,
}

/// `host plugin build`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host plugin build
  host plugin build ~/plugins/hello -v")]
pub struct BuildArgs {
    /// The project's folder.
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,
    /// Leave WASI in, so that `host plugin test -v` shows what a Python plugin writes to stderr, and its tracebacks.
    #[arg(long)]
    pub debug: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host plugin test`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host plugin test
  host plugin test --watch
  host plugin test --case two-events --bless
  host plugin test plugins/user-login --component user-login

Prints a line for each check; exits with 6 where one failed.")]
pub struct TestArgs {
    /// The project's folder.
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,
    /// Only that case of tests/.
    #[arg(long, value_name = "NAME")]
    pub case: Option<String>,
    /// Accept the actual output as the expected one; review the difference before you commit it.
    #[arg(long)]
    pub bless: bool,
    /// Do it again whenever a file changes.
    #[arg(long)]
    pub watch: bool,
    /// Test this plugin against the folder's cases, and build nothing.
    #[arg(long, value_name = "PLUGIN")]
    pub component: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host plugin check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host plugin check ./hello.wasm
  host plugin check invalid-login

Prints a line for each finding; exits with 6 where one failed.")]
pub struct CheckPluginArgs {
    /// A path, a built-in name, or a name under [plugins].
    pub plugin: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

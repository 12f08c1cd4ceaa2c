//! How events are written to stdout and files.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use clap::Args;

use event::Encoding;
use setup::sinks::Presentation;
use sink::Format;

/// How events are written to stdout and files.
#[derive(Debug, Clone, Args)]
pub struct RenderingArgs {
    /// The shape of an event: OCSF 1.8.0, ECS, or the flat event [default: ocsf].
    #[arg(long, value_enum, value_name = "ENCODING")]
    pub encoding: Option<Encoding>,
    /// How events are laid out [default: what a file's name ends in (.csv, .parquet), on a terminal table, else ndjson].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
}

impl RenderingArgs {
    /// The same for those who open sinks.
    pub fn presentation(&self) -> Presentation {
        Presentation {
            encoding: self.encoding,
            format: self.format,
        }
    }
}

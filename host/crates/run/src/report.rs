//! The questions of a run to a report plugin: what to fetch, and what the documents say.

use event::{Batch, Event};
use sandbox::{PluginError, ReportPlugin, Usage};

/// A report: plans fetches and reads the documents that come of them. Calls block, and may take as long as a plugin may run.
pub trait Report: Send + Sync {
    /// The fetches for a request, in the order of the events. The same request gives the same plan.
    ///
    /// # Errors
    ///
    /// Where the plugin refuses the request, or plans what it may not.
    fn plan(&self, request: &sandbox::Request) -> Result<Vec<sandbox::Fetch>, PluginError>;

    /// Opens a parser for one document. Parsers share nothing.
    ///
    /// # Errors
    ///
    /// Where the plugin cannot be started.
    fn parser(&self, document: sandbox::Document) -> Result<Box<dyn DocumentParser>, PluginError>;
}

/// Reads one document, chunk by chunk. Calls block.
pub trait DocumentParser: Send {
    /// Takes events that nobody needs any more; those of the next answer may come in their place.
    fn reuse(&mut self, _events: Vec<Event>) {}

    /// Takes the next bytes of the document, and answers with what they complete.
    ///
    /// # Errors
    ///
    /// Where the plugin fails, or cannot read the document.
    fn push(&mut self, chunk: &[u8]) -> Result<Batch, PluginError>;

    /// Takes the end of the document.
    ///
    /// # Errors
    ///
    /// As [`push`](DocumentParser::push).
    fn finish(&mut self) -> Result<Batch, PluginError>;

    /// The parser's use of time and memory so far.
    fn usage(&self) -> Usage {
        Usage::default()
    }
}

impl Report for ReportPlugin {
    fn plan(&self, request: &sandbox::Request) -> Result<Vec<sandbox::Fetch>, PluginError> {
        // A plugin counts what its plans use, and nobody asks a run for that. Clones share everything else.
        ReportPlugin::plan(&mut self.clone(), request)
    }

    fn parser(&self, document: sandbox::Document) -> Result<Box<dyn DocumentParser>, PluginError> {
        Ok(Box::new(ReportPlugin::parser(self, document)?))
    }
}

impl DocumentParser for sandbox::Parser {
    fn reuse(&mut self, events: Vec<Event>) {
        sandbox::Parser::reuse(self, events);
    }

    fn push(&mut self, chunk: &[u8]) -> Result<Batch, PluginError> {
        sandbox::Parser::push(self, chunk)
    }

    fn finish(&mut self) -> Result<Batch, PluginError> {
        sandbox::Parser::finish(self)
    }

    fn usage(&self) -> Usage {
        sandbox::Parser::usage(self)
    }
}

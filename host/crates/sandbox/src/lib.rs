//! The sandbox: WebAssembly engine, limits, load and inspect, and the typed face of `wit/`. Knows no HTTP.
//!
//! A [`Sandbox`] is an engine with [`PluginLimits`]. It loads bytes as a [`Plugin`], which [`Plugin::inspect`] describes, and
//! which is either a [`ReportPlugin`] or a [`SinkPlugin`]. A report plugin plans what to fetch and opens a [`Parser`]
//! for each document; a sink plugin opens an [`Encoder`]. Every `plan` and every parser or encoder has an instance of
//! its own, so none sees what another did, and several may run at once.
//!
//! ```
//! use built_in::built_in;
//! use sandbox::{PluginLimits, Sandbox};
//!
//! let sandbox = Sandbox::new(PluginLimits::default(), None)?;
//! let plugin = sandbox.load(built_in("invalid-login").unwrap(), "invalid-login")?;
//! assert!(plugin.inspect().imports.is_empty());
//! assert_eq!(plugin.report()?.describe()?.name, "invalid-login");
//! # Ok::<(), sandbox::PluginError>(())
//! ```
//!
//! A guest that goes over a limit, crashes or answers nonsense ends with a [`PluginError`] that says which; its store is
//! dropped without another call into it. What a guest asks the host to send is checked in one place before anyone
//! sees it, see [`ReportPlugin::plan`]; what it may ask for at all, its [`Grants`] say.

mod apart;
mod balance;
#[allow(missing_docs, dead_code, unsafe_code, clippy::all)]
mod bindings;
mod cache;
mod call_context;
mod compile;
mod convert;
mod describe;
mod error;
mod fit;
#[doc(hidden)]
pub mod fuzz;
pub mod grants;
mod guest;
mod inspect;
mod kind;
mod limits;
mod loaded;
mod offer;
mod parser_answer;
mod plan;
mod plugin;
mod plugin_context;
mod quoting;
mod report;
mod sandbox;
mod schema;
mod sink;
mod sink_instance;
mod ticker;
mod unpack;
mod v0_1;
mod wasi;
mod wasi_stub;
mod wrap;

pub use apart::{ARGUMENT, compile_stdin, this_program};
pub use bindings::settlement::{Guarantee, Partition, Postponement, Question, Settlement};
pub use bindings::sink::{
    Delivery, Description as SinkDescription, Input, Item, ItemRejection, JsonItem, Payload, Verdict,
};
pub use bindings::{
    Body, BodyToken, Call, ConnectionKind, Deprecation, Description, Document, Fault, FaultKind, Fetch, Granularity,
    HttpRequest, HttpResponse, Job, MemberPath, Method, Pages, Paging, Parameter, Product, Request, Window,
};
pub use cache::digest;
pub use error::{FaultOrigin, PluginError};
pub use grants::{Grant, Grants};
pub use inspect::Inspection;
pub use kind::PluginKind;
pub use limits::{PluginLimits, Usage};
pub use offer::WIT;
pub use plugin::Plugin;
pub use quoting::Quoting;
pub use report::{Parser, ReportPlugin};
pub use sandbox::Sandbox;
pub use schema::ConfigMistake;
pub use sink::{Encoder, SinkPlugin};

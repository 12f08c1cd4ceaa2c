//! The library that a plugin author writes against.
//!
//! A report plugin implements [`Report`] and [`Parse`], and names itself in [`export_report!`]:
//!
//! ```
//! use plugin_sdk::*;
//!
//! struct Logons;
//!
//! impl Report for Logons {
//!     type Parser = Lines;
//!     fn describe() -> Description {
//!         Description {
//!             name: "logons".into(),
//!             version: env!("CARGO_PKG_VERSION").into(),
//!             summary: "One login name a line".into(),
//!             connection: ConnectionKind::Epm,
//!             source: Product::oracle_epm_cloud(),
//!             requests: vec![],
//!             granularity: Granularity::Day,
//!             retention_days: None,
//!             window_days: None,
//!             parameters: vec![],
//!             deprecation: None,
//!         }
//!     }
//!     fn plan(_request: Request) -> Result<Vec<Fetch>, Fault> {
//!         let request = HttpRequest::get(["logons.txt"]);
//!         Ok(vec![Fetch::Call(Call::new(request))])
//!     }
//!     fn parser(_document: Document) -> Result<Lines, Fault> {
//!         Ok(Lines::default())
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Lines { partial: Vec<u8> }
//!
//! impl Parse for Lines {
//!     fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
//!         for &byte in chunk {
//!             match byte {
//!                 b'\n' => self.finish(batch)?,
//!                 byte => self.partial.push(byte),
//!             }
//!         }
//!         Ok(())
//!     }
//!     fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
//!         let line = std::mem::take(&mut self.partial);
//!         if !line.is_empty() {
//!             let name = String::from_utf8_lossy(&line);
//!             batch.push(Event::new(0, Activity::Logon, Outcome::Success, Principal::named(name)));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! export_report!(Logons);
//! # fn main() {}
//! ```
//!
//! Readers for the shapes that reports come in: [`table`] for comma-separated values, [`json_lines`] for JSON records,
//! [`time`] for the ways to write a time, and [`access`] for rows that say who came from where and when. For plans there
//! are [`window`], where a report is asked for by the day, [`scim`], where it is a query, and [`parameters`].
//!
//! An [`Event`] borrows its texts from the document where it can. What is in a [`Batch`] no longer does.
//!
//! A sink plugin implements [`Sink`], and names itself in [`export_sink!`]; the example stands there. [`answer`] reads
//! what receivers say.
//!
//! Plugins are pure: no clock, network, file or environment. What they need stands in their arguments.

#![deny(missing_docs)]

pub mod access;
pub mod address;
pub mod answer;
mod batch;
mod build;
mod event;
#[cfg(feature = "golden")]
pub mod golden;
mod header;
mod held;
pub mod json_lines;
mod marks;
mod nothing;
pub mod parameters;
mod plain;
pub mod scim;
pub mod sink;
pub mod table;
pub mod time;
mod unpack;
pub mod window;

#[doc(hidden)]
#[allow(missing_docs, unsafe_code, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "packed-report-plugin",
        pub_export_macro: true,
        export_macro_name: "export_bindings",
        default_bindings_module: "plugin_sdk::bindings",
        generate_all,
        additional_derives: [PartialEq],
    });
}

// A component exports one of the two worlds; the types that both speak of are the ones above.
#[doc(hidden)]
#[allow(missing_docs, unsafe_code, clippy::all)]
pub mod sink_bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "settling-sink-plugin",
        pub_export_macro: true,
        export_macro_name: "export_sink_bindings",
        default_bindings_module: "plugin_sdk::sink_bindings",
        with: {
            "audit:plugin/events@0.2.0": crate::bindings::audit::plugin::events,
            "audit:plugin/http@0.2.0": crate::bindings::audit::plugin::http,
        },
        additional_derives: [PartialEq],
    });
}

pub use batch::Batch;
pub use bindings::audit::plugin::events::{Activity, Fault, FaultKind, Outcome, PrincipalKind, Reject, Timestamp};
pub use bindings::audit::plugin::http::{Body, HttpRequest, HttpResponse, Method};
pub use bindings::exports::audit::plugin::report::{
    BodyToken, Call, ConnectionKind, Deprecation, Description, Document, Fetch, Granularity, Job, MemberPath, Pages,
    Paging, Parameter, Product, Request, Window,
};
pub use event::{Event, Principal};
pub use sink::{Sink, config};
pub use sink_bindings::exports::audit::plugin::settlement::{Guarantee, Partition, Postponement, Question, Settlement};
pub use sink_bindings::exports::audit::plugin::sink::{
    Delivery, Description as SinkDescription, Input, Item, ItemRejection, JsonItem, Payload, Verdict,
};
pub use unpack::Events;

/// A report: says what to fetch, and opens a parser for each document that came of it.
pub trait Report: 'static {
    /// Reads one document.
    type Parser: Parse;
    /// The description of the report; the same at every call.
    fn describe() -> Description;
    /// The plan: what to fetch for a request.
    fn plan(request: Request) -> Result<Vec<Fetch>, Fault>;
    /// Opens a parser for one document.
    fn parser(document: Document) -> Result<Self::Parser, Fault>;
}

/// Reads one document, chunk by chunk.
pub trait Parse: 'static {
    /// Takes the next bytes and appends what they complete to `batch`.
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault>;
    /// Takes note that the document is complete.
    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault>;
}

/// The glue between the traits and the bindings.
#[doc(hidden)]
pub mod glue {
    use super::*;
    use crate::bindings::audit::plugin::events;
    use crate::bindings::exports::audit::plugin::{packed, report};
    pub use event_codec::Room;
    use std::cell::RefCell;
    use std::marker::PhantomData;

    pub struct ReportComponent<R>(PhantomData<R>);

    impl<R: Report> report::Guest for ReportComponent<R> {
        type Parser = ParserResource<R>;
        fn describe() -> Description {
            R::describe()
        }
        fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
            R::plan(request)
        }
    }

    impl<R: Report> packed::Guest for ReportComponent<R> {
        fn push(parser: report::ParserBorrow<'_>, chunk: Vec<u8>) -> Result<packed::Batch, Fault> {
            parser
                .get::<ParserResource<R>>()
                .with(|parser, batch| parser.push(&chunk, batch))
                .map(Into::into)
        }
        fn finish(parser: report::ParserBorrow<'_>) -> Result<packed::Batch, Fault> {
            parser
                .get::<ParserResource<R>>()
                .with(|parser, batch| parser.finish(batch))
                .map(Into::into)
        }
    }

    /// A parser that could not be opened answers every call with the fault: a constructor cannot fail.
    pub struct ParserResource<R: Report>(RefCell<(Result<R::Parser, Fault>, Room)>);

    impl<R: Report> ParserResource<R> {
        fn with(&self, call: impl FnOnce(&mut R::Parser, &mut Batch) -> Result<(), Fault>) -> Result<Batch, Fault> {
            let (parser, room) = &mut *self.0.borrow_mut();
            match parser {
                Ok(parser) => {
                    let mut batch = Batch::with_room(*room);
                    call(parser, &mut batch)?;
                    *room = batch.room();
                    Ok(batch)
                }
                Err(fault) => Err(fault.clone()),
            }
        }
    }

    impl<R: Report> report::GuestParser for ParserResource<R> {
        fn new(document: Document) -> Self {
            ParserResource(RefCell::new((R::parser(document), Room::default())))
        }
        fn push(&self, chunk: Vec<u8>) -> Result<events::Batch, Fault> {
            self.with(|parser, batch| parser.push(&chunk, batch)).map(typed)
        }
        fn finish(&self) -> Result<events::Batch, Fault> {
            self.with(|parser, batch| parser.finish(batch)).map(typed)
        }
    }

    fn typed(batch: Batch) -> events::Batch {
        events::Batch {
            events: batch.events().map(Into::into).collect(),
            rejects: batch.rejects,
        }
    }
}

/// Makes a [`Report`] the component's export. Once in a crate; does nothing in a native build, so that tests and
/// benchmarks can link several plugins.
#[macro_export]
macro_rules! export_report {
    ($report:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::glue::ReportComponent<$report>;
    $crate::bindings::export_bindings!(Exported with_types_in $crate::bindings);
        };
    };
}

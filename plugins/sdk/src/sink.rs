//! The sink's side: the trait, and the glue that makes it a component's export.

pub use crate::bindings::audit::plugin::events::{Event, Principal};
use crate::{Delivery, Fault, Guarantee, HttpResponse, Payload, Settlement, SinkDescription, Verdict};
use serde_core::de::DeserializeOwned;

/// A sink: says what to send for events, and how to read the answers. The host sends, retries and keeps count.
///
/// ```
/// use plugin_sdk::*;
///
/// struct Lines;
///
/// impl Sink for Lines {
///     fn describe() -> SinkDescription {
///         SinkDescription {
///             name: "lines".into(),
///             version: env!("CARGO_PKG_VERSION").into(),
///             summary: "Login names, one a line".into(),
///             config_schema: r#"{"type": "object", "additionalProperties": false}"#.into(),
///             input: Input::Events,
///             batch_events: None,
///             batch_bytes: None,
///         }
///     }
///     fn open(_config: &str) -> Result<Self, Fault> {
///         Ok(Lines)
///     }
///     fn encode(&mut self, payload: Payload) -> Result<Vec<Delivery>, Fault> {
///         let names = payload.events()?.into_iter().map(|item| item.event.subject.name + "\n");
///         Ok(vec![Delivery::Bytes(names.collect::<String>().into_bytes())])
///     }
/// }
///
/// export_sink!(Lines);
/// # fn main() {}
/// ```
pub trait Sink: Sized + 'static {
    /// The description of the sink; the same at every call.
    fn describe() -> SinkDescription;

    /// Opens the sink with a configuration that fits the description's schema, a JSON text; [`config`] reads it.
    fn open(config: &str) -> Result<Self, Fault>;

    /// The deliveries to send for one payload. Deliveries are carried out in order, each once the one before was accepted.
    fn encode(&mut self, payload: Payload) -> Result<Vec<Delivery>, Fault>;

    /// Reads the answer to the `delivery`-th delivery of the last [`encode`](Sink::encode), counted from 0. By its
    /// status, unless the sink knows better.
    fn verdict(&mut self, _delivery: u32, response: HttpResponse) -> Verdict {
        Verdict::from_status(&response)
    }

    /// The settlement of a delivery: as [`verdict`](Sink::verdict), with more words: some items again and the others not, a receiver that takes nothing
    /// from anybody, a question that comes first. A sink needs one of the two, and this is the one that the host asks.
    fn settle(&mut self, delivery: u32, response: HttpResponse) -> Settlement {
        self.verdict(delivery, response).into()
    }

    /// Reads the answer to the [question](crate::Question) that was last asked about a delivery. By its status, unless the
    /// sink knows better.
    fn answered(&mut self, _delivery: u32, response: HttpResponse) -> Settlement {
        Verdict::from_status(&response).into()
    }

    /// The outcome of a repeated delivery at the receiver, with the configuration that the sink was opened with.
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }
}

/// The configuration as a type of the sink's own.
///
/// # Errors
///
/// Where it does not fit the type: the schema promised less than the type asks for.
pub fn config<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::invalid_request(format!("the configuration is wrong: {error}")))
}

impl Payload {
    /// The typed events that a sink with the input `events` is given.
    ///
    /// # Errors
    ///
    /// Where there are documents instead, which the host never sends to such a sink.
    pub fn events(self) -> Result<Vec<crate::Item>, Fault> {
        match self {
            Payload::Events(items) => Ok(items),
            Payload::Documents(_) => Err(Fault::internal("documents came instead of events")),
        }
    }

    /// The JSON texts that a sink with the input `documents` is given.
    ///
    /// # Errors
    ///
    /// Where there are events instead, which the host never sends to such a sink.
    pub fn documents(self) -> Result<Vec<crate::JsonItem>, Fault> {
        match self {
            Payload::Documents(items) => Ok(items),
            Payload::Events(_) => Err(Fault::internal("events came instead of documents")),
        }
    }
}

/// The glue between the trait and the bindings.
#[doc(hidden)]
pub mod glue {
    use super::*;
    use crate::sink_bindings::exports::audit::plugin::{settlement, sink};
    use std::cell::RefCell;
    use std::marker::PhantomData;

    pub struct SinkComponent<S>(PhantomData<S>);

    impl<S: Sink> sink::Guest for SinkComponent<S> {
        type Encoder = EncoderResource<S>;
        fn describe() -> SinkDescription {
            S::describe()
        }
    }

    pub struct EncoderResource<S>(RefCell<S>);

    impl<S: Sink> sink::GuestEncoder for EncoderResource<S> {
        fn open(config: String) -> Result<sink::Encoder, Fault> {
            let opened = S::open(&config)?;
            Ok(sink::Encoder::new(EncoderResource(RefCell::new(opened))))
        }
        fn encode(&self, payload: Payload) -> Result<Vec<Delivery>, Fault> {
            self.0.borrow_mut().encode(payload)
        }
        fn verdict(&self, delivery: u32, response: HttpResponse) -> Verdict {
            self.0.borrow_mut().settle(delivery, response).into()
        }
    }

    impl<S: Sink> settlement::Guest for SinkComponent<S> {
        fn settle(encoder: sink::EncoderBorrow<'_>, delivery: u32, response: HttpResponse) -> Settlement {
            let encoder = encoder.get::<EncoderResource<S>>();
            encoder.0.borrow_mut().settle(delivery, response)
        }
        fn answered(encoder: sink::EncoderBorrow<'_>, delivery: u32, response: HttpResponse) -> Settlement {
            let encoder = encoder.get::<EncoderResource<S>>();
            encoder.0.borrow_mut().answered(delivery, response)
        }
        fn guarantees(encoder: sink::EncoderBorrow<'_>) -> Guarantee {
            encoder.get::<EncoderResource<S>>().0.borrow().guarantee()
        }
    }
}

/// Makes a [`Sink`] the component's export. Once in a crate; does nothing in a native build, so that tests can link
/// several plugins.
#[macro_export]
macro_rules! export_sink {
    ($sink:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::sink::glue::SinkComponent<$sink>;
    $crate::sink_bindings::export_sink_bindings!(Exported with_types_in $crate::sink_bindings);
        };
    };
}

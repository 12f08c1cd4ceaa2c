//! The functions of one instance of a sink plugin, whichever version of the WIT package it was built for.

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::bindings::settlement::{self, Guarantee, Settlement};
use super::bindings::sink::{Delivery, Description, Payload, Verdict};
use super::bindings::{self, Fault, HttpResponse};
use super::guest::InstanceState;
use super::v0_1;

/// The answer of an interface that a plugin need not export; none where it does not.
fn ask<I, T>(interface: Option<&I>, call: impl FnOnce(&I) -> wasmtime::Result<T>) -> wasmtime::Result<Option<T>> {
    interface.map(call).transpose()
}

/// The functions of an instance.
pub(super) enum SinkInstance {
    Newest {
        sink: bindings::SinkPlugin,
        settlement: Option<settlement::Guest>,
    },
    V0_1(v0_1::SinkInstanceV01),
}

impl SinkInstance {
    /// True where it settles deliveries.
    pub(super) fn settles(&self) -> bool {
        match self {
            SinkInstance::Newest { settlement, .. } => settlement.is_some(),
            SinkInstance::V0_1(old) => old.settles(),
        }
    }

    pub(super) fn describe(&self, store: &mut Store<InstanceState>) -> wasmtime::Result<Description> {
        match self {
            SinkInstance::Newest { sink, .. } => sink.audit_plugin_sink().call_describe(store),
            SinkInstance::V0_1(old) => old.describe(store),
        }
    }

    pub(super) fn open(
        &self,
        store: &mut Store<InstanceState>,
        config: &str,
    ) -> wasmtime::Result<Result<ResourceAny, Fault>> {
        match self {
            SinkInstance::Newest { sink, .. } => sink.audit_plugin_sink().encoder().call_open(store, config),
            SinkInstance::V0_1(old) => old.open(store, config),
        }
    }

    pub(super) fn encode(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
        payload: &Payload,
    ) -> wasmtime::Result<Result<Vec<Delivery>, Fault>> {
        match self {
            SinkInstance::Newest { sink, .. } => {
                (sink.audit_plugin_sink().encoder()).call_encode(store, encoder, payload)
            }
            SinkInstance::V0_1(old) => old.encode(store, encoder, payload),
        }
    }

    pub(super) fn verdict(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
        delivery: u32,
        response: &HttpResponse,
    ) -> wasmtime::Result<Verdict> {
        match self {
            SinkInstance::Newest { sink, .. } => {
                (sink.audit_plugin_sink().encoder()).call_verdict(store, encoder, delivery, response)
            }
            SinkInstance::V0_1(old) => old.verdict(store, encoder, delivery, response),
        }
    }

    /// The settlement of a delivery; none where the plugin settles none. The two below are none likewise.
    pub(super) fn settle(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
        delivery: u32,
        response: &HttpResponse,
    ) -> wasmtime::Result<Option<Settlement>> {
        match self {
            SinkInstance::Newest { settlement, .. } => ask(settlement.as_ref(), |functions| {
                functions.call_settle(store, encoder, delivery, response)
            }),
            SinkInstance::V0_1(old) => old.settle(store, encoder, delivery, response),
        }
    }

    pub(super) fn answered(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
        delivery: u32,
        response: &HttpResponse,
    ) -> wasmtime::Result<Option<Settlement>> {
        match self {
            SinkInstance::Newest { settlement, .. } => ask(settlement.as_ref(), |functions| {
                functions.call_answered(store, encoder, delivery, response)
            }),
            SinkInstance::V0_1(old) => old.answered(store, encoder, delivery, response),
        }
    }

    pub(super) fn guarantees(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
    ) -> wasmtime::Result<Option<Guarantee>> {
        match self {
            SinkInstance::Newest { settlement, .. } => ask(settlement.as_ref(), |functions| {
                functions.call_guarantees(store, encoder)
            }),
            SinkInstance::V0_1(old) => old.guarantees(store, encoder),
        }
    }
}

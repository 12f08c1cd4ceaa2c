//! The functions of one instance of a sink plugin, whichever version of the WIT package it was built for.

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::bindings::settlement::{self, Guarantee, Settlement};
use super::bindings::sink::{Delivery, Description, Payload, Verdict};
use super::bindings::{self, Fault, HttpResponse};
use super::guest::InstanceState;
use super::v0_1;

/// The answer of a call, unless it trapped.
type Answer<T> = wasmtime::Result<T>;

/// The functions of an instance.
pub(super) enum SinkInstance {
    Newest {
        sink: bindings::SinkPlugin,
        settlement: Option<settlement::Guest>,
    },
    V0_1(v0_1::SinkInstance),
}

impl SinkInstance {
    /// True where it settles deliveries.
    pub(super) fn settles(&self) -> bool {
        match self {
            SinkInstance::Newest { settlement, .. } => settlement.is_some(),
            SinkInstance::V0_1(old) => old.settles(),
        }
    }

    pub(super) fn describe(&self, store: &mut Store<InstanceState>) -> Answer<Description> {
        match self {
            SinkInstance::Newest { sink, .. } => sink.audit_plugin_sink().call_describe(store),
            SinkInstance::V0_1(old) => old.describe(store),
        }
    }

    pub(super) fn open(&self, store: &mut Store<InstanceState>, config: &str) -> Answer<Result<ResourceAny, Fault>> {
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
    ) -> Answer<Result<Vec<Delivery>, Fault>> {
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
    ) -> Answer<Verdict> {
        match self {
            SinkInstance::Newest { sink, .. } => {
                (sink.audit_plugin_sink().encoder()).call_verdict(store, encoder, delivery, response)
            }
            SinkInstance::V0_1(old) => old.verdict(store, encoder, delivery, response),
        }
    }

    /// None where it settles no deliveries; so do the next two.
    pub(super) fn settle(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
        delivery: u32,
        response: &HttpResponse,
    ) -> Answer<Option<Settlement>> {
        match self {
            SinkInstance::Newest { settlement, .. } => (settlement.as_ref())
                .map(|functions| functions.call_settle(store, encoder, delivery, response))
                .transpose(),
            SinkInstance::V0_1(old) => old.settle(store, encoder, delivery, response),
        }
    }

    pub(super) fn answered(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
        delivery: u32,
        response: &HttpResponse,
    ) -> Answer<Option<Settlement>> {
        match self {
            SinkInstance::Newest { settlement, .. } => (settlement.as_ref())
                .map(|functions| functions.call_answered(store, encoder, delivery, response))
                .transpose(),
            SinkInstance::V0_1(old) => old.answered(store, encoder, delivery, response),
        }
    }

    pub(super) fn guarantees(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
    ) -> Answer<Option<Guarantee>> {
        match self {
            SinkInstance::Newest { settlement, .. } => (settlement.as_ref())
                .map(|functions| functions.call_guarantees(store, encoder))
                .transpose(),
            SinkInstance::V0_1(old) => old.guarantees(store, encoder),
        }
    }
}

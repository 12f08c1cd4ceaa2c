//! The functions of a sink plugin of 0.1.0.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre, ResourceAny};

use super::bindings::{SinkPlugin, SinkPluginIndices, settlement};
use super::{lift, lower};
use crate::bindings::settlement::{Guarantee, Settlement};
use crate::bindings::sink::{Delivery, Description, Payload, Verdict};
use crate::bindings::{Fault, HttpResponse};
use crate::guest::InstanceState;

/// The places of the functions in the component.
#[derive(Clone)]
pub(crate) struct SinkIndicesV01 {
    sink: SinkPluginIndices,
    settlement: Option<settlement::GuestIndices>,
}

impl SinkIndicesV01 {
    pub(crate) fn new(linked: &InstancePre<InstanceState>, settles: bool) -> wasmtime::Result<Self> {
        Ok(SinkIndicesV01 {
            sink: SinkPluginIndices::new(linked)?,
            settlement: settles.then(|| settlement::GuestIndices::new(linked)).transpose()?,
        })
    }

    pub(crate) fn load(
        &self,
        store: &mut Store<InstanceState>,
        instance: &Instance,
    ) -> wasmtime::Result<SinkInstanceV01> {
        Ok(SinkInstanceV01 {
            sink: self.sink.load(&mut *store, instance)?,
            settlement: (self.settlement.as_ref())
                .map(|settlement| settlement.load(&mut *store, instance))
                .transpose()?,
        })
    }
}

/// The functions of an instance.
pub(crate) struct SinkInstanceV01 {
    sink: SinkPlugin,
    settlement: Option<settlement::Guest>,
}

impl SinkInstanceV01 {
    pub(crate) fn settles(&self) -> bool {
        self.settlement.is_some()
    }

    pub(crate) fn describe(&self, store: &mut Store<InstanceState>) -> wasmtime::Result<Description> {
        self.sink
            .audit_plugin_sink()
            .call_describe(store)
            .map(lift::sink_description)
    }

    pub(crate) fn open(
        &self,
        store: &mut Store<InstanceState>,
        config: &str,
    ) -> wasmtime::Result<Result<ResourceAny, Fault>> {
        let answer = self.sink.audit_plugin_sink().encoder().call_open(store, config)?;
        Ok(lift::answer(answer, |encoder| encoder))
    }

    pub(crate) fn encode(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
        payload: &Payload,
    ) -> wasmtime::Result<Result<Vec<Delivery>, Fault>> {
        let functions = self.sink.audit_plugin_sink().encoder();
        let answer = functions.call_encode(store, encoder, &lower::payload(payload))?;
        Ok(lift::answer(answer, lift::deliveries))
    }

    pub(crate) fn verdict(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
        delivery: u32,
        response: &HttpResponse,
    ) -> wasmtime::Result<Verdict> {
        let functions = self.sink.audit_plugin_sink().encoder();
        functions
            .call_verdict(store, encoder, delivery, response)
            .map(lift::verdict)
    }

    /// The answer of the interface `settlement`, which a plugin need not export; none where it does not.
    fn settlement<T>(
        &self,
        call: impl FnOnce(&settlement::Guest) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<Option<T>> {
        self.settlement.as_ref().map(call).transpose()
    }

    pub(crate) fn settle(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
        delivery: u32,
        response: &HttpResponse,
    ) -> wasmtime::Result<Option<Settlement>> {
        let answer = self.settlement(|functions| functions.call_settle(store, encoder, delivery, response));
        Ok(answer?.map(lift::settled))
    }

    pub(crate) fn answered(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
        delivery: u32,
        response: &HttpResponse,
    ) -> wasmtime::Result<Option<Settlement>> {
        let answer = self.settlement(|functions| functions.call_answered(store, encoder, delivery, response));
        Ok(answer?.map(lift::settled))
    }

    pub(crate) fn guarantees(
        &self,
        store: &mut Store<InstanceState>,
        encoder: ResourceAny,
    ) -> wasmtime::Result<Option<Guarantee>> {
        let answer = self.settlement(|functions| functions.call_guarantees(store, encoder));
        Ok(answer?.map(lift::guarantee))
    }
}

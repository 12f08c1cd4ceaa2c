//! The functions of a report plugin of 0.1.0.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre, ResourceAny};

use super::bindings::{ReportPlugin, ReportPluginIndices, packed};
use super::{lift, lower};
use crate::bindings::{Description, Document, Fault, Fetch, Request};
use crate::guest::InstanceState;
use crate::parser_answer::ParserAnswer;

/// The places of the functions in the component.
#[derive(Clone)]
pub(crate) struct ReportIndicesV01 {
    report: ReportPluginIndices,
    packed: Option<packed::GuestIndices>,
}

impl ReportIndicesV01 {
    pub(crate) fn new(linked: &InstancePre<InstanceState>, packed: bool) -> wasmtime::Result<Self> {
        Ok(ReportIndicesV01 {
            report: ReportPluginIndices::new(linked)?,
            packed: packed.then(|| packed::GuestIndices::new(linked)).transpose()?,
        })
    }

    pub(crate) fn load(
        &self,
        store: &mut Store<InstanceState>,
        instance: &Instance,
    ) -> wasmtime::Result<ReportInstanceV01> {
        Ok(ReportInstanceV01 {
            report: self.report.load(&mut *store, instance)?,
            packed: (self.packed.as_ref())
                .map(|packed| packed.load(&mut *store, instance))
                .transpose()?,
        })
    }
}

/// The functions of an instance.
pub(crate) struct ReportInstanceV01 {
    report: ReportPlugin,
    packed: Option<packed::Guest>,
}

impl ReportInstanceV01 {
    pub(crate) fn describe(&self, store: &mut Store<InstanceState>) -> wasmtime::Result<Description> {
        self.report
            .audit_plugin_report()
            .call_describe(store)
            .map(lift::description)
    }

    pub(crate) fn plan(
        &self,
        store: &mut Store<InstanceState>,
        request: &Request,
    ) -> wasmtime::Result<Result<Vec<Fetch>, Fault>> {
        let answer = (self.report.audit_plugin_report()).call_plan(store, &lower::request(request))?;
        Ok(lift::answer(answer, lift::plan))
    }

    pub(crate) fn open(&self, store: &mut Store<InstanceState>, document: &Document) -> wasmtime::Result<ResourceAny> {
        let parser = self.report.audit_plugin_report().parser();
        parser.call_constructor(store, &lower::document(document))
    }

    pub(crate) fn push(
        &self,
        store: &mut Store<InstanceState>,
        parser: ResourceAny,
        chunk: &[u8],
    ) -> wasmtime::Result<Result<ParserAnswer, Fault>> {
        Ok(match &self.packed {
            Some(packed) => lift::answer(packed.call_push(store, parser, chunk)?, |batch| {
                ParserAnswer::Packed(lift::packed(batch))
            }),
            None => {
                let functions = self.report.audit_plugin_report().parser();
                lift::answer(functions.call_push(store, parser, chunk)?, |batch| {
                    ParserAnswer::Typed(lift::typed(batch))
                })
            }
        })
    }

    pub(crate) fn finish(
        &self,
        store: &mut Store<InstanceState>,
        parser: ResourceAny,
    ) -> wasmtime::Result<Result<ParserAnswer, Fault>> {
        Ok(match &self.packed {
            Some(packed) => lift::answer(packed.call_finish(store, parser)?, |batch| {
                ParserAnswer::Packed(lift::packed(batch))
            }),
            None => {
                let functions = self.report.audit_plugin_report().parser();
                lift::answer(functions.call_finish(store, parser)?, |batch| {
                    ParserAnswer::Typed(lift::typed(batch))
                })
            }
        })
    }
}

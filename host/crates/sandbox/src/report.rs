//! The host's side of a report plugin.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{InstancePre, ResourceAny};

use event::{Batch, Event};

use super::balance::{self, Balance};
use super::bindings::{self, Description, Document, Fetch, ReportPluginIndices, Request, packed};
use super::guest::{Guest, InstanceState};
use super::offer::Release;
use super::parser_answer::ParserAnswer;
use super::plugin_context::PluginContext;
use super::{Grants, PluginError, Quoting, Usage, convert, plan, unpack, v0_1};

/// A report plugin's linked component, and where its functions are.
#[derive(Clone)]
pub(super) struct ReportExports {
    linked: InstancePre<InstanceState>,
    indices: ReportIndices,
}

/// The places of the functions in the component, by the version that it was built for.
#[derive(Clone)]
enum ReportIndices {
    Newest {
        report: ReportPluginIndices,
        /// The interface of the packed form, where the plugin has it.
        packed: Option<packed::GuestIndices>,
    },
    V0_1(v0_1::ReportIndicesV01),
}

impl ReportExports {
    pub(super) fn new(
        linked: InstancePre<InstanceState>,
        packed: bool,
        release: Release,
    ) -> wasmtime::Result<ReportExports> {
        Ok(ReportExports {
            indices: match release {
                Release::Newest => ReportIndices::Newest {
                    report: ReportPluginIndices::new(&linked)?,
                    packed: packed.then(|| packed::GuestIndices::new(&linked)).transpose()?,
                },
                Release::V0_1 => ReportIndices::V0_1(v0_1::ReportIndicesV01::new(&linked, packed)?),
            },
            linked,
        })
    }

    pub(super) fn instantiate(&self, store: &mut Store<InstanceState>) -> wasmtime::Result<ReportInstance> {
        let instance = self.linked.instantiate(&mut *store)?;
        Ok(match &self.indices {
            ReportIndices::Newest { report, packed } => ReportInstance::Newest {
                report: report.load(&mut *store, &instance)?,
                packed: (packed.as_ref())
                    .map(|packed| packed.load(&mut *store, &instance))
                    .transpose()?,
            },
            ReportIndices::V0_1(indices) => ReportInstance::V0_1(indices.load(store, &instance)?),
        })
    }
}

/// One instance's functions.
pub(super) enum ReportInstance {
    Newest {
        report: bindings::ReportPlugin,
        packed: Option<packed::Guest>,
    },
    V0_1(v0_1::ReportInstanceV01),
}

impl ReportInstance {
    pub(super) fn describe(&self, store: &mut Store<InstanceState>) -> wasmtime::Result<Description> {
        match self {
            ReportInstance::Newest { report, .. } => report.audit_plugin_report().call_describe(store),
            ReportInstance::V0_1(old) => old.describe(store),
        }
    }

    fn plan(
        &self,
        store: &mut Store<InstanceState>,
        request: &Request,
    ) -> wasmtime::Result<Result<Vec<Fetch>, bindings::Fault>> {
        match self {
            ReportInstance::Newest { report, .. } => report.audit_plugin_report().call_plan(store, request),
            ReportInstance::V0_1(old) => old.plan(store, request),
        }
    }

    fn open(&self, store: &mut Store<InstanceState>, document: &Document) -> wasmtime::Result<ResourceAny> {
        match self {
            ReportInstance::Newest { report, .. } => {
                report.audit_plugin_report().parser().call_constructor(store, document)
            }
            ReportInstance::V0_1(old) => old.open(store, document),
        }
    }

    fn push(
        &self,
        store: &mut Store<InstanceState>,
        parser: ResourceAny,
        chunk: &[u8],
    ) -> wasmtime::Result<Result<ParserAnswer, bindings::Fault>> {
        match self {
            ReportInstance::Newest {
                packed: Some(packed), ..
            } => Ok(packed.call_push(store, parser, chunk)?.map(ParserAnswer::Packed)),
            ReportInstance::Newest { report, .. } => {
                let functions = report.audit_plugin_report().parser();
                Ok(functions.call_push(store, parser, chunk)?.map(ParserAnswer::Typed))
            }
            ReportInstance::V0_1(old) => old.push(store, parser, chunk),
        }
    }

    fn finish(
        &self,
        store: &mut Store<InstanceState>,
        parser: ResourceAny,
    ) -> wasmtime::Result<Result<ParserAnswer, bindings::Fault>> {
        match self {
            ReportInstance::Newest {
                packed: Some(packed), ..
            } => Ok(packed.call_finish(store, parser)?.map(ParserAnswer::Packed)),
            ReportInstance::Newest { report, .. } => {
                let functions = report.audit_plugin_report().parser();
                Ok(functions.call_finish(store, parser)?.map(ParserAnswer::Typed))
            }
            ReportInstance::V0_1(old) => old.finish(store, parser),
        }
    }
}

/// A report plugin, ready to be asked. What its parsers and those of its clones give is counted together: one run has one.
#[derive(Clone)]
pub struct ReportPlugin {
    core: Arc<PluginContext>,
    grants: Arc<Grants>,
    code: ReportExports,
    about: Description,
    /// The requests that the description lists.
    listed: Arc<Grants>,
    usage: Usage,
    balance: Arc<Balance>,
}

impl ReportPlugin {
    pub(super) fn new(core: Arc<PluginContext>, grants: Arc<Grants>, code: ReportExports, about: Description) -> Self {
        ReportPlugin {
            core,
            grants,
            code,
            listed: Arc::new(Grants::listed(&about.requests)),
            about,
            usage: Usage::default(),
            balance: Arc::default(),
        }
    }

    /// The plugin's own description, as given when it was loaded.
    ///
    /// # Errors
    ///
    /// None at present: a plugin that cannot describe itself does not load.
    pub fn describe(&mut self) -> Result<Description, PluginError> {
        Ok(self.about.clone())
    }

    /// The requests that it may ask for.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The name in configuration and events.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// The way in which pieces of its documents are kept and told.
    pub fn quoting(&self) -> Quoting {
        Quoting::of(self.about.connection)
    }

    /// The fetches of a request, in the order of the events. Every request in it has been checked: path segments, header names and
    /// values, JSON bodies, the limits on number and size, and what the plugin is granted.
    ///
    /// # Errors
    ///
    /// [`PluginError::Fault`] where the plugin refuses the request, [`PluginError::Rule`] where the plan breaks a rule,
    /// [`PluginError::NotGranted`] where it asks for more than it may.
    pub fn plan(&mut self, request: &Request) -> Result<Vec<Fetch>, PluginError> {
        let (mut guest, instance) = self.instantiate()?;
        let answer = guest.call("plan", |store| instance.plan(store, request));
        self.usage.add(guest.usage());
        let fetches = answer?.map_err(PluginError::from)?;
        plan::check(&fetches, &self.core.limits, guest.site("plan"))?;
        if let Some(request) = self.listed.missing(&fetches, &request.unique_name).first() {
            let reason = format!("it asks for `{request}`, which its description does not list among its `requests`");
            return Err(guest.site("plan").rule(reason));
        }
        self.grants.check(&fetches, &request.unique_name, guest.site("plan"))?;
        Ok(fetches)
    }

    /// Opens a parser for one document, in an instance of its own.
    ///
    /// # Errors
    ///
    /// The errors of a call. A plugin that cannot read the document says so at the first [`Parser::push`].
    pub fn parser(&self, document: Document) -> Result<Parser, PluginError> {
        let (mut guest, instance) = self.instantiate()?;
        let parser = guest.call("open parser", |store| instance.open(store, &document))?;
        Ok(Parser {
            live: Some(ActiveParser {
                guest,
                instance,
                parser,
            }),
            usage: Usage::default(),
            core: self.core.clone(),
            balance: self.balance.clone(),
            used: Vec::new(),
        })
    }

    /// Resources that all plans so far used.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    fn instantiate(&self) -> Result<(Guest, ReportInstance), PluginError> {
        let mut guest = self.core.guest();
        let instance = guest.call("start", |store| self.code.instantiate(store))?;
        Ok((guest, instance))
    }
}

/// Reads one document, chunk by chunk. Parsers of one plugin share nothing and may run in parallel.
///
/// After an error, and after [`Parser::finish`], the instance is gone and every further call gives
/// [`PluginError::Closed`].
pub struct Parser {
    live: Option<ActiveParser>,
    usage: Usage,
    core: Arc<PluginContext>,
    balance: Arc<Balance>,
    used: Vec<Event>,
}

struct ActiveParser {
    guest: Guest,
    instance: ReportInstance,
    parser: ResourceAny,
}

impl Parser {
    /// Takes events that nobody needs any more, of any parser. Those of the next answer may come in their place, which
    /// saves allocations; such an event without an id may have an empty one.
    pub fn reuse(&mut self, events: Vec<Event>) {
        self.used = events;
    }

    /// Takes the next bytes; 64 to 256 KiB at a time serve best. Records may straddle chunks.
    ///
    /// # Errors
    ///
    /// [`PluginError::Fault`] where the plugin cannot read the document; otherwise the plugin failed.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Batch, PluginError> {
        let mut live = self.take()?;
        self.balance.take(chunk.len());
        let answer = (live.guest).call("push", |store| live.instance.push(store, live.parser, chunk));
        let batch = self.convert(&live, "push", answer)?;
        self.live = Some(live);
        Ok(batch)
    }

    /// Completes the document, and closes the parser.
    ///
    /// # Errors
    ///
    /// As [`Parser::push`]; also where the plugin fails while it puts the parser away.
    pub fn finish(&mut self) -> Result<Batch, PluginError> {
        let mut live = self.take()?;
        let answer = (live.guest).call("finish", |store| live.instance.finish(store, live.parser));
        let batch = self.convert(&live, "finish", answer)?;
        let dropped = live
            .guest
            .call("close parser", |store| live.parser.resource_drop(store));
        self.usage = live.guest.usage();
        dropped.map(|()| batch)
    }

    /// Resources that this parser's instance used, the start included.
    pub fn usage(&self) -> Usage {
        self.live.as_ref().map_or(self.usage, |live| live.guest.usage())
    }

    fn take(&mut self) -> Result<ActiveParser, PluginError> {
        self.live.take().ok_or_else(|| PluginError::Closed {
            label: self.core.label.to_string(),
        })
    }

    /// Whatever `?` returns from here on drops the instance.
    fn convert(
        &mut self,
        live: &ActiveParser,
        call: &'static str,
        answer: Result<Result<ParserAnswer, bindings::Fault>, PluginError>,
    ) -> Result<Batch, PluginError> {
        self.usage = live.guest.usage();
        let (limits, site) = (&self.core.limits, live.guest.site(call));
        let answer = answer?.map_err(PluginError::from)?;
        let bytes = match &answer {
            ParserAnswer::Typed(batch) => balance::typed(batch),
            ParserAnswer::Packed(batch) => balance::packed(batch),
        };
        let batch = match answer {
            ParserAnswer::Typed(batch) => convert::batch(batch, limits, site),
            ParserAnswer::Packed(batch) => unpack::batch(batch, std::mem::take(&mut self.used), limits, site),
        }?;
        // One answer that is too much by itself is told so.
        self.balance.give(bytes, limits, site)?;
        Ok(batch)
    }
}

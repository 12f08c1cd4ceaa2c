//! The host's side of a sink plugin.

use std::collections::HashSet;
use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{InstancePre, ResourceAny};

use super::bindings::settlement::{Guarantee, Partition, Postponement, Settlement};
use super::bindings::sink::{Delivery, Description, ItemRejection, Payload, Verdict};
use super::bindings::{HttpResponse, SinkPluginIndices, settlement};
use super::error::plain;
use super::guest::{Guest, InstanceState};
use super::offer::Release;
use super::plugin_context::PluginContext;
use super::sink_instance::SinkInstance;
use super::{Grants, PluginError, Usage, plan, v0_1};

/// Bytes of an answer's body that the WIT package promises a guest.
const RESPONSE_BYTES: usize = 1 << 20;
/// Headers that may carry a credential or a challenge for one.
const WITHHELD: &[&str] = &[
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
    "proxy-authenticate",
    "authorization",
];

/// A sink plugin's linked component, and where its functions are.
#[derive(Clone)]
pub(super) struct SinkExports {
    linked: InstancePre<InstanceState>,
    indices: SinkIndices,
}

/// The places of the functions in the component, by the version that it was built for.
#[derive(Clone)]
enum SinkIndices {
    Newest {
        sink: SinkPluginIndices,
        /// The interface that settles deliveries, where the plugin has it.
        settlement: Option<settlement::GuestIndices>,
    },
    V0_1(v0_1::SinkIndicesV01),
}

impl SinkExports {
    pub(super) fn new(
        linked: InstancePre<InstanceState>,
        settles: bool,
        release: Release,
    ) -> wasmtime::Result<SinkExports> {
        Ok(SinkExports {
            indices: match release {
                Release::Newest => SinkIndices::Newest {
                    sink: SinkPluginIndices::new(&linked)?,
                    settlement: settles.then(|| settlement::GuestIndices::new(&linked)).transpose()?,
                },
                Release::V0_1 => SinkIndices::V0_1(v0_1::SinkIndicesV01::new(&linked, settles)?),
            },
            linked,
        })
    }

    pub(super) fn instantiate(&self, store: &mut Store<InstanceState>) -> wasmtime::Result<SinkInstance> {
        let instance = self.linked.instantiate(&mut *store)?;
        Ok(match &self.indices {
            SinkIndices::Newest { sink, settlement } => SinkInstance::Newest {
                sink: sink.load(&mut *store, &instance)?,
                settlement: (settlement.as_ref())
                    .map(|settlement| settlement.load(&mut *store, &instance))
                    .transpose()?,
            },
            SinkIndices::V0_1(indices) => SinkInstance::V0_1(indices.load(store, &instance)?),
        })
    }
}

/// A sink plugin, ready to be opened.
pub struct SinkPlugin {
    core: Arc<PluginContext>,
    grants: Arc<Grants>,
    code: SinkExports,
    about: Description,
}

impl SinkPlugin {
    pub(super) fn new(core: Arc<PluginContext>, grants: Arc<Grants>, code: SinkExports, about: Description) -> Self {
        SinkPlugin {
            core,
            grants,
            code,
            about,
        }
    }

    /// The plugin's own description, as given when it was loaded.
    pub fn describe(&self) -> &Description {
        &self.about
    }

    /// Opens an encoder, in an instance of its own. `config` is a JSON text that the caller has checked against the
    /// plugin's schema.
    ///
    /// # Errors
    ///
    /// [`PluginError::Fault`] where the plugin refuses the configuration; otherwise the plugin failed.
    pub fn open(&self, config: &str) -> Result<Encoder, PluginError> {
        let mut guest = self.core.guest();
        let instance = guest.call("start", |store| self.code.instantiate(store))?;
        let encoder = guest
            .call("open", |store| instance.open(store, config))?
            .map_err(PluginError::from)?;
        Ok(Encoder {
            usage: guest.usage(),
            live: Some(ActiveEncoder {
                guest,
                instance,
                encoder,
            }),
            core: self.core.clone(),
            grants: self.grants.clone(),
        })
    }
}

/// An encoder: what to send for events, and how to read the answers.
///
/// After an error other than [`PluginError::Fault`], and after [`Encoder::close`], the instance is gone and every
/// further call gives [`PluginError::Closed`].
pub struct Encoder {
    live: Option<ActiveEncoder>,
    usage: Usage,
    core: Arc<PluginContext>,
    grants: Arc<Grants>,
}

struct ActiveEncoder {
    guest: Guest,
    instance: SinkInstance,
    encoder: ResourceAny,
}

impl Encoder {
    /// The deliveries for a payload. Every delivery has been checked: HTTP requests by the rules of
    /// [`ReportPlugin::plan`](super::ReportPlugin::plan) and by what the plugin is granted, and all by the limits on
    /// number and size.
    ///
    /// # Errors
    ///
    /// [`PluginError::Fault`] where the plugin cannot encode this payload, [`PluginError::Rule`] where a delivery breaks
    /// a rule, [`PluginError::NotGranted`] where one is more than the plugin may ask for.
    pub fn encode(&mut self, payload: &Payload) -> Result<Vec<Delivery>, PluginError> {
        let mut live = self.take()?;
        let answer = live
            .guest
            .call("encode", |store| live.instance.encode(store, live.encoder, payload));
        self.usage = live.guest.usage();
        let deliveries = match answer? {
            Ok(deliveries) => deliveries,
            Err(fault) => {
                self.live = Some(live);
                return Err(fault.into());
            }
        };
        self.check(&live, &deliveries)?;
        self.live = Some(live);
        Ok(deliveries)
    }

    /// Reads the answer to the `delivery`-th delivery of the last [`Encoder::encode`], which had `items` items, as a
    /// component does that exports the sink alone. The plugin sees header names in lower case, none that carries a
    /// credential, and at most 1 MiB of the body.
    ///
    /// # Errors
    ///
    /// [`PluginError::Rule`] where the verdict rejects an item that was not there, or one twice.
    pub fn verdict(&mut self, delivery: u32, items: usize, response: HttpResponse) -> Result<Verdict, PluginError> {
        let response = shown(response);
        let mut live = self.take()?;
        let answer = live.guest.call("verdict", |store| {
            (live.instance).verdict(store, live.encoder, delivery, &response)
        });
        self.usage = live.guest.usage();
        let verdict = plain_texts(answer?);
        if let Verdict::Rejected(rejections) = &verdict {
            check_places(items, rejections, &[]).map_err(|reason| live.guest.site("verdict").rule(reason))?;
        }
        self.live = Some(live);
        Ok(verdict)
    }

    /// Reads an answer as [`Encoder::verdict`] does, with all the words that the component has for it.
    ///
    /// # Errors
    ///
    /// [`PluginError::Rule`] where the settlement names an item that was not there, or one twice, or asks what breaks a
    /// rule.
    pub fn settle(&mut self, delivery: u32, items: usize, response: HttpResponse) -> Result<Settlement, PluginError> {
        match &self.live {
            Some(live) if live.instance.settles() => self.read("settle", delivery, items, response),
            _ => self.verdict(delivery, items, response).map(Settlement::from),
        }
    }

    /// Reads the answer to what was last asked about a delivery.
    ///
    /// # Errors
    ///
    /// As [`Encoder::settle`].
    pub fn answered(&mut self, delivery: u32, items: usize, response: HttpResponse) -> Result<Settlement, PluginError> {
        self.read("answered", delivery, items, response)
    }

    fn read(
        &mut self,
        call: &'static str,
        delivery: u32,
        items: usize,
        response: HttpResponse,
    ) -> Result<Settlement, PluginError> {
        let response = shown(response);
        let mut live = self.take()?;
        let answer = live.guest.call(call, |store| match call {
            "settle" => live.instance.settle(store, live.encoder, delivery, &response),
            _ => live.instance.answered(store, live.encoder, delivery, &response),
        });
        self.usage = live.guest.usage();
        let site = live.guest.site(call);
        let settlement = answer?.ok_or_else(|| site.rule("it settles no deliveries"))?;
        let settlement = plain_settlement(settlement);
        match &settlement {
            Settlement::Settled(parts) => {
                check_places(items, &parts.rejected, &parts.retried).map_err(|reason| site.rule(reason))?;
            }
            Settlement::Ask(question) => {
                plan::request(&question.request, "the question", &self.core.limits, site)?;
                self.grants.check_request(&question.request, site)?;
            }
            _ => {}
        }
        self.live = Some(live);
        Ok(settlement)
    }

    /// The outcome of repeated deliveries at the receiver, by the component's own word; none where it does not say.
    ///
    /// # Errors
    ///
    /// The errors of a call.
    pub fn guarantee(&mut self) -> Result<Option<Guarantee>, PluginError> {
        let mut live = self.take()?;
        let answer = (live.guest).call("guarantees", |store| live.instance.guarantees(store, live.encoder));
        self.usage = live.guest.usage();
        let guarantee = answer?;
        self.live = Some(live);
        Ok(guarantee)
    }

    /// Puts the encoder away.
    ///
    /// # Errors
    ///
    /// Where the plugin fails while it does so.
    pub fn close(&mut self) -> Result<(), PluginError> {
        let mut live = self.take()?;
        let dropped = live.guest.call("close", |store| live.encoder.resource_drop(store));
        self.usage = live.guest.usage();
        dropped
    }

    /// Resources that this encoder's instance used, the start included.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    fn take(&mut self) -> Result<ActiveEncoder, PluginError> {
        self.live.take().ok_or_else(|| PluginError::Closed {
            label: self.core.label.to_string(),
        })
    }

    fn check(&self, live: &ActiveEncoder, deliveries: &[Delivery]) -> Result<(), PluginError> {
        let limits = &self.core.limits;
        let site = live.guest.site("encode");
        if deliveries.len() > limits.fetches {
            return Err(site.limit("fetches", limits.fetches, "deliveries"));
        }
        for (number, delivery) in deliveries.iter().enumerate() {
            match delivery {
                Delivery::Http(http) => {
                    plan::request(http, &format!("delivery {number}"), limits, site)?;
                    self.grants.check_request(http, site)?;
                }
                Delivery::Bytes(bytes) if bytes.len() > limits.request => {
                    return Err(site.limit("request", limits.request, "bytes"));
                }
                Delivery::Bytes(_) => {}
            }
        }
        Ok(())
    }
}

/// True where the items that are named were there, each once.
fn check_places(items: usize, rejected: &[ItemRejection], retried: &[u32]) -> Result<(), String> {
    let mut seen = HashSet::new();
    let places = rejected.iter().map(|rejection| ("rejects", rejection.index));
    for (does, index) in places.chain(retried.iter().map(|index| ("retries", *index))) {
        let there = usize::try_from(index).is_ok_and(|index| index < items);
        if !there || !seen.insert(index) {
            return Err(format!("it {does} item {index} of {items}, or names it twice"));
        }
    }
    Ok(())
}

impl Settlement {
    /// True where every item was taken.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Settlement::Settled(parts) if parts.rejected.is_empty() && parts.retried.is_empty())
    }
}

impl From<Verdict> for Settlement {
    fn from(verdict: Verdict) -> Self {
        let settled = |rejected| {
            Settlement::Settled(Partition {
                rejected,
                retried: Vec::new(),
                after: None,
                reason: String::new(),
            })
        };
        match verdict {
            Verdict::Accepted => settled(Vec::new()),
            Verdict::Rejected(rejected) => settled(rejected),
            Verdict::Refused(reason) => Settlement::Refused(reason),
            Verdict::Retry(after) => Settlement::Retry(Postponement {
                after,
                reason: String::new(),
            }),
        }
    }
}

fn plain_settlement(settlement: Settlement) -> Settlement {
    match settlement {
        Settlement::Settled(mut parts) => {
            for rejection in &mut parts.rejected {
                rejection.reason = plain(&rejection.reason);
            }
            parts.reason = plain(&parts.reason);
            Settlement::Settled(parts)
        }
        Settlement::Retry(again) => Settlement::Retry(Postponement {
            reason: plain(&again.reason),
            ..again
        }),
        Settlement::Refused(reason) => Settlement::Refused(plain(&reason)),
        Settlement::Unusable(reason) => Settlement::Unusable(plain(&reason)),
        ask @ Settlement::Ask(_) => ask,
    }
}

/// The reasons of a verdict end up in logs, summaries and dead letters.
fn plain_texts(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Refused(reason) => Verdict::Refused(plain(&reason)),
        Verdict::Rejected(mut rejections) => {
            for rejection in &mut rejections {
                rejection.reason = plain(&rejection.reason);
            }
            Verdict::Rejected(rejections)
        }
        other => other,
    }
}

/// The part of an answer that a guest may see.
fn shown(mut response: HttpResponse) -> HttpResponse {
    for (name, _) in &mut response.headers {
        name.make_ascii_lowercase();
    }
    response.headers.retain(|(name, _)| !WITHHELD.contains(&name.as_str()));
    response.body.truncate(RESPONSE_BYTES);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_sees_no_header_that_carries_a_credential_and_a_limited_body() {
        let header = |name: &str| (name.to_owned(), "value".to_owned());
        let response = shown(HttpResponse {
            status: 200,
            headers: vec![
                header("Set-Cookie"),
                header("WWW-Authenticate"),
                header("Retry-After"),
                header("X-Id"),
            ],
            body: vec![0; RESPONSE_BYTES + 1],
        });
        assert_eq!(response.headers, [header("retry-after"), header("x-id")]);
        assert_eq!(response.body.len(), RESPONSE_BYTES);
    }
}

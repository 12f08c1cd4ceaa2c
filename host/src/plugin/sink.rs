//! The host's side of a sink plugin.

use std::collections::HashSet;
use std::sync::Arc;

use wasmtime::component::ResourceAny;

use super::bindings::sink::{Delivery, Description, Payload, Verdict};
use super::bindings::{self, HttpResponse, SinkPluginPre};
use super::error::plain;
use super::guest::{Guest, State};
use super::sandbox::Core;
use super::{Grants, PluginError, Usage, plan};

/// What the WIT package promises a guest of an answer's body.
const RESPONSE_BYTES: usize = 1 << 20;
/// Headers that may carry a credential or a challenge for one.
const WITHHELD: &[&str] = &[
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
    "proxy-authenticate",
    "authorization",
];

/// A sink plugin, ready to be opened.
pub struct SinkPlugin {
    core: Arc<Core>,
    grants: Arc<Grants>,
    code: SinkPluginPre<State>,
    about: Description,
}

impl SinkPlugin {
    pub(super) fn new(core: Arc<Core>, grants: Arc<Grants>, code: SinkPluginPre<State>, about: Description) -> Self {
        SinkPlugin {
            core,
            grants,
            code,
            about,
        }
    }

    /// What the plugin says it is, as it said when it was loaded.
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
            .call("open", |store| {
                instance.audit_plugin_sink().encoder().call_open(store, config)
            })?
            .map_err(PluginError::from)?;
        Ok(Encoder {
            usage: guest.usage(),
            live: Some(Live {
                guest,
                instance,
                encoder,
            }),
            core: self.core.clone(),
            grants: self.grants.clone(),
        })
    }
}

/// Says what to send for events, and how to read the answers.
///
/// After an error other than [`PluginError::Fault`], and after [`Encoder::close`], the instance is gone and every
/// further call gives [`PluginError::Closed`].
pub struct Encoder {
    live: Option<Live>,
    usage: Usage,
    core: Arc<Core>,
    grants: Arc<Grants>,
}

struct Live {
    guest: Guest,
    instance: bindings::SinkPlugin,
    encoder: ResourceAny,
}

impl Encoder {
    /// What to send for a payload. Every delivery has been checked: HTTP requests by the rules of
    /// [`ReportPlugin::plan`](super::ReportPlugin::plan) and by what the plugin is granted, and all by the limits on
    /// number and size.
    ///
    /// # Errors
    ///
    /// [`PluginError::Fault`] where the plugin cannot encode this payload, [`PluginError::Rule`] where a delivery breaks
    /// a rule, [`PluginError::NotGranted`] where one is more than the plugin may ask for.
    pub fn encode(&mut self, payload: &Payload) -> Result<Vec<Delivery>, PluginError> {
        let mut live = self.take()?;
        let answer = live.guest.call("encode", |store| {
            live.instance
                .audit_plugin_sink()
                .encoder()
                .call_encode(store, live.encoder, payload)
        });
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

    /// Reads the answer to the `delivery`-th delivery of the last [`Encoder::encode`], which had `items` items. The
    /// plugin sees header names in lower case, none that carries a credential, and at most 1 MiB of the body.
    ///
    /// # Errors
    ///
    /// [`PluginError::Rule`] where the verdict rejects an item that was not there, or one twice.
    pub fn verdict(&mut self, delivery: u32, items: usize, response: HttpResponse) -> Result<Verdict, PluginError> {
        let response = shown(response);
        let mut live = self.take()?;
        let answer = live.guest.call("verdict", |store| {
            live.instance
                .audit_plugin_sink()
                .encoder()
                .call_verdict(store, live.encoder, delivery, &response)
        });
        self.usage = live.guest.usage();
        let verdict = plain_texts(answer?);
        if let Verdict::Rejected(rejections) = &verdict {
            let mut seen = HashSet::new();
            for rejection in rejections {
                let index = rejection.index;
                let there = usize::try_from(index).is_ok_and(|index| index < items);
                if !there || !seen.insert(index) {
                    let reason = format!("it rejects item {index} of {items}, or rejects it twice");
                    return Err(live.guest.site("verdict").rule(reason));
                }
            }
        }
        self.live = Some(live);
        Ok(verdict)
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

    /// What this encoder's instance used, the start included.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    fn take(&mut self) -> Result<Live, PluginError> {
        self.live.take().ok_or_else(|| PluginError::Closed {
            label: self.core.label.to_string(),
        })
    }

    fn check(&self, live: &Live, deliveries: &[Delivery]) -> Result<(), PluginError> {
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

/// What a guest may see of an answer.
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

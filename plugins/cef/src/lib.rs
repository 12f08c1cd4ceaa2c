//! ArcSight Common Event Format, version 0: one line an event, for a file or a syslog receiver.
//!
//! ```text
//! CEF:0|Oracle|SSO|1|sso.authentication.failure|logon failure|6|rt=1751542473007 externalId=e1 cat=logon …
//! ```
//!
//! Source: *ArcSight Common Event Format (CEF) Implementation Standard*: the header has seven fields between `|`, in which
//! `|` and `\` are escaped; the extension has `key=value` pairs between spaces, in which `=`, `\` and line breaks of the
//! values are escaped. Keys are those of its dictionary, and values are cut to the lengths that it gives.
//!
//! A line break could begin a forged event, so those of values are escaped as the standard says, and every other
//! character that some reader takes for the end of a line or acts on becomes a space.

mod extension;
mod text;

use plugin_sdk::sink::Event;
use plugin_sdk::*;
use serde::Deserialize;

use text::header;

/// Security and authorization messages, RFC 3164 section 4.1.1.
const AUTHPRIV: u8 = 10;
const SYSLOG_WARNING: u8 = 4;
const SYSLOG_INFORMATIONAL: u8 = 6;

/// The sink.
pub struct Cef {
    config: CefConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct CefConfig {
    vendor: Option<String>,
    product: Option<String>,
    version: String,
    syslog_host: Option<String>,
    attributes: bool,
}

impl Default for CefConfig {
    fn default() -> Self {
        CefConfig {
            vendor: None,
            product: None,
            version: "1".into(),
            syslog_host: None,
            attributes: true,
        }
    }
}

impl Sink for Cef {
    fn describe() -> SinkDescription {
        SinkDescription {
            name: "cef".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "ArcSight Common Event Format, one line an event, for a file or a transport".into(),
            config_schema: include_str!("../config.schema.json").into(),
            input: Input::Events,
            batch_events: None,
            batch_bytes: None,
        }
    }

    fn open(config: &str) -> Result<Self, Fault> {
        Ok(Cef {
            config: plugin_sdk::config(config)?,
        })
    }

    fn encode(&mut self, payload: Payload) -> Result<Vec<Delivery>, Fault> {
        let lines = payload.events()?.into_iter().map(|item| self.line(&item));
        Ok(vec![Delivery::Bytes(lines.collect::<String>().into_bytes())])
    }
}

impl Cef {
    fn line(&self, item: &Item) -> String {
        let Item {
            id,
            event,
            vendor,
            product,
        } = item;
        let vendor = self.config.vendor.as_deref().unwrap_or(vendor);
        let service = event.service.as_deref().unwrap_or(product);
        let product = self.config.product.as_deref().unwrap_or(service);
        let signature = event.action.as_deref().unwrap_or(event.activity.name());
        let name = format!("{} {}", event.activity.name().replace('-', " "), event.outcome.name());
        format!(
            "{}CEF:0|{}|{}|{}|{}|{name}|{}|{}\n",
            self.syslog_header(event),
            header(vendor),
            header(product),
            header(&self.config.version),
            header(signature),
            severity(event.outcome),
            // The source's own, by which people look an event up.
            extension::of(event.id.as_deref().unwrap_or(id), event, self.config.attributes),
        )
    }

    fn syslog_header(&self, event: &Event) -> String {
        let (Some(host), Some(time)) = (&self.config.syslog_host, time::rfc3164(event.time)) else {
            return String::new();
        };
        let severity = match event.outcome {
            Outcome::Failure => SYSLOG_WARNING,
            _ => SYSLOG_INFORMATIONAL,
        };
        format!("<{}>{time} {host} ", AUTHPRIV * 8 + severity)
    }
}

/// 0 to 3 is low, 4 to 6 medium.
fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Success => 3,
        Outcome::Unknown => 4,
        Outcome::Failure => 6,
    }
}

export_sink!(Cef);

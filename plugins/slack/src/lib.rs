//! A digest for people: one Slack message a batch, to an incoming webhook.
//!
//! The message is posted to the sink's endpoint itself, whose URL is the webhook's: keep it secret. It says how many
//! events there were and of what kind, who and which addresses failed most, and the latest events one by one. Sources:
//! "Sending messages using incoming webhooks", "Formatting text for app surfaces" and "Block Kit" of Slack's developer
//! pages; the limits are 50 blocks a message and 3000 characters a text.
//!
//! Whoever fails to sign in chooses the user name that is shown here: `text` keeps it from pinging, linking or
//! pretending to be the rest of the message.

mod answer;
mod config;
mod digest;
mod text;

use config::SlackConfig;
use plugin_sdk::sink::Event;
use plugin_sdk::*;
use serde::Serialize;

/// The sink.
pub struct Slack {
    config: SlackConfig,
}

/// A message. Names and links in it are left alone.
#[derive(Serialize)]
struct Message {
    /// For notifications: counts only, nothing that an attacker chose.
    text: String,
    mrkdwn: bool,
    parse: &'static str,
    link_names: bool,
    unfurl_links: bool,
    unfurl_media: bool,
    blocks: Vec<Block>,
}

#[derive(Serialize)]
struct Block {
    r#type: &'static str,
    text: BlockText,
}

/// `verbatim` keeps Slack from making links and mentions of plain words.
#[derive(Serialize)]
struct BlockText {
    r#type: &'static str,
    verbatim: bool,
    text: String,
}

impl Sink for Slack {
    fn describe() -> SinkDescription {
        SinkDescription {
            name: "slack".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "A digest for a Slack channel, one message a batch".into(),
            config_schema: include_str!("../config.schema.json").into(),
            input: Input::Events,
            // A webhook takes about one message a second.
            batch_events: Some(10_000),
            batch_bytes: None,
        }
    }

    fn open(config: &str) -> Result<Self, Fault> {
        Ok(Slack {
            config: plugin_sdk::config(config)?,
        })
    }

    fn encode(&mut self, payload: Payload) -> Result<Vec<Delivery>, Fault> {
        let events: Vec<Event> = payload.events()?.into_iter().map(|item| item.event).collect();
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let message = self.message(&events);
        let json = serde_json::to_string(&message).map_err(|error| Fault::internal(error.to_string()))?;
        let request = HttpRequest::post([""; 0]).body(Body::Json(json));
        Ok(vec![Delivery::Http(request)])
    }

    fn settle(&mut self, _delivery: u32, response: HttpResponse) -> Settlement {
        answer::settle(&response)
    }
}

impl Slack {
    fn message(&self, events: &[Event]) -> Message {
        let sections = digest::sections(&self.config, events);
        Message {
            text: digest::counts(events),
            mrkdwn: false,
            parse: "none",
            link_names: false,
            unfurl_links: false,
            unfurl_media: false,
            blocks: text::fitting(sections)
                .into_iter()
                .map(|text| Block {
                    r#type: "section",
                    text: BlockText {
                        r#type: "mrkdwn",
                        verbatim: true,
                        text,
                    },
                })
                .collect(),
        }
    }
}

export_sink!(Slack);

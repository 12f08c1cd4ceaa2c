//! The questions that report plugins of the configuration have for a connection, for `host check`.

use std::time::Duration;

use jiff::Timestamp;

use base::{ErrorKind, visible};
use fetch::probe::{AnswerForm, Fact, ReportQuestion};
use run::{Period, WindowError};
use sandbox::{Fetch, Method, PluginError, PluginKind, Request};

use crate::SetupError;
use crate::config::{Config, ConnectionKind};
use crate::connections::{are_several, kind_of};
use crate::plugins;

/// The period that is asked for: little comes of it.
const PERIOD: Period = Period::Since(Duration::from_secs(60));

/// The questions of reports for a connection.
#[derive(Debug, Default)]
pub struct ReportQuestions {
    /// The questions.
    pub questions: Vec<ReportQuestion>,
    /// The plugins that have none to give, each with the reason.
    pub facts: Vec<Fact>,
}

/// The first question of each report under `[plugins]` that reads from this connection. Where several connections are of its kind only
/// whoever runs a plugin says which of them it is for: that it is not asked is a fact then. So is a plugin that cannot be loaded, or
/// fails: it may be for another connection. Blocks: plugins are compiled and called.
pub fn report_questions(config: &Config, connection: &str, now: Timestamp) -> ReportQuestions {
    let mut asked = ReportQuestions::default();
    let Some(kind) = config.connections.get(connection).and_then(|found| found.kind) else {
        return asked;
    };
    let several = are_several(config, kind);
    for name in config.plugins.keys() {
        match question(config, name, kind, now) {
            Ok(Some(_)) if several => {
                let text = format!(
                    "not asked for: several connections are of kind {kind}, and `host run {name} --connection NAME` alone says which of \
                     them it is for"
                );
                asked.facts.push(Fact::new(format!("plugin {name}"), text));
            }
            Ok(question) => asked.questions.extend(question),
            Err(error) => {
                let text = format!("cannot be asked: {}", visible::line(&error.message));
                asked.facts.push(Fact::new(format!("plugin {name}"), text));
            }
        }
    }
    asked
}

/// The first question of a plugin for the connection of that kind; none of a sink, of a report of another kind, and of one that has
/// to be told more.
fn question(
    config: &Config,
    name: &str,
    kind: ConnectionKind,
    now: Timestamp,
) -> Result<Option<ReportQuestion>, SetupError> {
    let plugin = plugins::load(config, name)?;
    if plugin.kind() != PluginKind::Report {
        return Ok(None);
    }
    let mut report = plugin.report()?;
    let description = report.describe()?;
    if kind_of(description.connection) != kind {
        return Ok(None);
    }
    let wrong = |error: WindowError| SetupError::told(ErrorKind::Usage, &error, error.hint());
    let window = PERIOD.window(now, description.granularity).map_err(wrong)?;
    let request = Request {
        window: window.into(),
        now: now.as_millisecond(),
        parameters: Vec::new(),
        unique_name: format!("host-{}-check", description.name),
    };
    let plan = match report.plan(&request) {
        Ok(plan) => plan,
        Err(PluginError::Fault(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let first = plan.into_iter().find_map(|fetch| match fetch {
        Fetch::Call(call) => {
            let form = match call.records {
                Some(path) => AnswerForm::Records(Some(path)),
                None => AnswerForm::Document,
            };
            Some((call.request, form))
        }
        Fetch::Pages(pages) => Some((pages.request, AnswerForm::Records(pages.records))),
        Fetch::Job(_) => None,
    });
    let question = first.filter(|(request, _)| request.method == Method::Get);
    Ok(question.map(|(request, form)| ReportQuestion {
        report: description.name,
        request,
        form,
    }))
}

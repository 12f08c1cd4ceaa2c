//! The questions that report plugins of the configuration have for a connection, for `host check`.

use std::time::Duration;

use jiff::Timestamp;

use base::ErrorKind;
use run::probe::ReportQuestion;
use run::{Period, WindowError};
use sandbox::{Fetch, Method, PluginError, PluginKind, Request};

use crate::SetupError;
use crate::config::Config;
use crate::connections::kind_of;
use crate::plugins;

/// The period that is asked for: little comes of it.
const PERIOD: Period = Period::Since(Duration::from_secs(60));

/// The first question of each report under `[plugins]` that reads from this connection; none where several connections are of
/// its kind, since only whoever runs a plugin says then which of them it is for. Blocks: plugins are compiled and called.
///
/// # Errors
///
/// Where a plugin cannot be loaded, or fails. One that has to be told more is not asked.
pub fn report_questions(config: &Config, connection: &str, now: Timestamp) -> Result<Vec<ReportQuestion>, SetupError> {
    let kind = config.connections.get(connection).and_then(|found| found.kind);
    if config.connections.values().filter(|other| other.kind == kind).count() != 1 {
        return Ok(Vec::new());
    }
    let mut questions = Vec::new();
    for name in config.plugins.keys() {
        let plugin = plugins::load(config, name)?;
        if plugin.kind() != PluginKind::Report {
            continue;
        }
        let mut report = plugin.report()?;
        let description = report.describe()?;
        if Some(kind_of(description.connection)) != kind {
            continue;
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
            Err(PluginError::Fault(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        let first = plan.into_iter().find_map(|fetch| match fetch {
            Fetch::Call(call) => Some(call.request),
            Fetch::Pages(pages) => Some(pages.request),
            Fetch::Job(_) => None,
        });
        if let Some(request) = first.filter(|request| request.method == Method::Get) {
            questions.push(ReportQuestion {
                report: description.name,
                request,
            });
        }
    }
    Ok(questions)
}

//! `--record` and `--replay`: what a recording must know so that a run from it asks the same.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use crate::commands::report::Report;
use crate::error::CliError;
use remote::{Auth, Exchange, Recording, Settings};
use run::Window;

/// What a run asked, as the notes of a recording hold it.
pub struct Notes {
    /// The connection's name: part of the derived ids.
    pub connection: String,
    /// Whose service it is: part of every event.
    pub tenant: Option<String>,
    /// The clock.
    pub now: Timestamp,
    /// The period.
    pub window: Window,
    /// The plugin's parameters.
    pub parameters: Vec<(String, String)>,
    /// The name that the server was given for a file.
    pub unique_name: String,
}

impl Notes {
    /// The notes of a run that is about to be recorded.
    pub fn of(report: &Report, settings: &Settings) -> Result<BTreeMap<String, String>, CliError> {
        let parameters = serde_json::to_string(&report.request.parameters)
            .map_err(|error| CliError::new(crate::error::Exit::Internal, error.to_string()))?;
        let notes = [
            ("connection", settings.name.clone()),
            ("from", report.window.from.to_string()),
            ("now", report.now.to_string()),
            ("parameters", parameters),
            ("plugin", report.description.name.clone()),
            ("to", report.window.to.to_string()),
            ("unique-name", report.request.unique_name.clone()),
        ];
        let tenant = settings.tenant.clone().map(|tenant| ("tenant", tenant));
        let notes = notes.into_iter().chain(tenant);
        Ok(notes.map(|(name, value)| (name.to_string(), value)).collect())
    }

    /// Reads the notes of a recording.
    pub fn read(folder: &Path) -> Result<Notes, CliError> {
        let recording = Recording::read(folder)?;
        let incomplete = || {
            CliError::usage(format!("{} is not a recording of a run", folder.display()))
                .hint("--record of `host run` makes one")
        };
        let text = |name: &str| recording.notes.get(name).ok_or_else(incomplete);
        let instant = |name: &str| text(name)?.parse::<Timestamp>().map_err(|_| incomplete());
        Ok(Notes {
            connection: text("connection")?.clone(),
            tenant: recording.notes.get("tenant").cloned(),
            now: instant("now")?,
            window: Window {
                from: instant("from")?,
                to: instant("to")?,
            },
            parameters: serde_json::from_str(text("parameters")?).map_err(|_| incomplete())?,
            unique_name: text("unique-name")?.clone(),
        })
    }
}

/// The settings of a run from a recording: no server, no credential.
pub fn replay(folder: &Path, notes: &Notes) -> Result<Settings, CliError> {
    let mut settings = Settings::new(&notes.connection, Recording::read(folder)?.base);
    settings.tenant.clone_from(&notes.tenant);
    settings.auth = Auth::None;
    settings.allow_http = true;
    settings.allow_private_addresses = true;
    settings.exchange = Exchange::Replay(folder.to_path_buf());
    Ok(settings)
}

//! A run that was recorded with `--record`: what it asked, so that a run with `--replay` asks the same.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use base::ErrorKind;
use remote::{Auth, Exchange, Recording, Settings};
use run::Window;

use crate::SetupError;
use crate::connections::kind_of;

/// The questions of a run, as the notes of a recording hold it.
#[derive(Debug, Clone)]
pub struct RecordedRun {
    /// The connection's name: part of the derived ids.
    pub connection: String,
    /// The owner of the service: part of every event.
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

impl RecordedRun {
    /// The notes of a run of this plugin that is about to be recorded.
    ///
    /// # Errors
    ///
    /// Where the parameters cannot be written as JSON, which no text keeps from happening.
    pub fn notes(&self, plugin: &str) -> Result<BTreeMap<String, String>, SetupError> {
        let parameters = serde_json::to_string(&self.parameters)
            .map_err(|error| SetupError::new(ErrorKind::Internal, error.to_string()))?;
        let notes = [
            ("connection", self.connection.clone()),
            ("from", self.window.from.to_string()),
            ("now", self.now.to_string()),
            ("parameters", parameters),
            ("plugin", plugin.to_owned()),
            ("to", self.window.to.to_string()),
            ("unique-name", self.unique_name.clone()),
        ];
        let tenant = self.tenant.clone().map(|tenant| ("tenant", tenant));
        let notes = notes.into_iter().chain(tenant);
        Ok(notes.map(|(name, value)| (name.to_string(), value)).collect())
    }

    /// Reads the notes of a recording.
    ///
    /// # Errors
    ///
    /// Where the folder holds no recording, or one of something else than a run.
    pub fn read(folder: &Path) -> Result<RecordedRun, SetupError> {
        let recording = Recording::read(folder)?;
        let incomplete = || {
            SetupError::usage(format!("{} is not a recording of a run", folder.display()))
                .hint("--record of `host run` makes one")
        };
        let text = |name: &str| recording.notes.get(name).ok_or_else(incomplete);
        let instant = |name: &str| text(name)?.parse::<Timestamp>().map_err(|_| incomplete());
        Ok(RecordedRun {
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

    /// The settings of a run from the recording in this folder, for a report of that kind of server: no server, no credential.
    ///
    /// # Errors
    ///
    /// Where the recording cannot be read.
    pub fn settings(&self, folder: &Path, kind: sandbox::ConnectionKind) -> Result<Settings, SetupError> {
        let mut settings = Settings::new(&self.connection, Recording::read(folder)?.base);
        settings.tenant.clone_from(&self.tenant);
        settings.auth = Auth::None;
        settings.allow_http = true;
        settings.allow_private_addresses = true;
        settings.mask_answers = kind_of(kind).holds_secrets_of_others();
        settings.exchange = Exchange::Replay(folder.to_path_buf());
        Ok(settings)
    }
}

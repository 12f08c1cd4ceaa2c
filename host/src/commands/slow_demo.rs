//! `host demo --slow`: a demo that may be killed at any moment, and goes on when it is started again.
//!
//! The simulator is a process of its own, so that it outlives the demo as a real server does, for a while. The ledger and
//! what the sink got lie in a folder. [`DemoStage`] is both: begun anew where they no longer belong together, and removed
//! once the demo has come to its end.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncBufReadExt as _;
use tokio::process::{Child, Command};

use crate::args::{DemoArgs, OutputOptions, ReportArgs};
use crate::commands::asked;
use crate::commands::demo::{as_typed, connection, parameters, say};
use crate::commands::run;
use crate::error::CliError;
use crate::error::Exit;
use crate::log;
use crate::render::print;
use crate::stop::Shutdown;
use ::ledger::{Interval, Ledger as _, Record, SqliteLedger, Stream};
use ::run::{Rejects, RunError, RunMode};
use base::counted::counted;
use event::Provenance;
use remote::{Remote, Request, Settings};
use sandbox::{ConnectionKind, PluginKind};
use setup::config::Config;
use setup::connections::ParameterSource;
use setup::plugins;
use setup::report::PreparedReport;
use setup::run_ledger::RunStream;
use setup::sinks::{Presentation, SinkChoice};
use sink::Format;

/// The time that the simulator waits for somebody to start the demo again.
const LIFETIME: &str = "15m";
/// The number of times that a job answers that it is not done: about ten seconds.
const SCENARIO: &str = "slow-job=6";
/// The days that the demo asks for, up to yesterday.
const DAYS: u32 = 7;
/// The longest time that the simulator may take to start or to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of what the simulator says of itself.
const ABOUT_BYTES: u64 = 8 << 20;

/// The state that a killed demo leaves for the next.
#[derive(Debug, Serialize, Deserialize)]
struct DemoState {
    /// The URL of the simulator.
    url: String,
    /// The id of the simulator's process.
    process: u32,
    since: String,
    /// The days that are asked for.
    from: Date,
    to: Date,
    now: Option<String>,
}

/// The simulator's account of itself.
#[derive(Debug, Deserialize)]
struct SimulatorInfo {
    process: u32,
    since: String,
    requests: Vec<SimulatorRequest>,
}

#[derive(Debug, Deserialize)]
struct SimulatorRequest {
    method: String,
    path: String,
}

/// Runs the demo, or goes on with the one before.
pub async fn demo(args: &DemoArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let stop = Shutdown::listen(talk)?;
    let stage = DemoStage::open(args, talk).await?;
    stop.set_resume_hint("run `host demo --slow` again: it continues from there");
    for (name, _) in plugins::built_in_of(&Config::default(), PluginKind::Report)? {
        stage.play(name, talk, &stop).await?;
    }
    let totals = stage.totals().await?;
    stage.strike().await;
    print(totals.as_bytes())
}

/// The simulator, the ledger and the files of a demo.
struct DemoStage {
    folder: PathBuf,
    state: DemoState,
    simulator: Option<Child>,
    /// Two demos at once would be in each other's way.
    _lock: File,
}

impl DemoStage {
    async fn open(args: &DemoArgs, talk: &OutputOptions) -> Result<DemoStage, CliError> {
        let parent = setup::state::folder();
        let parent = parent
            .ok_or_else(|| {
                CliError::usage("there is no place to keep the demo's state").hint("set $XDG_STATE_HOME or $HOME")
            })?
            .join("demo");
        let failed = |error: io::Error| CliError::usage(format!("cannot use {}: {error}", parent.display()));
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&parent).map_err(failed)?;
        let lock = File::options().append(true).create(true).open(parent.join("lock"));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(CliError::usage("another `host demo --slow` is running").hint("wait for it to end"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let folder = parent.join("stage");
        if let Some(state) = DemoState::read(&folder) {
            if state.is_there().await {
                say(
                    talk,
                    &format!(
                        "Continuing the last demo; its simulator is still at {}\n{}",
                        state.url,
                        of_files(&folder)
                    ),
                );
                return Ok(DemoStage {
                    folder,
                    state,
                    simulator: None,
                    _lock: lock,
                });
            }
            say(
                talk,
                "The simulator of the last demo is gone, so there is nothing to continue: starting over\n",
            );
        }
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => builder.create(&folder).map_err(failed)?,
        }
        let (simulator, state) = start(args).await?;
        state.write(&folder).map_err(failed)?;
        say(
            talk,
            &format!(
                "A simulator plays EPM Cloud, an identity domain and OCI Audit at {}, for {LIFETIME} at most.\n\
                 Its jobs take about ten seconds. Kill this process meanwhile, as hard as you like \
                 (kill -9 {}),\nand run `host demo --slow` again.\n{}",
                state.url,
                std::process::id(),
                of_files(&folder)
            ),
        );
        Ok(DemoStage {
            folder,
            state,
            simulator: Some(simulator),
            _lock: lock,
        })
    }

    fn ledger(&self) -> PathBuf {
        self.folder.join("ledger.db")
    }

    /// The file to which a report's events go.
    fn events(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.ndjson"))
    }

    /// Runs one report, unless it is done.
    async fn play(&self, name: &str, talk: &OutputOptions, stop: &Shutdown) -> Result<(), CliError> {
        let DemoState { url, from, to, .. } = &self.state;
        let parameters = parameters(name);
        let typed = as_typed(&parameters);
        say(
            talk,
            &format!(
                "\n$ host backfill {name} --from {from} --to {to} --window {DAYS}d{typed} --sink file:{name}.ndjson\n"
            ),
        );
        let asked = ReportArgs {
            plugin: name.to_owned(),
            from: Some(from.to_string()),
            to: Some(to.to_string()),
            now: self.state.now.clone(),
            parameters,
            ..ReportArgs::default()
        };
        let report = base::blocking(move || asked::prepare(&asked, ParameterSource::Nothing, None, None)).await??;
        let mut settings = connect(url, report.description.connection)?;
        settings.now = report.clock;
        let provenance = Arc::new(report.provenance(&settings));
        if self.is_done(&report, &provenance).await? {
            say(talk, "done before\n");
            return Ok(());
        }
        let wanted = SinkChoice {
            names: vec![format!("file:{}", self.events(name).display())],
            plugin_config: None,
            presentation: Presentation {
                encoding: None,
                format: Some(Format::Ndjson),
            },
            extend: true,
        };
        let (report, sinks) = run::open_sinks(report, wanted, &provenance).await?;
        let missing = RunMode::Backfill { days: DAYS };
        let found = RunStream::find(self.ledger(), &report, &provenance, &settings).await?;
        log::about(|about| about.stream = Some(found.stream().label()));
        let mut keeping = found.claim(&report, &settings, missing, None, &sinks.outlets).await?;
        // The days are over, and the simulator knows them from the start.
        keeping.lag = Duration::ZERO;
        let (summary, result) = run::execute(
            report,
            settings,
            sinks,
            provenance,
            Some(keeping),
            Rejects::default(),
            talk,
            stop,
            &tokio_util::sync::CancellationToken::new(),
        )
        .await?;
        match result {
            Ok(()) => {
                say(
                    talk,
                    &format!(
                        "{}, {}\n",
                        counted(summary.events, "event", "events"),
                        counted(summary.remote.requests, "request", "requests")
                    ),
                );
                Ok(())
            }
            Err(RunError::Stopped) => Err(stop.failure()),
            Err(error) => Err(error.into()),
        }
    }

    /// True if all of the period is committed.
    async fn is_done(&self, report: &PreparedReport, provenance: &Provenance) -> Result<bool, CliError> {
        let ledger = SqliteLedger::open(self.ledger())?;
        let stream = Stream::new(&provenance.connection, &provenance.report, &report.request.parameters);
        let Some(found) = ledger.load(&stream.key()).await? else {
            return Ok(false);
        };
        let record = Record::decode(&found.key, &found.body)?;
        let period = Interval::new(report.window.from, report.window.to);
        Ok(record.windows.is_empty() && record.missing(period).is_empty())
    }

    /// The events that the sink holds and the requests that the server got, a line a report.
    async fn totals(&self) -> Result<String, CliError> {
        let about = ask(&self.state.url).await;
        let mut text = format!("{:<22} {:>8} {:>8} {:>5}\n", "REPORT", "EVENTS", "DOUBLED", "JOBS");
        for (name, _) in plugins::built_in_of(&Config::default(), PluginKind::Report)? {
            let path = self.events(name);
            let counted = count(&path)
                .map_err(|error| CliError::new(Exit::Internal, format!("cannot read {}: {error}", path.display())))?;
            let ends: &[&str] = match name {
                "invalid-login" => &["/invalidloginreport"],
                "user-audit" => &["/reports", "/reports/useraudit"],
                "role-assignment-audit" => &["/roleassignmentauditreport"],
                "group-assignment-audit" => &["/reports/groupaudit"],
                _ => &[],
            };
            let jobs = match &about {
                Some(about) if !ends.is_empty() => {
                    let creates = |asked: &&SimulatorRequest| {
                        asked.method == "POST" && ends.iter().any(|end| asked.path.ends_with(end))
                    };
                    about.requests.iter().filter(creates).count().to_string()
                }
                _ => "-".to_owned(),
            };
            let (events, doubled) = counted;
            let _ = writeln!(text, "{name:<22} {events:>8} {doubled:>8} {jobs:>5}");
        }
        Ok(text)
    }

    /// Ends the simulator, and removes what is left.
    async fn strike(mut self) {
        if let Some(about) = ask(&self.state.url).await
            && about.is(&self.state)
            && let Some(process) = i32::try_from(about.process)
                .ok()
                .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        if let Some(simulator) = &mut self.simulator {
            let _ = tokio::time::timeout(PATIENCE, simulator.wait()).await;
        }
        // What cannot be removed is removed when a demo begins anew.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl DemoState {
    /// The state that an earlier demo left; none where that cannot be used.
    fn read(folder: &Path) -> Option<DemoState> {
        serde_json::from_slice(&std::fs::read(folder.join("demo.json")).ok()?).ok()
    }

    /// Writes it all or not at all.
    fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.persist(folder.join("demo.json")).map_err(|error| error.error)?;
        Ok(())
    }

    /// True if the simulator is there, and still the one it was.
    async fn is_there(&self) -> bool {
        ask(&self.url).await.is_some_and(|about| about.is(self))
    }
}

impl SimulatorInfo {
    fn is(&self, state: &DemoState) -> bool {
        (self.process, &self.since) == (state.process, &state.since)
    }
}

/// The line about where the demo keeps its files.
fn of_files(folder: &Path) -> String {
    format!(
        "Until the demo comes to its end, its ledger and the files of events are in {}\n",
        folder.display()
    )
}

/// Starts a simulator that outlives this process: in a group of its own, where Ctrl-C does not reach it.
async fn start(args: &DemoArgs) -> Result<(Child, DemoState), CliError> {
    let failed = |reason: String| CliError::new(Exit::Internal, format!("cannot start the simulator: {reason}"));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let scenario = match &args.now {
        Some(now) => format!("{SCENARIO},now={now}"),
        None => SCENARIO.to_owned(),
    };
    let mut simulator = Command::new(program)
        .args(["simulate", "--scenario", &scenario, "--for", LIFETIME])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let Some(stdout) = simulator.stdout.take() else {
        return Err(failed("it has no output".into()));
    };
    let mut line = String::new();
    let mut lines = tokio::io::BufReader::new(stdout);
    let read = tokio::time::timeout(PATIENCE, lines.read_line(&mut line)).await;
    read.map_err(|error| failed(error.to_string()))?
        .map_err(|error| failed(error.to_string()))?;
    let url = line.trim().to_owned();
    let about = ask(&url).await.ok_or_else(|| failed("it does not answer".into()))?;
    let now = match &args.now {
        Some(now) => now
            .parse()
            .map_err(|_| CliError::usage(format!("--now {now:?} is not an RFC 3339 time")))?,
        None => Timestamp::now(),
    };
    let today = now.to_zoned(TimeZone::UTC).date();
    let back = |days: u32| today.checked_sub(i64::from(days).days());
    let out_of_range = |_| CliError::usage("--now is out of range");
    let state = DemoState {
        url,
        process: about.process,
        since: about.since,
        // Yesterday is not over everywhere until noon.
        from: back(DAYS + 1).map_err(out_of_range)?,
        to: back(2).map_err(out_of_range)?,
        now: args.now.clone(),
    };
    Ok((simulator, state))
}

/// The account that the simulator at a URL gives of itself; none where none is there.
async fn ask(url: &str) -> Option<SimulatorInfo> {
    let mut settings = connect(url, ConnectionKind::Epm).ok()?;
    settings.timeouts.connect = PATIENCE;
    settings.timeouts.head = PATIENCE;
    settings.retry.attempts = 1;
    let remote = Remote::new(settings).ok()?;
    let request = Request::get(remote.resolve("/simulator").ok()?).limit(ABOUT_BYTES);
    let answer = remote.exchange(request).await.ok()?;
    serde_json::from_slice(&answer.body).ok()
}

fn connect(url: &str, kind: ConnectionKind) -> Result<Settings, CliError> {
    let url = (url.parse()).map_err(|_| CliError::new(Exit::Internal, "the simulator is at no URL".to_owned()))?;
    connection(url, kind)
}

/// The number of events that a file holds, and of those that it holds for the second time.
fn count(path: &Path) -> io::Result<(usize, usize)> {
    let (mut events, mut ids) = (0, HashSet::new());
    for line in BufReader::new(File::open(path)?).lines() {
        let event: Value = serde_json::from_str(&line?)?;
        events += 1;
        let id = event.pointer("/metadata/uid").and_then(Value::as_str);
        ids.insert(id.unwrap_or_default().to_owned());
    }
    Ok((events, events - ids.len()))
}

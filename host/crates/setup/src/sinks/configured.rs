//! The sinks of `[sinks]`, one at a time.

use std::sync::Arc;

use super::omissions;
use super::program::Program;
use crate::SetupError;
use crate::config::{Config, SinkEntry, nearest};
use base::{ErrorKind, WorkerDied};
use built_in::built_in;
use event::{Product, Provenance};
use remote::Remote;
use run::RunSink;
use sink::dead_letters::{DeadLetterEntry, DeadLetters};
use sink::kinds::BuildContext;
use sink::{DeadLetterContext, Delivery, Guarantee, Sink, SinkSpec};

/// Builds a sink of the configuration. What has to be changed there is said with the file's name.
pub(super) fn configured(
    config: &Config,
    name: &str,
    set: &SinkEntry,
    provenance: &Arc<Provenance>,
    checking: bool,
) -> Result<Box<dyn Sink>, SetupError> {
    let program = Program { config };
    let rendering = omissions::rendering(&program, name, set);
    let built = rendering.and_then(|rendering| {
        set.kind.config().build(&BuildContext {
            sink: program.sink(name),
            provenance,
            rendering: &rendering,
            checking,
        })
    });
    built.map_err(|failure| failure.read_from(config.file.path.as_deref()))
}

/// Refuses sinks whose names lead to addresses that they may not reach, before the server is asked for anything. What no
/// resolver knows now shows when events come.
pub async fn admit(config: &Config, outlets: &[RunSink]) -> Result<(), SetupError> {
    for outlet in outlets {
        let name = outlet.delivery.name();
        if let Some(sink) = config.sinks.get(name) {
            admit_one(config, name, sink)
                .await
                .map_err(|failure| placed(config, name, failure))?;
        }
    }
    Ok(())
}

async fn admit_one(config: &Config, name: &str, sink: &SinkEntry) -> Result<(), SetupError> {
    let servers = sink.kind.config().servers(&Program { config }.sink(name))?;
    for settings in servers {
        Remote::admit_name(&settings).await?;
    }
    Ok(())
}

/// Opens one configured sink by itself, without retries.
///
/// # Errors
///
/// Where it is not configured, or cannot be as it is.
pub fn open_alone(config: &Config, name: &str, provenance: &Arc<Provenance>) -> Result<Box<dyn Sink>, SetupError> {
    configured(config, name, named(config, name)?, provenance, false)
}

/// Opens one configured sink for events kept in this store. What it refuses again is kept there as it was, for the same destination.
pub fn reopen(
    config: &Config,
    store: &Arc<DeadLetters>,
    letter: &DeadLetterEntry,
    provenance: &Arc<Provenance>,
) -> Result<Delivery, SetupError> {
    let name = &letter.sink;
    let set = named(config, name)?;
    let sink = configured(config, name, set, provenance, false)?;
    Ok(Delivery::new(
        sink,
        set.retry,
        DeadLetterContext {
            dead_letters: Arc::clone(store),
            destination: letter.destination.clone(),
            run_id: letter.run_id.clone(),
            provenance: Arc::clone(provenance),
        },
    ))
}

/// Checks that each sink named with `--sink` is one, as far as the configuration can say.
pub fn check_names(config: &Config, names: &[String]) -> Result<(), SetupError> {
    for text in names {
        if let SinkSpec::Named(name) = text.parse()? {
            named(config, &name)?;
        }
    }
    Ok(())
}

pub(super) fn named<'a>(config: &'a Config, name: &str) -> Result<&'a SinkEntry, SetupError> {
    config
        .sinks
        .get(name)
        .ok_or_else(|| unknown(config, name).read_from(config.file.path.as_deref()))
}

fn unknown(config: &Config, name: &str) -> SetupError {
    let failure = SetupError::usage(format!("there is no sink {name:?}"));
    if built_in(name).is_some() {
        return failure.hint(format!(
            "a plugin becomes a sink under [sinks] in host.toml: plugin = {name:?}"
        ));
    }
    match nearest(name, config.sinks.keys().map(String::as_str).chain(["stdout"])) {
        Some(known) => failure.hint(format!("did you mean `{known}`?")),
        None => failure.hint("name stdout, file:PATH, the path of a .wasm sink, or add it under [sinks] in host.toml"),
    }
}

/// Finds out whether a configured sink could take events now, and what it promises; leaves nothing behind.
pub async fn probe(config: &Arc<Config>, name: &str) -> Result<(String, Guarantee), SetupError> {
    let (config, owned) = (Arc::clone(config), name.to_owned());
    let opened = base::blocking(move || {
        let set = named(&config, &owned)?;
        check(&config, &owned, set)?;
        let sink = configured(&config, &owned, set, &nobody(), true)?;
        Ok::<_, SetupError>((config, sink))
    });
    let (config, mut sink) = opened.await.map_err(|died| died_opening(name, died.resume_panic()))??;
    let (found, guarantee) = (sink.probe().await, sink.guarantee());
    sink.abort().await;
    Ok((named(&config, name)?.kind.config().probed(found?), guarantee))
}

fn died_opening(name: &str, died: WorkerDied) -> SetupError {
    SetupError::new(ErrorKind::Internal, format!("sink {name} could not be opened: {died}"))
}

/// The provenance that sinks are opened with where no run is.
fn nobody() -> Arc<Provenance> {
    Arc::new(Provenance::new("check", "check", "check", Product::epm_cloud()))
}

/// Checks a configured sink without opening it and without its secrets. What is wrong is said with its place in the file.
pub fn check(config: &Config, name: &str, sink: &SinkEntry) -> Result<(), SetupError> {
    let program = Program { config };
    let checked =
        omissions::rendering(&program, name, sink).and_then(|_| sink.kind.config().check(&program.sink(name)));
    checked.map_err(|failure| placed(config, name, failure))
}

/// The failure with the place of the sink, unless a more exact one stands there already.
fn placed(config: &Config, name: &str, failure: SetupError) -> SetupError {
    let message = failure.message.as_str();
    if message.contains(&format!("sinks.{name}")) {
        return failure;
    }
    let own = format!("sink {name}: ");
    SetupError {
        message: message.strip_prefix(&own).unwrap_or(message).to_owned(),
        ..failure
    }
    .at(&config.place(&["sinks", name]))
}

/// Remarks on settings of a sink that are no mistake and yet hardly meant.
pub fn remarks(config: &Config, name: &str, sink: &SinkEntry) -> Vec<String> {
    let program = Program { config };
    let mut remarks = omissions::remarks(&program, name, sink);
    remarks.extend(sink.kind.config().remarks(&program.sink(name)));
    remarks
}

/// A configured sink's kind and where it delivers to, on a line: `nats nats://127.0.0.1:4222`.
pub fn about(config: &Config, name: &str, sink: &SinkEntry) -> String {
    sink.kind.config().about(&Program { config }.sink(name))
}

/// The destination of a configured sink, in a short text without secrets: `http https://siem.example/in #5d41402a`.
pub fn destination(config: &Config, name: &str, sink: &SinkEntry) -> String {
    sink.kind.config().destination(&Program { config }.sink(name))
}

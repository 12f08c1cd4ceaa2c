//! `host plugin new`, `build`, `test` and `check`.

use setup::plugins;
use std::fmt::Write as _;
use std::path::Path;

use crate::args::{BuildArgs, CheckPluginArgs, Lang, LogFormat, NewArgs, OutputOptions, TestArgs};
use crate::error::CliError;
use crate::error::Exit;
use crate::error::note;
use crate::log::{self, LogLine};
use crate::render::print;
use base::counted::counted;
use sandbox::{Plugin, Sandbox};
use setup::config::Config;
use workshop::{Built, CaseSelection, CheckOutcome, Finding, Language, Options, Project, WorkshopError};

/// `host plugin new`.
pub fn new(args: &NewArgs) -> Result<(), CliError> {
    let folder = Path::new(&args.name);
    let files = workshop::write_new(folder, &args.name, args.kind.into(), args.lang.into())?;
    let mut text = format!("wrote {} to {}/\n", counted(files.len(), "file", "files"), args.name);
    let _ = write!(
        text,
        "\nnext:\n  cd {}\n  host plugin build\n  host plugin test\n",
        args.name
    );
    print(text.as_bytes())
}

/// `host plugin build`.
pub fn build(args: &BuildArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let config = Config::load(args.config.config.as_deref())?;
    let project = Project::open(&args.folder)?;
    let built = run_build(&project, &plugins::sandbox(&config)?, args.debug, talk)?;
    let about = &built.about;
    let imports = match about.imports.len() {
        0 => "imports nothing".to_owned(),
        some => format!("imports {}", counted(some, "function", "functions")),
    };
    print(
        format!(
            "{}: {} bytes, {imports}, {} {}; built in {:.1} s, compiled in {:.1} s\n",
            project.component().display(),
            about.size,
            about.name,
            about.version,
            built.tool.as_secs_f64(),
            built.compile.as_secs_f64()
        )
        .as_bytes(),
    )
}

/// Builds, with what takes long on stderr, and the tool's own words where it fails or where they were asked for.
fn run_build(project: &Project, sandbox: &Sandbox, debug: bool, talk: &OutputOptions) -> Result<Built, CliError> {
    let mut progress = |step: &str| {
        note(&format!("{}: {step} …", project.name), talk);
    };
    match workshop::build(project, sandbox, Options { debug }, &mut progress) {
        Ok(built) => {
            if talk.verbose > 0 {
                tell(&built.output, talk);
            }
            Ok(built)
        }
        Err(error) => {
            let output = match &error {
                WorkshopError::Build { output, .. } => output.clone(),
                _ => String::new(),
            };
            if talk.log_format == LogFormat::Text {
                tell(&output, talk);
                return Err(error.into());
            }
            // A line of JSON has it all.
            let failure = CliError::from(error);
            let message = failure.message.map(|message| format!("{message}: {output}"));
            Err(CliError { message, ..failure })
        }
    }
}

/// A compiler's words, as it said them.
fn tell(output: &str, talk: &OutputOptions) {
    let output = output.trim_end();
    if !output.is_empty() {
        log::say(talk.log_format, &format!("{output}\n"), &LogLine::new("info", output));
    }
}

/// `host plugin test`.
pub fn test(args: &TestArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let config = Config::load(args.config.config.as_deref())?;
    let project = Project::open(&args.folder)?;
    let sandbox = plugins::sandbox(&config)?;
    if !args.watch {
        return test_once(args, &config, &project, &sandbox, talk);
    }
    let mut closed = false;
    workshop::watch(&project, || {
        if let Err(failure) = test_once(args, &config, &project, &sandbox, talk) {
            failure.print(talk.log_format);
        }
        // A reader that went away ends the watch.
        closed = print(b"watching for changes; Ctrl-C stops\n").is_err();
        !closed
    })?;
    Ok(())
}

fn test_once(
    args: &TestArgs,
    config: &Config,
    project: &Project,
    sandbox: &Sandbox,
    talk: &OutputOptions,
) -> Result<(), CliError> {
    let plugin = match &args.component {
        Some(name) => plugins::load(config, name)?,
        None => component(project, sandbox, talk)?,
    };
    let selection = CaseSelection {
        case: args.case.clone(),
        bless: args.bless,
    };
    let mut counts = FindingCounts::default();
    let mut written = Ok(());
    workshop::test(project, &plugin, &selection, &mut |finding| {
        counts.add(&finding);
        if written.is_ok() {
            written = print(render(&finding).as_bytes());
        }
    })?;
    written?;
    print(counts.line().as_bytes())?;
    counts.outcome()
}

/// The project's component, built first where it is missing or older than a source.
fn component(project: &Project, sandbox: &Sandbox, talk: &OutputOptions) -> Result<Plugin, CliError> {
    if project.is_stale() {
        return Ok(run_build(project, sandbox, false, talk)?.plugin);
    }
    Ok(plugins::load_file(sandbox, &project.component())?)
}

/// `host plugin check`.
pub fn check(args: &CheckPluginArgs) -> Result<(), CliError> {
    let config = Config::load(args.config.config.as_deref())?;
    let sandbox = plugins::sandbox(&config)?;
    let (bytes, label) = plugins::read(&config, &args.plugin)?;
    let mut counts = FindingCounts::default();
    let mut written = Ok(());
    workshop::check(&sandbox, &bytes, &label, &mut |finding| {
        counts.add(&finding);
        if written.is_ok() {
            written = print(render(&finding).as_bytes());
        }
    });
    written?;
    counts.outcome()
}

/// The number of findings of each sort.
#[derive(Default)]
struct FindingCounts {
    ok: usize,
    failed: usize,
    skipped: usize,
    blessed: usize,
}

impl FindingCounts {
    fn add(&mut self, finding: &Finding) {
        let count = match finding.found {
            CheckOutcome::Ok(_) => &mut self.ok,
            CheckOutcome::Failed { .. } => &mut self.failed,
            CheckOutcome::Skipped(_) => &mut self.skipped,
            CheckOutcome::Blessed(_) => &mut self.blessed,
        };
        *count += 1;
    }

    fn line(&self) -> String {
        let mut line = format!("{} ok, {} failed", self.ok, self.failed);
        for (count, what) in [(self.skipped, "skipped"), (self.blessed, "blessed")] {
            if count > 0 {
                let _ = write!(line, ", {count} {what}");
            }
        }
        line + "\n"
    }

    fn outcome(&self) -> Result<(), CliError> {
        match self.failed {
            0 => Ok(()),
            some => Err(CliError::new(
                Exit::PluginFailed,
                counted(some, "check failed", "checks failed"),
            )),
        }
    }
}

/// A line, and below a failure what to do about it. Control characters of what a plugin said are made visible.
fn render(finding: &Finding) -> String {
    let visible = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c })
            .collect()
    };
    let name = &finding.name;
    match &finding.found {
        CheckOutcome::Ok(note) if note.is_empty() => format!("ok      {name}\n"),
        CheckOutcome::Ok(note) => format!("ok      {name}: {}\n", visible(note)),
        CheckOutcome::Skipped(reason) => format!("skipped {name}: {}\n", visible(reason)),
        CheckOutcome::Blessed(path) => format!("blessed {name}: wrote {}\n", path.display()),
        CheckOutcome::Failed { what, hint } => {
            let mut text = String::new();
            let what = visible(what);
            let mut lines = what.lines();
            let _ = writeln!(text, "failed  {name}: {}", lines.next().unwrap_or_default());
            for line in lines {
                let _ = writeln!(text, "        {line}");
            }
            if !hint.is_empty() {
                let _ = writeln!(text, "        hint: {hint}");
            }
            text
        }
    }
}

impl From<WorkshopError> for CliError {
    fn from(error: WorkshopError) -> Self {
        match error {
            WorkshopError::Plugin(error) => error.into(),
            error => {
                let exit = if error.is_usage() {
                    Exit::Usage
                } else {
                    Exit::PluginFailed
                };
                let failure = CliError::new(exit, error.to_string());
                match error.hint() {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            }
        }
    }
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Rust => Language::Rust,
            Lang::Python => Language::Python,
            Lang::JavaScript => Language::JavaScript,
        }
    }
}

//! Messages on stderr, in the colour and shape the user asked for: those of `tracing`, and those of the command line itself
//! ([`say`]). As JSON all have one shape, [`LogLine`].

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::args::{Color, LogFormat, OutputOptions};
use crate::render::screen;
use base::EVIDENCE;
use base::visible;

/// The context of all messages of the process, as far as it is known.
static ABOUT: Mutex<MessageContext> = Mutex::new(MessageContext::NOTHING);

/// The contexts of runs that are carried out side by side, by the number of each one's span.
static SIDE_BY_SIDE: Mutex<BTreeMap<u64, MessageContext>> = Mutex::new(BTreeMap::new());

/// The run and the stream that messages are about.
#[derive(Debug, Default)]
pub struct MessageContext {
    /// The stream, where progress is kept.
    pub stream: Option<String>,
    /// The run.
    pub run_id: Option<String>,
    /// The connection's name.
    pub connection: Option<String>,
    /// The report's name.
    pub report: Option<String>,
}

impl MessageContext {
    const NOTHING: MessageContext = MessageContext {
        stream: None,
        run_id: None,
        connection: None,
        report: None,
    };
}

/// The crates whose messages are this program's own.
const OWN: [&str; 20] = [
    "base",
    "built_in",
    "connection",
    "event",
    "event_archive",
    "event_codec",
    "evidence",
    "fetch",
    "host",
    "ledger",
    "rejected",
    "remote",
    "run",
    "sandbox",
    "secret_mask",
    "setup",
    "simulator",
    "sink",
    "state",
    "workshop",
];

/// The messages of one of several runs that are carried out side by side. What is done in its [`span`](RunMessages::span) has a context of
/// its own.
pub struct RunMessages {
    span: tracing::Span,
}

impl RunMessages {
    /// The messages of the run of a stream of that name.
    pub fn of(stream: &str) -> RunMessages {
        // Whatever is filtered out below errors, the context is there.
        let span = tracing::error_span!("run", stream);
        if let Some(id) = span.id() {
            let context = MessageContext {
                stream: Some(stream.to_owned()),
                ..MessageContext::NOTHING
            };
            side_by_side().insert(id.into_u64(), context);
        }
        RunMessages { span }
    }

    /// The span that the run is carried out in.
    pub fn span(&self) -> tracing::Span {
        self.span.clone()
    }
}

impl Drop for RunMessages {
    fn drop(&mut self) {
        if let Some(id) = self.span.id() {
            side_by_side().remove(&id.into_u64());
        }
    }
}

fn side_by_side() -> MutexGuard<'static, BTreeMap<u64, MessageContext>> {
    SIDE_BY_SIDE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets what the messages that follow are about.
pub fn about(set: impl FnOnce(&mut MessageContext)) {
    with_context(set);
}

/// Works with the context of the messages that are given from here.
fn with_context<T>(work: impl FnOnce(&mut MessageContext) -> T) -> T {
    let here = tracing::Span::current().id().map(|id| id.into_u64());
    let mut runs = side_by_side();
    match here.and_then(|id| runs.get_mut(&id)) {
        Some(context) => work(context),
        None => work(&mut ABOUT.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Starts logging for the process. Only our own messages get louder with `-v`: those of libraries may quote what they
/// send. What plugins print gets louder only where they are given test data.
pub fn start(talk: &OutputOptions, plugins_too: bool) {
    let level = match (talk.quiet, talk.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let colored = match talk.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
    };
    match talk.color {
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
        Color::Auto => {}
    }
    let format = talk.log_format;
    let plugins = if plugins_too { level } else { "error" };
    // What async-nats logs are a server's own words, which may repeat a credential. Its errors are told by the sink.
    let mut filter = format!("error,async_nats=off,plugin={plugins},{EVIDENCE}=warn");
    for own in OWN {
        filter += &format!(",{own}={level}");
    }
    let filter = EnvFilter::new(filter);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Messages(format))
        // It would say on stderr that stderr takes nothing, and panic over that.
        .log_internal_errors(false)
        .with_target(false);
    // A second start, as in tests, keeps the first.
    let _ = match talk.log_format {
        LogFormat::Text => builder.with_ansi(colored).compact().without_time().try_init(),
        LogFormat::Json => builder.event_format(LogLineFormat).try_init(),
    };
}

/// Standard error for messages of `tracing`, which come whole: their texts may be anybody's. As JSON they are escaped already.
struct Messages(LogFormat);

impl Write for Messages {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.write_all(buffer).map(|()| buffer.len())
    }

    fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
        match (self.0, std::str::from_utf8(buffer)) {
            (LogFormat::Text, Ok(text)) => screen::Stderr.write_all(visible::shown(text).as_bytes()),
            _ => screen::Stderr.write_all(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        screen::Stderr.flush()
    }
}

/// A message of the command line itself: as `text` for people, and as one [`LogLine`] for programs. There is nobody to tell
/// where stderr is closed.
pub fn say(format: LogFormat, text: &str, line: &LogLine) {
    let _ = match format {
        LogFormat::Text => {
            let mut stderr = anstream::AutoStream::new(Vec::new(), anstream::AutoStream::choice(&std::io::stderr()));
            let written = stderr.write_all(visible::shown(text).as_bytes());
            written.and_then(|()| screen::Stderr.write_all(&stderr.into_inner()))
        }
        LogFormat::Json => screen::Stderr.write_all((line.to_string() + "\n").as_bytes()),
    };
}

/// A message as one JSON object: when, how grave, what it is about, and the fields of its own, `message` among them.
#[derive(Debug, Default)]
pub struct LogLine {
    level: &'static str,
    fields: Vec<(String, Value)>,
}

impl LogLine {
    /// A message; `level` is one of `error`, `warn`, `info`, `debug`, `trace`.
    pub fn new(level: &'static str, message: &str) -> LogLine {
        LogLine {
            level,
            fields: vec![("message".into(), message.into())],
        }
    }

    /// With one field more; the latest of a name counts.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> LogLine {
        self.put(name, value.into());
        self
    }

    fn put(&mut self, name: &str, value: Value) {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value));
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = with_context(|about| {
            [
                ("stream", about.stream.clone()),
                ("run_id", about.run_id.clone()),
                ("connection", about.connection.clone()),
                ("report", about.report.clone()),
            ]
        });
        // Milliseconds, always: texts of one length sort as times do.
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        write!(f, r#"{{"ts":{},"level":{}"#, Value::from(now), Value::from(self.level))?;
        for (name, value) in about {
            // What a message itself says is nearer.
            let own = self.fields.iter().any(|(known, _)| known == name);
            if let Some(value) = value.as_deref().filter(|_| !own) {
                let value = Value::from(value).to_string();
                write!(f, ",{}:{}", Value::from(name), visible::in_json(&value))?;
            }
        }
        for (name, value) in &self.fields {
            let value = value.to_string();
            write!(f, ",{}:{}", Value::from(name.as_str()), visible::in_json(&value))?;
        }
        f.write_str("}")
    }
}

/// Events of `tracing`, each as a [`LogLine`].
struct LogLineFormat;

impl<S, N> FormatEvent<S, N> for LogLineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warn",
            tracing::Level::INFO => "info",
            tracing::Level::DEBUG => "debug",
            tracing::Level::TRACE => "trace",
        };
        let mut line = LogLine::new(level, "");
        event.record(&mut line);
        writeln!(writer, "{line}")
    }
}

/// Numbers stay numbers, whatever their width.
impl Visit for LogLine {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value.into());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            Err(_) => self.put(field.name(), value.to_string().into()),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.record_u64(field, value),
            Err(_) => self.put(field.name(), value.to_string().into()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    /// The buffer of what is logged, line by line.
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Heard {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(buffer);
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn numbers_of_a_logged_event_are_numbers_in_its_line() {
        let heard = Heard::default();
        let writer = heard.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .event_format(LogLineFormat)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let long = std::time::Duration::from_millis(875).as_millis();
            tracing::warn!(
                elapsed_ms = long,
                ok = true,
                share = 0.5,
                report = "mine",
                "a \"row\"\nmore"
            );
        });
        let text = String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "warn");
        assert_eq!(line["elapsed_ms"], 875);
        assert_eq!((&line["ok"], &line["share"]), (&true.into(), &0.5.into()));
        assert_eq!(line["message"], "a \"row\"\nmore");
        assert_eq!(line["report"], "mine");
        assert!(line["ts"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{line}");
    }

    #[test]
    fn runs_side_by_side_have_contexts_of_their_own() {
        let said = |line: LogLine| serde_json::from_str::<Value>(&line.to_string()).unwrap();
        let line = || said(LogLine::new("info", "m"));
        let subscriber = tracing_subscriber::fmt().with_writer(io::sink).finish();
        let _default = tracing::subscriber::set_default(subscriber);
        let (one, other) = (RunMessages::of("a"), RunMessages::of("b"));
        one.span().in_scope(|| about(|about| about.run_id = Some("1".into())));
        other.span().in_scope(|| about(|about| about.run_id = Some("2".into())));
        let of = |run: &RunMessages| run.span().in_scope(line);
        assert_eq!((&of(&one)["stream"], &of(&one)["run_id"]), (&"a".into(), &"1".into()));
        assert_eq!(
            (&of(&other)["stream"], &of(&other)["run_id"]),
            (&"b".into(), &"2".into())
        );
        // What is nobody's, and what comes after, has nothing of it.
        let span = one.span();
        drop(one);
        assert_ne!(span.in_scope(line)["run_id"], "1");
        assert_ne!(line()["run_id"], "2");
    }

    #[test]
    fn the_messages_of_every_room_are_this_program_s_own() {
        let rooms = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/crates")).unwrap();
        let mut rooms: Vec<String> = rooms
            .map(|room| room.unwrap().file_name().into_string().unwrap().replace('-', "_"))
            .chain(["host".to_owned()])
            .collect();
        rooms.sort();
        assert_eq!(OWN.as_slice(), rooms);
    }
}

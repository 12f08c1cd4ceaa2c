//! From what names a report to what its plugin is asked: period, parameters, clock.
//!
//! A [`ReportChoice`] is what somebody asks for; [`prepare`] loads the plugin and checks everything about it that needs no
//! server, which makes a [`PreparedReport`] of it.

mod streams;

pub use streams::check_stream;

use std::collections::BTreeSet;

use jiff::Timestamp;

use base::ErrorKind;
use connection::CompartmentId;
use event::{Product, Provenance};
use remote::Settings;
use run::{Period, PluginSummary, Summary, Window, WindowError, WindowSummary};
use sandbox::{ConnectionKind, Description, Fetch, Parameter, Plugin, PluginKind, Request};

use crate::SetupError;
use crate::config::{self, Config, StreamEntry};
use crate::connections::{self, ParameterSource};
use crate::plugins;
use crate::recorded_run::RecordedRun;

/// A report as somebody asks for it.
#[derive(Debug, Clone)]
pub struct ReportChoice {
    /// A built-in report, a name under `[plugins]`, a path, or the name of a configured stream.
    pub plugin: String,
    /// The period, as it was named.
    pub period: Period,
    /// Parameters, each `KEY=VALUE`.
    pub parameters: Vec<String>,
    /// The connection that stands in for those that are not given.
    pub defaults: ParameterSource,
    /// The clock, where it is not this machine's.
    pub clock: Option<Timestamp>,
    /// The recorded run to ask the same as: it takes the place of period, parameters and clock.
    pub recorded: Option<RecordedRun>,
    /// The run's name, where it has one already.
    pub run_id: Option<String>,
}

/// A report plugin and what is asked of it.
pub struct PreparedReport {
    /// The configuration that was read.
    pub config: Config,
    /// The loaded component.
    pub plugin: Plugin,
    /// The plugin's account of itself.
    pub description: Description,
    /// The period.
    pub window: Window,
    /// The clock.
    pub now: Timestamp,
    /// The clock, where it is not this machine's.
    pub clock: Option<Timestamp>,
    /// The request that the plugin gets.
    pub request: Request,
    /// The run's name; part of the unique name.
    pub run_id: String,
    /// The plugin as it was asked for: a built-in report, a name under `[plugins]`, or a path.
    pub asked: String,
    /// The name of the configured stream that was asked for, where it was asked for by that.
    pub named: Option<String>,
    /// True where a recorded run is asked for again, which belongs to no stream.
    is_recorded: bool,
}

impl PreparedReport {
    /// The configured stream that this report belongs to where it comes by that connection: the one that was named, else the only one
    /// that is made of the same.
    ///
    /// # Errors
    ///
    /// Where several are made of the same.
    pub fn stream(&self, connection: &str) -> Result<Option<&StreamEntry>, SetupError> {
        if let Some(name) = &self.named {
            return Ok(self.config.stream(name));
        }
        if self.is_recorded {
            return Ok(None);
        }
        let found = self
            .config
            .streams_of(&self.asked, connection, &self.request.parameters);
        if found.len() > 1 {
            let names: Vec<_> = found.iter().map(|stream| stream.name.as_str()).collect();
            let commands: Vec<_> = names.iter().map(|name| format!("`host run {name}`")).collect();
            let message = format!(
                "{} @ {connection} is collected by several streams: {}",
                self.asked,
                names.join(", ")
            );
            return Err(SetupError::usage(message)
                .hint(format!("say which one: {}", commands.join(", ")))
                .read_from(self.config.file.path.as_deref()));
        }
        Ok(found.into_iter().next())
    }

    /// The connection that was named: that of the stream, where one was.
    pub fn connection<'a>(&'a self, named: Option<&'a str>) -> Option<&'a str> {
        let stream = self.named.as_deref().and_then(|name| self.config.stream(name));
        stream.map(|stream| stream.connection.as_str()).or(named)
    }

    /// Names the plugin in a summary, and what is asked of it.
    pub fn introduce(&self, summary: &mut Summary) {
        summary.plugin = PluginSummary {
            name: self.description.name.clone(),
            version: self.description.version.clone(),
            sha256: self.plugin.digest().to_string(),
        };
        summary.stream.clone_from(&self.named);
        summary.parameters.clone_from(&self.request.parameters);
        summary.window = Some(WindowSummary {
            from: self.window.from,
            to: self.window.to,
        });
    }

    /// The facts that all events of a run share which asks a server with these settings.
    pub fn provenance(&self, settings: &Settings) -> Provenance {
        let source = &self.description.source;
        let product = Product::new(&source.vendor, &source.name);
        let service = settings.base.host_str().unwrap_or_default();
        let report = &self.description.name;
        // Where several are meant the run is refused before it begins.
        let stream = self.stream(&settings.name).ok().flatten();
        Provenance::new(report, &settings.name, service, product)
            .of_tenant(settings.tenant.clone())
            .of_stream(stream.map(|stream| stream.name.clone()))
    }

    /// The service of the cloud that the plugin asks, where it names one. A connection by region needs it.
    ///
    /// # Errors
    ///
    /// Where the plugin refuses what it is asked for, or asks several services.
    pub fn service(&self) -> Result<Option<String>, SetupError> {
        if self.description.connection != ConnectionKind::Oci {
            return Ok(None);
        }
        let plan = self.plugin.report()?.plan(&self.request)?;
        let services: BTreeSet<Option<String>> = (plan.into_iter())
            .map(|fetch| match fetch {
                Fetch::Call(call) => call.service,
                Fetch::Pages(pages) => pages.service,
                Fetch::Job(_) => None,
            })
            .collect();
        if services.len() > 1 {
            let message = format!("{} asks several services of OCI at once", self.description.name);
            return Err(SetupError::new(ErrorKind::Plugin, message)
                .hint("a connection leads to one of them: ask the author of the plugin for a report of each"));
        }
        Ok(services.into_iter().next().flatten())
    }

    /// The notes that a recording has to hold of a run with these settings, so that a run from it asks the same.
    pub fn to_be_recorded(&self, settings: &Settings) -> RecordedRun {
        RecordedRun {
            connection: settings.name.clone(),
            tenant: settings.tenant.clone(),
            now: self.now,
            window: self.window,
            parameters: self.request.parameters.clone(),
            unique_name: self.request.unique_name.clone(),
        }
    }
}

/// Loads the plugin and checks everything about the request that needs no server. Blocks: a plugin is compiled and called.
///
/// # Errors
///
/// Where there is no such plugin or it fails, and where it cannot be asked for that.
pub fn prepare(config: Config, choice: &ReportChoice) -> Result<PreparedReport, SetupError> {
    let (choice, named) = &streams::of_stream(&config, choice)?;
    let recorded = choice.recorded.as_ref();
    let clock = recorded.map(|recorded| recorded.now).or(choice.clock);
    let now = clock.unwrap_or_else(this_machine_s_clock);
    let plugin = plugins::load(&config, &choice.plugin)?;
    if plugin.kind() != PluginKind::Report {
        let message = format!("{} is a sink plugin, not a report", choice.plugin);
        return Err(SetupError::new(ErrorKind::Plugin, message).hint("name a sink with --sink"));
    }
    let description = plugin.report()?.describe()?;
    let window = match recorded {
        Some(recorded) => recorded.window,
        None => {
            let wrong = |error: WindowError| SetupError::told(ErrorKind::Usage, &error, error.hint());
            choice.period.window(now, description.granularity).map_err(wrong)?
        }
    };
    let parameters = match recorded {
        Some(recorded) => recorded.parameters.clone(),
        None => {
            let mut parameters = parameters(&choice.parameters, &description)?;
            parameters.extend(of_connection(&config, choice, &description, &parameters));
            let complete = check_required(&config, choice, &description, &parameters);
            complete.map_err(|error| error.read_from(config.file.path.as_deref()))?;
            parameters
        }
    };
    let run_id = choice.run_id.clone().unwrap_or_else(|| run_id(now));
    let request = Request {
        window: window.into(),
        now: now.as_millisecond(),
        parameters,
        unique_name: match recorded {
            Some(recorded) => recorded.unique_name.clone(),
            None => format!("host-{}-{run_id}", description.name),
        },
    };
    Ok(PreparedReport {
        config,
        plugin,
        description,
        window,
        now,
        clock,
        request,
        run_id,
        asked: choice.plugin.clone(),
        named: named.clone(),
        is_recorded: recorded.is_some(),
    })
}

/// The name by which a plugin is asked for later: its name, or the whole of its path.
pub fn lasting_name(plugin: &str, config: &Config) -> String {
    if config.plugins.contains_key(plugin) || built_in::built_in(plugin).is_some() {
        return plugin.to_owned();
    }
    let whole = std::path::absolute(plugin).ok();
    whole.map_or_else(|| plugin.to_owned(), |path| path.display().to_string())
}

/// The time, in the milliseconds that plugins and servers know.
pub fn this_machine_s_clock() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// A run's name, sortable by time, and unique across processes and machines: `20250331T153000-5f2c9a1be07d4c33`.
pub fn run_id(now: Timestamp) -> String {
    format!("{}-{:016x}", now.strftime("%Y%m%dT%H%M%S"), fastrand::u64(..))
}

fn parameters(given: &[String], description: &Description) -> Result<Vec<(String, String)>, SetupError> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for text in given {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            SetupError::usage(format!("--param {text:?} is not KEY=VALUE")).hint("for example --param keep-file=true")
        })?;
        let known = description.parameters.iter().find(|parameter| parameter.name == name);
        let parameter = known.ok_or_else(|| unknown_parameter(name, description))?;
        check_value(parameter, value)?;
        check_compartment(name, value, description)?;
        if !parameter.repeatable && parameters.iter().any(|(seen, _)| seen == name) {
            return Err(SetupError::usage(format!("parameter {name} is given twice")).hint("give it once"));
        }
        parameters.push((name.to_string(), value.to_string()));
    }
    Ok(parameters)
}

/// The parameter that a connection to OCI stands in for.
const COMPARTMENT: &str = "compartment";

/// The parameters that are not given, and that the connection says.
fn of_connection(
    config: &Config,
    choice: &ReportChoice,
    description: &Description,
    given: &[(String, String)],
) -> Option<(String, String)> {
    let known = description.parameters.iter().any(|known| known.name == COMPARTMENT);
    if description.connection != ConnectionKind::Oci || !known || given.iter().any(|(name, _)| name == COMPARTMENT) {
        return None;
    }
    let compartment = connections::compartment(config, &choice.defaults)?;
    Some((COMPARTMENT.to_owned(), compartment.as_str().to_owned()))
}

/// Refuses a request that lacks what there is no plan without.
fn check_required(
    config: &Config,
    choice: &ReportChoice,
    description: &Description,
    given: &[(String, String)],
) -> Result<(), SetupError> {
    let is_given = |parameter: &Parameter| given.iter().any(|(name, _)| *name == parameter.name);
    let missing = (description.parameters.iter()).find(|parameter| parameter.required && !is_given(parameter));
    let Some(Parameter { name, summary, .. }) = missing else {
        return Ok(());
    };
    let hint = match description.connection {
        ConnectionKind::Oci if name == COMPARTMENT => match choice.defaults {
            // Nothing is configured of a server that is typed.
            ParameterSource::Nothing => format!("give --param {name}=OCID"),
            ParameterSource::Only if connections::are_several(config, connection::ConnectionKind::Oci) => format!(
                "several connections of kind oci are configured: choose one that has a `{name}` with --connection, or give \
                 --param {name}=OCID"
            ),
            ParameterSource::Only | ParameterSource::Named(_) => {
                format!("give --param {name}=OCID, or write `{name} = \"OCID\"` below the connection in host.toml")
            }
        },
        _ => format!("give --param {name}=…"),
    };
    Err(SetupError::usage(format!("{} needs `{name}`: {summary}", description.name)).hint(hint))
}

/// Parameters that a report had once, each with what does its work today.
const RETIRED: [(&str, &str, &str); 1] = [(
    "audit-events",
    "lag",
    "leave it out: each run looks back for events that were stored late, as far as `look-back` under [ledger] says",
)];

fn unknown_parameter(name: &str, description: &Description) -> SetupError {
    let names = || description.parameters.iter().map(|parameter| parameter.name.as_str());
    let retired = RETIRED
        .iter()
        .find(|(report, parameter, _)| *report == description.name && *parameter == name);
    let hint = match (retired, config::nearest(name, names())) {
        (Some((_, _, instead)), _) => instead.to_string(),
        (None, Some(known)) => format!("did you mean `{known}`?"),
        (None, None) if description.parameters.is_empty() => "it has no parameters".to_string(),
        (None, None) => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
    };
    SetupError::usage(format!("{} has no parameter {name:?}", description.name)).hint(hint)
}

fn check_value(parameter: &Parameter, value: &str) -> Result<(), SetupError> {
    if parameter.values.is_empty() || parameter.values.iter().any(|allowed| allowed == value) {
        return Ok(());
    }
    let message = format!("parameter {} cannot be {value:?}", parameter.name);
    Err(SetupError::usage(message).hint(format!("it is one of {}", parameter.values.join(", "))))
}

/// Refuses what is no compartment of OCI, as the key of a connection that stands in for the parameter does.
fn check_compartment(name: &str, value: &str, description: &Description) -> Result<(), SetupError> {
    if description.connection != ConnectionKind::Oci || name != COMPARTMENT || CompartmentId::parse(value).is_some() {
        return Ok(());
    }
    let message = format!("--param {name}={value:?} is not the OCID of a compartment or of a tenancy");
    Err(SetupError::usage(message).hint(
        "it is written as ocid1.compartment.oc1..UNIQUE: that of the compartment that holds the identity domain, or of the \
         tenancy for its root compartment",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::{Granularity, Product};

    fn description(connection: ConnectionKind) -> Description {
        let parameter = |name: &str, required| Parameter {
            name: name.into(),
            summary: "the OCID of it".into(),
            values: Vec::new(),
            default: None,
            repeatable: false,
            required,
        };
        Description {
            name: "oci-audit".into(),
            version: "1.0.0".into(),
            summary: String::new(),
            connection,
            source: Product {
                vendor: "Oracle".into(),
                name: "OCI Audit".into(),
            },
            requests: Vec::new(),
            granularity: Granularity::Instant,
            retention_days: None,
            window_days: None,
            parameters: vec![parameter("via", false), parameter(COMPARTMENT, true)],
            deprecation: None,
        }
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn choice(defaults: ParameterSource) -> ReportChoice {
        ReportChoice {
            plugin: "oci-audit".into(),
            period: Period::Today,
            parameters: Vec::new(),
            defaults,
            clock: None,
            recorded: None,
            run_id: None,
        }
    }

    #[test]
    fn what_there_is_no_plan_without_is_asked_for() {
        let one = "[connections.a]\nkind = \"oci\"\nregion = \"fra\"\n";
        let two = Config::parse(&format!("{one}{}", one.replace(".a]", ".b]"))).unwrap();
        let one = Config::parse(one).unwrap();
        let said = |config, kind, defaults, given: &[(String, String)]| {
            check_required(config, &choice(defaults), &description(kind), given)
        };
        let given = [pair("via", "search")];
        let error = said(&one, ConnectionKind::Oci, ParameterSource::Only, &given).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Usage);
        assert_eq!(error.message, "oci-audit needs `compartment`: the OCID of it");
        let hint = error.hint.unwrap();
        assert!(
            hint.contains("--param compartment=OCID") && hint.contains("host.toml"),
            "{hint}"
        );
        for (config, kind, defaults, hint) in [
            (
                &one,
                ConnectionKind::Http,
                ParameterSource::Only,
                "give --param compartment=…",
            ),
            (
                &one,
                ConnectionKind::Oci,
                ParameterSource::Nothing,
                "give --param compartment=OCID",
            ),
            (
                &two,
                ConnectionKind::Oci,
                ParameterSource::Only,
                "several connections of kind oci are configured: choose one that has a `compartment` with --connection, or give \
                 --param compartment=OCID",
            ),
        ] {
            let error = said(config, kind, defaults, &given).unwrap_err();
            assert_eq!(error.hint.as_deref(), Some(hint));
        }
        let given = [pair(COMPARTMENT, "x")];
        said(&one, ConnectionKind::Oci, ParameterSource::Only, &given).unwrap();
    }

    #[test]
    fn what_is_no_compartment_is_refused_before_anybody_is_asked() {
        let said = |kind, value: &str| parameters(&[format!("{COMPARTMENT}={value}")], &description(kind));
        assert!(said(ConnectionKind::Oci, "ocid1.tenancy.oc1..a").is_ok());
        assert!(said(ConnectionKind::Http, "sales").is_ok());
        for wrong in ["", "sales", "ocid1.domain.oc1..a", "ocid1.compartment.oc1..a\"b"] {
            let error = said(ConnectionKind::Oci, wrong).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Usage, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_given_the_connection_says() {
        let text = "[connections.oci]\nkind = \"oci\"\nregion = \"fra\"\ncompartment = \"ocid1.tenancy.oc1..a\"\n";
        let config = Config::parse(text).unwrap();
        let said = |kind, defaults, given: &[(String, String)]| {
            of_connection(&config, &choice(defaults), &description(kind), given)
        };
        let compartment = Some(pair(COMPARTMENT, "ocid1.tenancy.oc1..a"));
        assert_eq!(said(ConnectionKind::Oci, ParameterSource::Only, &[]), compartment);
        let given = [pair(COMPARTMENT, "ocid1.tenancy.oc1..b")];
        assert_eq!(said(ConnectionKind::Oci, ParameterSource::Only, &given), None);
        assert_eq!(said(ConnectionKind::Oci, ParameterSource::Nothing, &[]), None);
        assert_eq!(said(ConnectionKind::Http, ParameterSource::Only, &[]), None);
    }
}

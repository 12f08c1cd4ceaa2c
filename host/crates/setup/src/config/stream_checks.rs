//! Checks of streams: names that are no names or are there twice, reports and connections that are not there.

use super::error::{ConfigError, nearest};
use super::host_toml::Config;
use super::stream::StreamEntry;
use built_in::{BUILT_IN, built_in};
use connection::line_of;

/// Letters of a name, at most.
const LONGEST: usize = 64;

/// True where a stream can be called so: names stand in arguments, keys and log lines.
pub fn is_stream_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let begins = |c: char| c.is_ascii_alphanumeric();
    name.len() <= LONGEST && name.starts_with(begins) && name.chars().all(plain)
}

/// True where a report is called so, so that no stream can be.
pub fn is_report_name(config: &Config, name: &str) -> bool {
    built_in(name).is_some() || config.plugins.contains_key(name)
}

/// Refuses streams that cannot be taken.
pub(super) fn check_streams(config: &Config) -> Result<(), ConfigError> {
    for (number, stream) in config.streams.iter().enumerate() {
        check_stream(config, number, stream)?;
    }
    Ok(())
}

fn check_stream(config: &Config, number: usize, stream: &StreamEntry) -> Result<(), ConfigError> {
    let line = |number: usize, key: &str| line_of(&config.file.text, &["streams", &number.to_string(), key]);
    let wrong = |key: &str, message: String, nearest: Option<&str>| ConfigError::Syntax {
        file: None,
        line: line(number, key),
        message: format!("streams[{number}].{key}: {message}"),
        nearest: nearest.map(str::to_owned),
    };
    let name = &stream.name;
    if !is_stream_name(name) {
        let message = format!(
            "the name of a stream is letters, digits, `-`, `_` and `.`, begins with a letter or digit, and has at most {LONGEST} of them: \
             {:?} is none",
            name.escape_default().to_string()
        );
        return Err(wrong("name", message, None));
    }
    if is_report_name(config, name) {
        let message = format!(
            "{name} is the name of a report, so `host run {name}` would mean both; give the stream another one"
        );
        return Err(wrong("name", message, None));
    }
    if let Some(first) = config.streams.iter().take(number).position(|other| other.name == *name) {
        let first = match line(first, "name") {
            Some(line) => format!("at line {line}"),
            None => format!("as streams[{first}]"),
        };
        let message = format!("there is a stream {name} already, {first}; each has a name of its own");
        return Err(wrong("name", message, None));
    }
    if !is_report_name(config, &stream.report) {
        let reports = (BUILT_IN.iter().map(|(name, _)| *name)).chain(config.plugins.keys().map(String::as_str));
        let near = nearest(&stream.report, reports);
        let message = format!(
            "there is no report {:?}: it is a built-in one or a name under [plugins]",
            stream.report
        );
        return Err(wrong("report", message, near));
    }
    if !config.connections.contains_key(&stream.connection) {
        let near = nearest(&stream.connection, config.connections.keys().map(String::as_str));
        let message = format!("there is no connection {:?}", stream.connection);
        return Err(wrong("connection", message, near));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: &str = "[connections.prod]\nkind = \"epm\"\nurl = \"https://a.example\"\n";

    fn parse(streams: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!("{CONNECTION}{streams}"))
    }

    fn stream(more: &str) -> String {
        format!("[[streams]]\nname = \"a\"\nreport = \"user-login\"\nconnection = \"prod\"\n{more}\n")
    }

    #[test]
    fn a_stream_is_read() {
        let more = "parameters = { keep-file = true, userlogin = \"jdoe\", number = 7, share = 0.5, each = [\"x\", \"y\"] }\n\
                    start = \"2026-08-15\"\nretention = \"30d\"\nmax-lag = \"2h\"\nexpect-events-every = \"2d\"";
        let config = parse(&stream(more)).unwrap();
        let read = config.stream("a").unwrap();
        let given: Vec<_> = read
            .given()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            given,
            [
                "each=x",
                "each=y",
                "keep-file=true",
                "number=7",
                "share=0.5",
                "userlogin=jdoe"
            ]
        );
        assert_eq!(read.start.unwrap().to_string(), "2026-08-15T00:00:00Z");
        assert_eq!(read.max_lag.unwrap().as_secs(), 7200);
        let of = |parameters: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
            let parameters: Vec<_> = parameters.iter().map(pair).collect();
            config.streams_of("user-login", "prod", &parameters).len()
        };
        assert_eq!(of(&[]), 0);
        let config = parse(&stream("parameters = { keep-file = true }")).unwrap();
        assert_eq!(
            config.streams_of("user-login", "prod", &[]).len(),
            1,
            "it chooses no events"
        );
        assert_eq!(config.streams_of("user-login", "other", &[]).len(), 0);
    }

    #[test]
    fn what_a_connection_to_oci_stands_in_for_is_part_of_its_streams() {
        let text = "[connections.oci]\nkind = \"oci\"\nregion = \"fra\"\ncompartment = \"ocid1.tenancy.oc1..a\"\n\
                    [[streams]]\nname = \"log\"\nreport = \"oci-audit\"\nconnection = \"oci\"\n";
        let config = Config::parse(text).unwrap();
        let compartment = |ocid: &str| vec![("compartment".to_owned(), ocid.to_owned())];
        let of = |ocid| config.streams_of("oci-audit", "oci", &compartment(ocid)).len();
        assert_eq!((of("ocid1.tenancy.oc1..a"), of("ocid1.tenancy.oc1..b")), (1, 0));
    }

    #[test]
    fn a_mistake_is_shown_with_its_line_and_what_may_be_meant() {
        let with = |from: &str, to: &str| stream("").replace(from, to);
        let twice = format!("{}{}", stream(""), stream(""));
        for (text, line, part, near) in [
            (with("\"a\"", "\"a b\""), 5, "streams[0].name", None),
            (with("\"a\"", "\"-a\""), 5, "streams[0].name", None),
            (with("\"a\"", "\"user-audit\""), 5, "is the name of a report", None),
            (twice, 10, "there is a stream a already, at line 5", None),
            (
                with("user-login", "user-logn"),
                6,
                "there is no report",
                Some("user-login"),
            ),
            (with("\"prod\"", "\"prd\""), 7, "there is no connection", Some("prod")),
            (stream("start = \"2026-08\""), 8, "a start is a day", None),
            (stream("max-lag = \"soon\""), 8, "", None),
            (stream("maxlag = \"1h\""), 8, "maxlag", Some("max-lag")),
        ] {
            let error = parse(&text).unwrap_err();
            let ConfigError::Syntax {
                line: found,
                nearest,
                message,
                ..
            } = &error
            else {
                panic!("{error}")
            };
            assert!(message.contains(part), "{text}: {message}");
            assert_eq!((*found, nearest.as_deref()), (Some(line), near), "{text}: {message}");
        }
    }

    #[test]
    fn a_parameter_that_is_none_is_refused_without_being_repeated() {
        let error = parse(&stream("parameters = { keep-file = { env = \"hunter2\" } }")).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("a parameter is a text, a number"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

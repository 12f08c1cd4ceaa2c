//! `drop`: what a configured sink leaves out of its events.

use super::program::Program;
use crate::SetupError;
use crate::config::{SinkEntry, nearest};
use event::cells::{can_have, names};
use event::{Encoding, Rendering};

/// The form in which a configured sink writes its events.
///
/// # Errors
///
/// Fails where the sink's events cannot be without what it drops.
pub(super) fn rendering(program: &Program<'_>, name: &str, sink: &SinkEntry) -> Result<Rendering, SetupError> {
    Rendering::without(encoding(program, name, sink)?, &sink.drop).map_err(|error| {
        SetupError::usage(error.to_string())
            .at(&program.sink(name).place(&["drop"]))
            .hint("a path is as in `unmapped.meta`; `host demo --encoding ocsf|ecs|event` shows what events look like")
    })
}

/// Paths that no event has.
pub(super) fn remarks(program: &Program<'_>, name: &str, sink: &SinkEntry) -> Vec<String> {
    let Ok(encoding) = encoding(program, name, sink) else {
        return Vec::new();
    };
    let strange = sink.drop.iter().filter(|path| !can_have(encoding, path));
    let remark = |path: &String| {
        let near = nearest(path, names(encoding)).map(|near| format!("; did you mean {near:?}?"));
        format!(
            "{}: no {encoding} event has {path:?}, so nothing is left out{}",
            program.sink(name).place(&["drop"]),
            near.unwrap_or_default()
        )
    };
    strange.map(remark).collect()
}

/// The encoding that the paths of `drop` are of.
fn encoding(program: &Program<'_>, name: &str, sink: &SinkEntry) -> Result<Encoding, SetupError> {
    match sink.drop.is_empty() {
        true => Ok(sink.encoding()),
        false => sink.kind.config().encoding_of_drop(&program.sink(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::sinks::check;

    fn config(sink: &str) -> Config {
        Config::parse(&format!("[sinks.x]\n{sink}\n")).unwrap()
    }

    #[test]
    fn what_events_cannot_be_without_is_refused_with_its_place() {
        for (sink, message) in [
            (
                "kind = \"stdout\"\ndrop = [\"unmapped.meta\", \"time\"]",
                "line 3: sinks.x.drop: \"time\" cannot be left out of ocsf events",
            ),
            (
                "kind = \"syslog\"\naddress = \"a.example:514\"\nencoding = \"ecs\"\ndrop = [\"event\"]",
                "\"event\" cannot be left out of ecs events: `event.id` would go",
            ),
            // It takes events: whatever else is said of an encoding, the members are theirs.
            (
                "plugin = \"cef\"\nencoding = \"ocsf\"\ndrop = [\"subject\"]",
                "\"subject\" cannot be left out of event events",
            ),
        ] {
            let config = config(sink);
            let failure = check(&config, "x", &config.sinks["x"]).unwrap_err();
            let said = failure.message;
            assert!(said.contains(message), "{said}");
            assert_eq!(said.matches("sinks.x").count(), 1, "{said}");
        }
    }

    #[test]
    fn a_path_that_no_event_has_is_remarked_upon() {
        for (sink, remarked) in [
            (
                "kind = \"stdout\"\ndrop = [\"unmapped.meta\", \"unmapped.a.b\", \"src_endpoint\"]",
                None,
            ),
            (
                "kind = \"stdout\"\ndrop = [\"unmaped\"]",
                Some(
                    "line 3: sinks.x.drop: no ocsf event has \"unmaped\", so nothing is left out; did you mean \"unmapped\"?",
                ),
            ),
            (
                "kind = \"stdout\"\nencoding = \"ecs\"\ndrop = [\"unmapped.meta\"]",
                Some("no ecs event has \"unmapped.meta\""),
            ),
            ("plugin = \"cef\"\ndrop = [\"attributes.meta\"]", None),
            (
                "plugin = \"elastic-bulk\"\ndrop = [\"attributes.meta\"]",
                Some("no ocsf event has"),
            ),
        ] {
            let config = config(sink);
            let found = remarks(&Program { config: &config }, "x", &config.sinks["x"]);
            assert_eq!(found.len(), usize::from(remarked.is_some()), "{sink}: {found:?}");
            assert!(
                found.iter().all(|found| found.contains(remarked.unwrap())),
                "{sink}: {found:?}"
            );
        }
    }
}

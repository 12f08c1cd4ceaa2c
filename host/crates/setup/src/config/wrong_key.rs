//! The key of a sink that is wrong, for mistakes that the parser cannot place.

use serde::Deserialize as _;

use super::sink::SinkEntry;

/// The path of the key that a sink of the file cannot be read for: the one without which something else is wrong with the
/// sink, or nothing. A sink's kind decides what its keys mean, so it is read in two steps, and the second knows no places.
pub(super) fn wrong_key(text: &str) -> Option<Vec<String>> {
    let document: toml::Table = toml::from_str(text).ok()?;
    let sinks = document.get("sinks")?.as_table()?;
    let (name, sink, message) = sinks
        .iter()
        .find_map(|(name, sink)| Some((name, sink, mistake(sink)?)))?;
    if message.starts_with("missing field") {
        return None;
    }
    let mut path: Vec<String> = Vec::new();
    while let Some(table) = at(sink, &path).and_then(toml::Value::as_table) {
        let guilty = table.keys().find(|key| {
            let mut other = sink.clone();
            let parent = path.iter().try_fold(&mut other, |value, step| value.get_mut(step));
            if let Some(parent) = parent.and_then(toml::Value::as_table_mut) {
                parent.remove(*key);
            }
            mistake(&other).as_ref() != Some(&message)
        });
        match guilty {
            Some(key) => path.push(key.clone()),
            None => break,
        }
    }
    if path.is_empty() {
        return None;
    }
    Some([vec!["sinks".to_owned(), name.clone()], path].concat())
}

fn at<'v>(value: &'v toml::Value, path: &[String]) -> Option<&'v toml::Value> {
    path.iter().try_fold(value, |value, step| value.get(step))
}

fn mistake(sink: &toml::Value) -> Option<String> {
    SinkEntry::deserialize(sink.clone())
        .err()
        .map(|error| error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use connection::line_of;

    #[test]
    fn the_key_that_is_wrong_in_a_sink_is_named_with_its_line() {
        let good = "[sinks.a]\nkind = \"stdout\"\n";
        for (sink, key, line) in [
            (
                "[sinks.b]\nkind = \"http\"\nbatch-events = 0\nendpoint = { url = \"https://a.example\" }",
                "batch-events",
                5,
            ),
            (
                "[sinks.b]\nkind = \"http\"\nendpoint = { url = \"https://a.example\" }\n[sinks.b.retry]\nmax-elapsed = \"1 fortnight\"",
                "retry.max-elapsed",
                7,
            ),
            (
                "[sinks.b]\nkind = \"http\"\nendpoint = { url = \"nowhere\" }",
                "endpoint.url",
                5,
            ),
        ] {
            let text = format!("{good}{sink}\n");
            let path = wrong_key(&text).unwrap();
            assert_eq!(path.join("."), format!("sinks.b.{key}"));
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            assert_eq!(line_of(&text, &path), Some(line), "{key}");
        }
        assert_eq!(wrong_key(good), None);
        assert_eq!(
            wrong_key("[sinks.b]\nkind = \"http\"\n"),
            None,
            "what is missing has no place"
        );
    }
}

//! The file that a configuration was read from, and where in it a key stands.

use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

/// The file that a configuration was read from.
#[derive(Debug, Clone, Default)]
pub struct ConfigSource {
    /// The file, where there is one.
    pub path: Option<PathBuf>,
    /// The folder that relative paths start from: the file's own.
    pub folder: PathBuf,
    /// The text of the file, for the places of what is found out later.
    pub text: String,
}

impl ConfigSource {
    /// The place of a key, as `host.toml line 7: sinks.siem.endpoint.url`; elements of arrays go by their number. What of it
    /// is not known is left out.
    pub fn place(&self, key: &[&str]) -> String {
        let file = self.path.as_ref().map(|path| path.display().to_string());
        let line = line_of(&self.text, key).map(|line| format!("line {line}"));
        let before: Vec<String> = [file, line].into_iter().flatten().collect();
        let key = key.join(".");
        match before.is_empty() {
            true => key,
            false => format!("{}: {key}", before.join(" ")),
        }
    }
}

/// The line of a key, from 1; the elements of an array go by their number.
pub fn line_of(text: &str, path: &[&str]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let (first, rest) = path.split_first()?;
    let (key, mut value) = document.get_ref().iter().find(|(key, _)| key.get_ref() == first)?;
    let mut start = key.span().start;
    for step in rest {
        match value.get_ref() {
            DeValue::Table(table) => {
                let (key, inner) = table.iter().find(|(key, _)| key.get_ref() == step)?;
                (start, value) = (key.span().start, inner);
            }
            DeValue::Array(array) => {
                value = array.get(step.parse::<usize>().ok()?)?;
                start = value.span().start;
            }
            _ => return None,
        }
    }
    Some(text.get(..start)?.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_through_tables_and_arrays() {
        let text = "a = 1\n[b.c]\nd = { e = 2 }\n[[f]]\ng = 3\n[[f]]\n\ng = 4\n";
        assert_eq!(line_of(text, &["a"]), Some(1));
        assert_eq!(line_of(text, &["b", "c", "d", "e"]), Some(3));
        assert_eq!(line_of(text, &["f", "1", "g"]), Some(8));
        assert_eq!(line_of(text, &["b", "x"]), None);
    }
}

//! Profiles of AWS's own tools, and the environment that names them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::config::ObjectStoreConfig;
use connection::{Environment, SecretSource};

/// The environment of this process; an empty variable counts as not set.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A profile: what the file of credentials says of it, and after that the file of settings.
pub(super) struct Profile {
    pub(super) name: String,
    files: [PathBuf; 2],
    entries: BTreeMap<String, String>,
}

impl Profile {
    /// Files that are not there say nothing.
    pub(super) fn read(set: &ObjectStoreConfig, environment: Environment<'_>) -> Result<Profile, (PathBuf, String)> {
        let name = (set.profile.clone())
            .or_else(|| environment("AWS_PROFILE"))
            .unwrap_or_else(|| "default".into());
        let home = || PathBuf::from(environment("HOME").unwrap_or_default()).join(".aws");
        let file =
            |variable: &str, known: &str| environment(variable).map_or_else(|| home().join(known), PathBuf::from);
        let files = [
            file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            file("AWS_CONFIG_FILE", "config"),
        ];
        let mut entries = BTreeMap::new();
        for (path, sections) in [
            (&files[0], vec![name.clone()]),
            (
                &files[1],
                match name.as_str() {
                    "default" => vec!["default".into(), "profile default".into()],
                    name => vec![format!("profile {name}")],
                },
            ),
        ] {
            if !path.is_file() {
                continue;
            }
            let text = read(path).map_err(|problem| (path.clone(), problem))?;
            for (key, value) in section(&text, &sections) {
                entries.entry(key).or_insert(value);
            }
        }
        Ok(Profile { name, files, entries })
    }

    pub(super) fn get(&self, key: &str) -> Option<String> {
        self.entries.get(key).filter(|value| !value.is_empty()).cloned()
    }

    pub(super) fn places(&self) -> String {
        let [credentials, config] = &self.files;
        format!("{} or {}", credentials.display(), config.display())
    }
}

/// The text of a file that may hold secrets, under the rules for such files where it does.
fn read(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    // Names of entries are read whatever their case.
    if text.to_ascii_lowercase().contains("aws_secret_access_key") {
        let source = SecretSource::File { path: path.to_owned() };
        let secret = source.resolve("the profile is read from a file", Path::new(""));
        secret.map_err(|error| error.to_string())?;
    }
    Ok(text)
}

/// The entries of the first of these sections. Lines that are indented belong to the entry before and are none.
fn section(text: &str, names: &[String]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut inside = false;
    for line in text.lines() {
        let entry = line.trim_end();
        if entry.is_empty() || entry.starts_with(['#', ';', ' ', '\t']) {
            continue;
        }
        if let Some(header) = entry.strip_prefix('[') {
            let header = header.split(']').next().unwrap_or_default();
            let header: Vec<&str> = header.split_whitespace().collect();
            inside = names.contains(&header.join(" "));
        } else if inside && let Some((key, value)) = entry.split_once('=') {
            // A comment may stand behind a value, after a space.
            let value = value.split(" #").next().unwrap_or_default();
            let value = value.split(" ;").next().unwrap_or_default();
            found
                .entry(key.trim().to_ascii_lowercase())
                .or_insert_with(|| value.trim().to_owned());
        }
    }
    found
}

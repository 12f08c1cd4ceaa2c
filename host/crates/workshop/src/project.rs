//! A plugin's project folder: [`Project`], as `plugin.toml` says.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use serde::Deserialize;

use super::WorkshopError;
use sandbox::PluginKind;

const MANIFEST: &str = "plugin.toml";
/// Folders that tools leave or that hold no source.
const LEFT_OUT: &[&str] = &["target", "node_modules", "tests", "__pycache__"];

/// The languages that there are templates for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Built by cargo for `wasm32-unknown-unknown`.
    Rust,
    /// Built by componentize-py.
    Python,
    /// Built by componentize-js.
    JavaScript,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 3] = [Language::Rust, Language::Python, Language::JavaScript];

    /// The name in `plugin.toml` and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Python => "python",
            Language::JavaScript => "javascript",
        }
    }

    /// The name as people write it.
    pub fn title(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Python => "Python",
            Language::JavaScript => "JavaScript",
        }
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Language::ALL.into_iter().find(|language| language.name() == text);
        found.ok_or_else(|| format!("{text:?} is not rust, python or javascript"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    kind: ManifestKind,
    language: Language,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ManifestKind {
    Report,
    Sink,
}

#[derive(Deserialize)]
struct CargoManifest {
    package: CargoPackage,
}

#[derive(Deserialize)]
struct CargoPackage {
    name: String,
}

/// A plugin's project folder.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder in which the project stands.
    pub folder: PathBuf,
    /// The plugin's name, and that of the component's file.
    pub name: String,
    /// Report or sink; a Rust project without `plugin.toml` does not say.
    pub kind: Option<PluginKind>,
    /// The language it is written in.
    pub language: Language,
}

impl Project {
    /// Reads `plugin.toml`; a folder with a `Cargo.toml` alone is a Rust project.
    ///
    /// # Errors
    ///
    /// [`WorkshopError::Project`] where the folder holds neither, or what cannot be meant.
    pub fn open(folder: &Path) -> Result<Project, WorkshopError> {
        let path = folder.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Project::of_cargo(folder),
            Err(error) => return Err(WorkshopError::file(&path)(error)),
        };
        let manifest: Manifest = toml::from_str(&text).map_err(|error| {
            WorkshopError::project(
                format!("{}: {}", path.display(), error.message()),
                "it holds `name`, `kind` (report or sink) and `language` (rust, python or javascript)",
            )
        })?;
        check_name(&manifest.name)?;
        Ok(Project {
            folder: folder.to_owned(),
            name: manifest.name,
            kind: Some(match manifest.kind {
                ManifestKind::Report => PluginKind::Report,
                ManifestKind::Sink => PluginKind::Sink,
            }),
            language: manifest.language,
        })
    }

    fn of_cargo(folder: &Path) -> Result<Project, WorkshopError> {
        let manifest = fs::read_to_string(folder.join("Cargo.toml"))
            .ok()
            .and_then(|text| toml::from_str::<CargoManifest>(&text).ok());
        let Some(CargoManifest { package }) = manifest else {
            return Err(WorkshopError::project(
                format!("{} is not a plugin's folder: it has no {MANIFEST}", folder.display()),
                "go to the project's folder, name it, or start one with `host plugin new`",
            ));
        };
        check_name(&package.name)?;
        Ok(Project {
            folder: folder.to_owned(),
            name: package.name,
            kind: None,
            language: Language::Rust,
        })
    }

    /// The path at which [`build()`](super::build()) leaves the component.
    pub fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }

    /// True where the component is missing, or older than a source.
    pub fn is_stale(&self) -> bool {
        let written = fs::metadata(self.component()).and_then(|metadata| metadata.modified());
        written.map_or(true, |written| newest(&self.folder) > written)
    }

    /// True where a path below the folder is a source or a case, and not something that a tool left.
    pub(super) fn is_ours(&self, path: &Path) -> bool {
        let inside = path.strip_prefix(&self.folder).unwrap_or(path);
        let left = |part: std::path::Component<'_>| {
            let part = part.as_os_str().to_string_lossy();
            part.starts_with('.') || part == "target" || part == "node_modules" || part == "__pycache__"
        };
        !inside.components().any(left) && inside.extension().is_none_or(|extension| extension != "wasm")
    }
}

/// The time at which a source was last changed. Lock files count: they decide what is built.
fn newest(folder: &Path) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || name.ends_with(".wasm") || LEFT_OUT.contains(&name.as_ref()) {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        let changed = if metadata.is_dir() {
            self::newest(&entry.path())
        } else {
            metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
        };
        newest = newest.max(changed);
    }
    newest
}

/// A plugin's name, which is also that of a package in its language.
pub(super) fn check_name(name: &str) -> Result<(), WorkshopError> {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    if name.len() <= 64 && starts && name.split('-').all(word) {
        return Ok(());
    }
    Err(WorkshopError::project(
        format!("{name:?} cannot be a plugin's name"),
        "a name is lower-case words joined by hyphens, such as gate-log",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_words_joined_by_hyphens() {
        for good in ["a", "gate-log", "hec2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Gate",
            "gate--log",
            "-a",
            "a-",
            "2fast",
            "../x",
            "a b",
            "é",
            &"x".repeat(65),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_component_is_stale_where_a_source_is_newer_and_not_where_a_case_or_a_tools_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(
            at("plugin.toml"),
            "name = \"a\"\nkind = \"sink\"\nlanguage = \"python\"\n",
        )
        .unwrap();
        for sub in ["src", "tests", "target", ".venv"] {
            fs::create_dir(at(sub)).unwrap();
        }
        let project = Project::open(folder.path()).unwrap();
        assert!(project.is_stale());
        let later = |name: &str, seconds: u64| {
            fs::write(at(name), "x").unwrap();
            let time = SystemTime::now() + std::time::Duration::from_secs(seconds);
            fs::File::options()
                .write(true)
                .open(at(name))
                .unwrap()
                .set_modified(time)
                .unwrap();
        };
        later("a.wasm", 100);
        assert!(!project.is_stale());
        later("tests/x", 200);
        later("target/x", 200);
        later(".venv/x", 200);
        assert!(!project.is_stale());
        later("src/sink.py", 200);
        assert!(project.is_stale());
    }

    #[test]
    fn a_manifest_that_cannot_be_meant_is_refused_with_what_it_may_hold() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "",
            "name = \"a\"\nkind = \"x\"\nlanguage = \"rust\"",
            "name = \"A\"\nkind = \"sink\"\nlanguage = \"rust\"",
        ] {
            fs::write(folder.path().join(MANIFEST), text).unwrap();
            let error = Project::open(folder.path()).unwrap_err();
            assert!(error.is_usage() && error.hint().is_some(), "{text}");
        }
    }
}

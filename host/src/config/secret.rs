//! Where a secret comes from. The secret itself lives only in [`SecretString`], which prints as nothing.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::ConfigError;

/// The longest secret taken, in bytes: room for a key file.
const MAX_BYTES: u64 = 64 * 1024;

/// A place to get a secret from. A literal is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env {
        /// Its name.
        name: String,
    },
    /// A file that only its owner may read; one trailing line break is not part of the secret.
    File {
        /// Its path.
        path: PathBuf,
    },
    /// A program that prints the secret.
    Command {
        /// Program and arguments; no shell.
        argv: Vec<String>,
    },
}

impl schemars::JsonSchema for SecretSource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretSource".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Where a secret comes from. A literal is refused.",
            "oneOf": [
                {
                    "type": "object",
                    "properties": { "env": { "type": "string", "description": "An environment variable." } },
                    "required": ["env"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": { "file": { "type": "string", "description": "A file that only its owner may read." } },
                    "required": ["file"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": {
                        "command": {
                            "type": "array",
                            "items": { "type": "string" },
                            "minItems": 1,
                            "description": "A program that prints the secret, and its arguments; no shell."
                        }
                    },
                    "required": ["command"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

impl SecretSource {
    /// Gets the secret. `what` says in errors which one it is; `folder` is where relative paths start.
    pub fn resolve(&self, what: &str, folder: &Path) -> Result<SecretString, ConfigError> {
        let failed = |reason: String, hint: &str| ConfigError::Secret {
            what: what.into(),
            reason,
            hint: hint.into(),
        };
        let secret = match self {
            SecretSource::Env { name } => std::env::var(name).map_err(|_| {
                failed(
                    format!("${name} is not set"),
                    &format!("set the environment variable {name}"),
                )
            })?,
            SecretSource::File { path } => {
                let path = folder.join(path);
                read_file(&path).map_err(|reason| {
                    failed(
                        format!("{}: {reason}", path.display()),
                        "the file must exist and have mode 0600 or 0400",
                    )
                })?
            }
            SecretSource::Command { argv } => run_command(argv).map_err(|reason| {
                failed(
                    reason,
                    "run the command by hand and see that it prints the secret alone",
                )
            })?,
        };
        let trimmed = secret.strip_suffix('\n').unwrap_or(&secret);
        let trimmed = trimmed.strip_suffix('\r').unwrap_or(trimmed);
        if trimmed.is_empty() {
            return Err(failed("it is empty".into(), "an empty secret is never right"));
        }
        Ok(SecretString::from(trimmed))
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    let mode = metadata.permissions().mode() & 0o777;
    if !metadata.is_file() {
        return Err("it is no plain file".into());
    }
    if mode & 0o077 != 0 {
        return Err(format!("others may read it (mode {mode:04o})"));
    }
    read_limited(file)
}

fn run_command(argv: &[String]) -> Result<String, String> {
    let (program, arguments) = argv.split_first().ok_or("the command is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let printed = child
        .stdout
        .take()
        .map(read_limited)
        .unwrap_or_else(|| Ok(String::new()));
    let status = child.wait().map_err(|error| format!("{program}: {error}"))?;
    if !status.success() {
        return Err(format!("{program}: {status}"));
    }
    printed
}

fn read_limited(source: impl Read) -> Result<String, String> {
    let mut text = String::new();
    source
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    Ok(text)
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = … }, { file = … } or { command = […] }")
    }

    // The default would quote the value.
    fn visit_str<E: de::Error>(self, _literal: &str) -> Result<SecretSource, E> {
        Err(E::custom("a literal secret is refused here"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        const KNOWN: &[&str] = &["env", "file", "command"];
        let key: String = map
            .next_key()?
            .ok_or_else(|| de::Error::custom("a secret needs env, file or command"))?;
        let source = match key.as_str() {
            "env" => SecretSource::Env {
                name: map.next_value()?,
            },
            "file" => SecretSource::File {
                path: map.next_value()?,
            },
            "command" => SecretSource::Command {
                argv: map.next_value()?,
            },
            other => return Err(de::Error::unknown_field(other, KNOWN)),
        };
        if map.next_key::<String>()?.is_some() {
            return Err(de::Error::custom("a secret comes from one place: env, file or command"));
        }
        Ok(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::fs;

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "s3cret\n").unwrap();
        let source = SecretSource::File { path: "secret".into() };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = source.resolve("password", folder.path()).unwrap_err().to_string();
        assert!(refused.contains("mode 0644"), "{refused}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(
            source.resolve("password", folder.path()).unwrap().expose_secret(),
            "s3cret"
        );
    }

    #[test]
    fn a_command_that_fails_or_prints_nothing_gives_no_secret() {
        let run = |argv: &[&str]| {
            SecretSource::Command {
                argv: argv.iter().map(|word| word.to_string()).collect(),
            }
            .resolve("password", Path::new("."))
        };
        assert_eq!(run(&["printf", "a b"]).unwrap().expose_secret(), "a b");
        for bad in [&["false"][..], &["true"], &[], &["/no/such/program"]] {
            assert!(run(bad).is_err(), "{bad:?}");
        }
    }
}

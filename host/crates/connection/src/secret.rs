//! The source of a secret. The secret itself lives only in [`SecretString`], which prints as nothing.

mod command;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use base::SetupError;
use base::duration::parse_duration;
use base::secret_file::{self, Trusted};

/// A place to get a secret from. A literal is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env {
        /// The variable's name.
        name: String,
    },
    /// A file that not everybody may read; one trailing line break is not part of the secret.
    File {
        /// The file's path.
        path: PathBuf,
    },
    /// A credential that the service manager hands over: a file of `$CREDENTIALS_DIRECTORY`, as of `LoadCredential=` in a
    /// unit of systemd (systemd.exec(5), "Credentials").
    Credential {
        /// The program's name.
        name: String,
    },
    /// A program that prints the secret, run in the configuration's folder.
    Command {
        /// Program and arguments; no shell. A program with a slash is a path from that folder.
        argv: Vec<String>,
        /// The longest time that the program may take; 10 s unless set.
        timeout: Option<Duration>,
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
                    "properties": { "file": { "type": "string", "description": "A file that not everybody may read." } },
                    "required": ["file"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": {
                        "credential": {
                            "type": "string",
                            "pattern": "^[^/]+$",
                            "description": "A file of $CREDENTIALS_DIRECTORY, where systemd puts what LoadCredential= names."
                        }
                    },
                    "required": ["credential"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": {
                        "command": {
                            "type": "array",
                            "items": { "type": "string" },
                            "minItems": 1,
                            "description": "A program that prints the secret, and its arguments; no shell. It runs in the configuration's folder, from which its path starts if it has a slash."
                        },
                        "timeout": {
                            "type": "string",
                            "description": "How long the program may take before it is ended, as `30s`; `10s` unless set."
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
    pub fn resolve(&self, what: &str, folder: &Path) -> Result<SecretString, SetupError> {
        let failed = |reason: String, hint: &str| SetupError::usage(format!("{what}: {reason}")).hint(hint);
        let secret = match self {
            SecretSource::Env { name } => std::env::var(name).map_err(|_| {
                failed(
                    format!("${name} is not set"),
                    &format!("set the environment variable {name}"),
                )
            })?,
            SecretSource::File { path } => {
                let path = folder.join(path);
                secret_file::text(&path, &Trusted::of_this_process())
                    .map_err(|refusal| failed(refusal.reason, &refusal.hint))?
            }
            SecretSource::Credential { name } => {
                let trusted = Trusted::of_this_process();
                let path = trusted.credential(name).map_err(|reason| {
                    failed(
                        reason,
                        "under systemd write LoadCredential=NAME:PATH in the unit; elsewhere use { file = … } or { env = … }",
                    )
                })?;
                secret_file::text(&path, &trusted).map_err(|refusal| failed(refusal.reason, &refusal.hint))?
            }
            SecretSource::Command { argv, timeout } => command::run(argv, folder, timeout.unwrap_or(command::TIMEOUT))
                .map_err(|failure| failed(failure.reason, &failure.hint))?,
        };
        let trimmed = secret.strip_suffix('\n').unwrap_or(&secret);
        let trimmed = trimmed.strip_suffix('\r').unwrap_or(trimmed);
        if trimmed.is_empty() {
            return Err(failed("it is empty".into(), "an empty secret is never right"));
        }
        Ok(SecretString::from(trimmed))
    }
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
        f.write_str("{ env = … }, { file = … }, { credential = … } or { command = […] }")
    }

    // The default would quote the value.
    fn visit_str<E: de::Error>(self, _literal: &str) -> Result<SecretSource, E> {
        Err(E::custom("a literal secret is refused here"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        const KNOWN: &[&str] = &["env", "file", "credential", "command", "timeout"];
        let (mut source, mut limit) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            let found = match key.as_str() {
                "env" => SecretSource::Env {
                    name: map.next_value()?,
                },
                "file" => SecretSource::File {
                    path: map.next_value()?,
                },
                "credential" => SecretSource::Credential {
                    name: map.next_value()?,
                },
                "command" => SecretSource::Command {
                    argv: map.next_value()?,
                    timeout: None,
                },
                "timeout" => {
                    let given = parse_duration(&map.next_value::<String>()?).map_err(de::Error::custom)?;
                    if given.is_zero() {
                        return Err(de::Error::custom("a command needs some time"));
                    }
                    limit = Some(given);
                    continue;
                }
                other => return Err(de::Error::unknown_field(other, KNOWN)),
            };
            if source.replace(found).is_some() {
                return Err(de::Error::custom(
                    "a secret comes from one place: env, file, credential or command",
                ));
            }
        }
        match (source, limit) {
            (Some(SecretSource::Command { argv, .. }), timeout) => Ok(SecretSource::Command { argv, timeout }),
            (Some(_), Some(_)) => Err(de::Error::custom("only a command has a timeout")),
            (Some(source), None) => Ok(source),
            (None, _) => Err(de::Error::custom("a secret needs env, file, credential or command")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuthMethod;
    use secrecy::ExposeSecret;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn file(folder: &Path, mode: u32) -> PathBuf {
        let path = folder.join("secret");
        let _ = fs::remove_file(&path);
        fs::write(&path, "s3cret\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_file_is_refused_that_others_may_read_or_its_group_may_write() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, said) in [
            (0o600, None),
            (0o400, None),
            (0o640, None),
            (0o440, None),
            (0o644, Some("is readable by every user (mode 0644)")),
            (0o604, Some("is readable by every user (mode 0604)")),
            (0o401, Some("is readable by every user (mode 0401)")),
            (0o602, Some("may be written by every user (mode 0602)")),
            (0o660, Some("may be written by its group (mode 0660)")),
            (0o420, Some("may be written by its group (mode 0420)")),
        ] {
            let path = file(folder.path(), mode);
            let source = SecretSource::File { path: "secret".into() };
            match (source.resolve("password", folder.path()), said) {
                (Ok(secret), None) => assert_eq!(secret.expose_secret(), "s3cret"),
                (Err(error), Some(said)) => {
                    assert!(error.to_string().contains(said), "{error}");
                    let hint = error.hint.clone().unwrap();
                    assert!(
                        hint.contains("chmod") && hint.contains(path.to_str().unwrap()),
                        "{hint}"
                    );
                }
                (outcome, _) => panic!("{mode:o}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn a_credential_is_a_file_of_its_folder_and_of_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let trusted = Trusted {
            credentials: Some(folder.path().into()),
            ..Trusted::default()
        };
        assert_eq!(trusted.credential("epm"), Ok(folder.path().join("epm")));
        for name in ["", ".", "..", "../epm", "/etc/passwd", "a/b", "a\0"] {
            assert!(trusted.credential(name).is_err(), "{name:?}");
        }
        let none = Trusted::default().credential("epm").unwrap_err();
        assert!(none.contains("$CREDENTIALS_DIRECTORY is not set"), "{none}");
        let source = toml::from_str::<AuthMethod>("kind = \"bearer\"\ntoken = { credential = \"epm\" }");
        assert!(source.is_ok(), "{source:?}");
    }

    #[test]
    fn a_command_that_fails_or_prints_nothing_gives_no_secret() {
        let run = |argv: &[&str]| {
            SecretSource::Command {
                argv: argv.iter().map(|word| word.to_string()).collect(),
                timeout: None,
            }
            .resolve("password", Path::new("."))
        };
        assert_eq!(run(&["printf", "a b"]).unwrap().expose_secret(), "a b");
        for bad in [&["false"][..], &["true"], &[], &["/no/such/program"]] {
            assert!(run(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_command_starts_from_the_configurations_folder_wherever_the_user_stands() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("tell");
        fs::write(&program, "#!/bin/sh\ncat secret\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        file(folder.path(), 0o600);
        for argv in [&["./tell"][..], &["sh", "tell"], &["cat", "secret"]] {
            let source = SecretSource::Command {
                argv: argv.iter().map(|word| word.to_string()).collect(),
                timeout: None,
            };
            let secret = source.resolve("password", folder.path());
            assert_eq!(secret.unwrap().expose_secret(), "s3cret", "{argv:?}");
        }
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let run = |script: &str| {
            let source = SecretSource::Command {
                argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
                timeout: Some(std::time::Duration::from_millis(300)),
            };
            source.resolve("password", folder.path())
        };
        for script in [
            // It says nothing, it says half, it has closed its output, it has ended and what it started has not.
            "echo $$ > pids; sleep 600 & echo $! >> pids; wait",
            "echo $$ > pids; printf half; sleep 600 & echo $! >> pids; wait",
            "echo $$ > pids; echo s3cret; exec >&-; sleep 600 & echo $! >> pids; wait",
            "sleep 600 & echo $! > pids; echo s3cret",
        ] {
            let error = run(script).unwrap_err();
            let said = error.to_string();
            assert!(said.contains("sh: it took longer than 0.3 s"), "{script}: {said}");
            assert!(error.hint.clone().unwrap().contains("timeout = \"2s\""), "{error:?}");
            for pid in fs::read_to_string(folder.path().join("pids")).unwrap().lines() {
                let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
                let gone = || {
                    // What is ended may wait for init to hear of it.
                    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                    rustix::process::test_kill_process(pid).is_err() || state.contains(") Z ")
                };
                let asked = std::time::Instant::now();
                while !gone() {
                    assert!(asked.elapsed().as_secs() < 60, "{script}: {pid} is still there");
                    std::thread::yield_now();
                }
            }
        }
        assert_eq!(run("echo s3cret").unwrap().expose_secret(), "s3cret");
    }

    #[test]
    fn a_command_alone_has_a_timeout_wherever_it_stands() {
        let token = |source: &str| {
            toml::from_str::<AuthMethod>(&format!("kind = \"bearer\"\ntoken = {source}"))
                .map(drop)
                .map_err(|error| error.message().to_owned())
        };
        for good in [
            r#"{ command = ["true"] }"#,
            r#"{ command = ["true"], timeout = "1m" }"#,
            r#"{ timeout = "1m", command = ["true"] }"#,
        ] {
            assert_eq!(token(good), Ok(()));
        }
        for (bad, said) in [
            (r#"{ env = "A", timeout = "1m" }"#, "only a command"),
            (r#"{ timeout = "1m" }"#, "needs env"),
            (r#"{}"#, "needs env"),
            (r#"{ env = "A", file = "b" }"#, "one place"),
            (r#"{ command = ["true"], timeout = "soon" }"#, "not a duration"),
            (r#"{ command = ["true"], timeout = "0s" }"#, "some time"),
            (r#"{ command = ["true"], timeuot = "1s" }"#, "unknown field"),
        ] {
            let error = token(bad).unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }
}

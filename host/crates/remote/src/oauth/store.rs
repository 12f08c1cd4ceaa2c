//! The file that holds a connection's current refresh token.
//!
//! Servers rotate refresh tokens: the old one dies when the new one is issued. So the file is replaced atomically, the
//! place for the new one is prepared before the old one is spent, and a lock keeps two processes from spending it twice.
//!
//! Whoever has a refresh token can be its user. So the file says which server issued it to which client ([`Issuer`]), and it
//! is never sent to another one: not where a connection's URL was changed, and not where two configurations have connections of
//! one name. A file of an earlier version, which does not say so, is not used either.

use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use url::Url;

use crate::error::RemoteError;
use crate::one_line::one_line;

/// The issuer of refresh tokens, and the client that gets them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Issuer {
    /// The token endpoint, without a query.
    token_url: String,
    client_id: String,
}

impl Issuer {
    pub(super) fn new(token_url: &Url, client_id: &str) -> Issuer {
        let mut token_url = token_url.clone();
        token_url.set_query(None);
        token_url.set_fragment(None);
        Issuer {
            token_url: token_url.into(),
            client_id: client_id.to_owned(),
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // They may come from a file that anybody wrote.
        let [url, client] = [&self.token_url, &self.client_id].map(|text| one_line(text, 200));
        write!(f, "{url} (client {client})")
    }
}

/// The store of a connection's refresh token. All methods block.
#[derive(Debug, Clone)]
pub(super) struct TokenStore {
    path: PathBuf,
    connection: String,
    issuer: Issuer,
}

/// The right to change the file, and a place for what it will hold. Dropping it gives the right back.
#[derive(Debug)]
pub(super) struct Reserved {
    path: PathBuf,
    connection: String,
    issuer: Issuer,
    next: NamedTempFile,
    _lock: File,
}

impl TokenStore {
    /// For tokens of that issuer.
    pub(super) fn new(path: PathBuf, connection: &str, issuer: Issuer) -> TokenStore {
        TokenStore {
            path,
            connection: connection.to_owned(),
            issuer,
        }
    }

    /// Waits for other processes, and makes sure that the file can be replaced.
    pub(super) fn reserve(&self) -> Result<Reserved, RemoteError> {
        let failed = |error: std::io::Error| {
            let message = format!("the refresh token cannot be kept in {}: {error}", self.path.display());
            RemoteError::file(
                &error,
                message,
                "the folder must be writable, on a device that has room",
            )
        };
        let folder = folder(&self.path);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(failed)?;
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(name))
            .map_err(failed)?;
        lock.lock().map_err(failed)?;
        // Made readable by its owner only.
        let next = NamedTempFile::new_in(folder).map_err(failed)?;
        Ok(Reserved {
            path: self.path.clone(),
            connection: self.connection.clone(),
            issuer: self.issuer.clone(),
            next,
            _lock: lock,
        })
    }
}

impl Reserved {
    /// The current token, if there is one that grew from the configured `initial` one.
    ///
    /// # Errors
    ///
    /// Where the file is damaged or open to others, or its token is another issuer's.
    pub(super) fn read(&self, initial: Option<&SecretString>) -> Result<Option<SecretString>, RemoteError> {
        let broken = |what: String| {
            RemoteError::settings_hint(
                format!("the refresh token in {} cannot be used: {what}", self.path.display()),
                "`host login` replaces it",
            )
        };
        let mut text = String::new();
        match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(initial.cloned()),
            Err(error) => return Err(broken(error.to_string())),
            Ok(mut file) => {
                check_mode(&file, &self.path)?;
                file.read_to_string(&mut text)
                    .map_err(|error| broken(error.to_string()))?;
            }
        }
        let value: Value = serde_json::from_str(&text).map_err(|_| broken("it is damaged".into()))?;
        let token = value
            .get("refresh_token")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| broken("it is damaged".into()))?;
        match (initial, value.get("grown_from").and_then(Value::as_str)) {
            // The user configured another one since.
            (Some(initial), seed) if seed != Some(digest(initial).as_str()) => Ok(Some(initial.clone())),
            _ => {
                self.check_issuer(value.get("issuer"))?;
                Ok(Some(SecretString::from(token)))
            }
        }
    }

    /// Checks that the token in the file was issued by whom it would be sent to.
    fn check_issuer(&self, of_file: Option<&Value>) -> Result<(), RemoteError> {
        let of_file = of_file.and_then(|issuer| Issuer::deserialize(issuer).ok());
        if of_file.as_ref() == Some(&self.issuer) {
            return Ok(());
        }
        let (name, path) = (&self.connection, self.path.display());
        let of_whom = match of_file {
            Some(issuer) => format!("was issued by {issuer}"),
            None => "does not say who issued it (an earlier version stored it)".to_owned(),
        };
        Err(RemoteError::settings_hint(
            format!(
                "{name}: the refresh token in {path} {of_whom}, and would go to {}; nothing was sent",
                self.issuer
            ),
            format!(
                "run `host login {name}`; where another configuration uses the name {name}, too, rename one of them first"
            ),
        ))
    }

    /// Replaces the token.
    pub(super) fn write(mut self, token: &SecretString, initial: Option<&SecretString>) -> Result<(), RemoteError> {
        let content = json!({
            "refresh_token": token.expose_secret(),
            "grown_from": initial.map(digest),
            "issuer": self.issuer,
        });
        let path = self.path.clone();
        let written = (|| {
            self.next.write_all(content.to_string().as_bytes())?;
            self.next.as_file().sync_all()?;
            self.next.persist(&path).map_err(|error| error.error)?;
            #[cfg(unix)]
            File::open(folder(&path))?.sync_all()?;
            Ok(())
        })();
        written.map_err(|error: std::io::Error| RemoteError::Local {
            message: format!(
                "the new refresh token could not be written to {}: {error}",
                path.display()
            ),
            hint: Some(
                "the old one no longer works: make room or fix the folder, then run `host login` again".to_owned(),
            ),
        })
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn digest(token: &SecretString) -> String {
    Sha256::digest(token.expose_secret().as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(unix)]
fn check_mode(file: &File, path: &Path) -> Result<(), RemoteError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file
        .metadata()
        .map(|data| data.permissions().mode())
        .unwrap_or_default();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(RemoteError::settings_hint(
        format!("{} can be read by others (mode {:o})", path.display(), mode & 0o777),
        format!("chmod 600 {}", path.display()),
    ))
}

#[cfg(not(unix))]
fn check_mode(_: &File, _: &Path) -> Result<(), RemoteError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        text.into()
    }

    fn store(path: PathBuf) -> TokenStore {
        of(path, "https://idcs.example/oauth2/v1/token", "client-1")
    }

    fn of(path: PathBuf, token_url: &str, client: &str) -> TokenStore {
        TokenStore::new(path, "epm", Issuer::new(&token_url.parse().unwrap(), client))
    }

    #[test]
    fn a_token_is_for_the_server_and_the_client_that_it_was_issued_by_and_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epm.json");
        let token_url = "https://idcs.example/oauth2/v1/token";
        let own = of(path.clone(), token_url, "client-1");
        own.reserve()
            .unwrap()
            .write(&secret("canary"), Some(&secret("first")))
            .unwrap();
        for other in [
            of(path.clone(), "https://other.example/oauth2/v1/token", "client-1"),
            of(path.clone(), "http://idcs.example/oauth2/v1/token", "client-1"),
            of(path.clone(), token_url, "client-2"),
        ] {
            for initial in [None, Some(secret("first"))] {
                let error = other.reserve().unwrap().read(initial.as_ref()).unwrap_err();
                assert!(error.to_string().contains("nothing was sent"), "{error}");
                assert!(error.hint().unwrap().contains("host login epm"));
                assert!(!format!("{error:?}").contains("canary"));
            }
            assert_eq!(read(&other, Some("configured-since")), Some("configured-since".into()));
        }
        assert_eq!(read(&own, None), Some("canary".into()));
        assert_eq!(
            read(&of(path, &format!("{token_url}?a=b"), "client-1"), None),
            Some("canary".into())
        );
    }

    #[test]
    fn a_token_that_an_earlier_version_stored_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path().join("epm.json"));
        store.reserve().unwrap().write(&secret("x"), None).unwrap();
        fs::write(&store.path, r#"{"refresh_token":"old","grown_from":null}"#).unwrap();
        let error = store.reserve().unwrap().read(None).unwrap_err();
        assert!(error.to_string().contains("an earlier version"), "{error}");
        store.reserve().unwrap().write(&secret("new"), None).unwrap();
        assert_eq!(read(&store, None), Some("new".into()));
    }

    fn read(store: &TokenStore, initial: Option<&str>) -> Option<String> {
        let initial = initial.map(secret);
        let read = store.reserve().unwrap().read(initial.as_ref()).unwrap();
        read.map(|token| token.expose_secret().to_owned())
    }

    #[test]
    fn the_newest_token_wins_unless_another_first_one_is_configured() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path().join("tokens/epm.json"));
        assert_eq!(read(&store, None), None);
        assert_eq!(read(&store, Some("first")), Some("first".into()));
        store
            .reserve()
            .unwrap()
            .write(&secret("second"), Some(&secret("first")))
            .unwrap();
        assert_eq!(read(&store, Some("first")), Some("second".into()));
        assert_eq!(read(&store, None), Some("second".into()));
        assert_eq!(read(&store, Some("replacement")), Some("replacement".into()));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens/epm.json");
        let store = store(path.clone());
        store.reserve().unwrap().write(&secret("token"), None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = store.reserve().unwrap().read(None).unwrap_err();
        assert!(error.hint().unwrap().starts_with("chmod 600"), "{error}");
    }

    #[test]
    fn a_damaged_file_is_an_error_that_shows_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epm.json");
        let store = store(path.clone());
        for text in ["", "canary", "{}", r#"{"refresh_token":7}"#, r#"{"refresh_token":""}"#] {
            store.reserve().unwrap().write(&secret("x"), None).unwrap();
            fs::write(&path, text).unwrap();
            let error = store.reserve().unwrap().read(None).unwrap_err();
            assert!(!format!("{error:?}").contains("canary"));
        }
    }

    #[test]
    fn a_token_that_cannot_be_written_any_more_is_this_machine_s_failing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens/epm.json");
        let reserved = store(path.clone()).reserve().unwrap();
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        let error = reserved.write(&secret("canary"), None).unwrap_err();
        assert_eq!(error.kind(), base::ErrorKind::Internal, "{error}");
        assert!(!format!("{error:?}").contains("canary"));
    }

    #[test]
    fn nothing_half_written_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path().join("epm.json"));
        drop(store.reserve().unwrap());
        store.reserve().unwrap().write(&secret("x"), None).unwrap();
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["epm.json", "epm.json.lock"]);
    }
}

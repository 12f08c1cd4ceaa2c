//! The one rule for files that hold a secret, whatever for: passwords, tokens, private keys, credentials of other programs.
//!
//! The owner is the user or root, and nobody else writes it; its group may read it, and everybody only where a service
//! manager keeps others out of the folder.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The longest secret taken, in bytes: room for a key file.
const MAX_BYTES: u64 = 64 * 1024;

/// Folders in which everybody may read a secret file: whoever makes these folders lets nobody else in.
#[derive(Debug, Default)]
pub struct Trusted {
    /// `$CREDENTIALS_DIRECTORY`.
    pub credentials: Option<PathBuf>,
    /// The folder in which containers get their secrets.
    pub secrets: PathBuf,
}

impl Trusted {
    /// The folders as the environment of this process names them.
    pub fn of_this_process() -> Trusted {
        Trusted {
            credentials: std::env::var_os("CREDENTIALS_DIRECTORY")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute()),
            secrets: "/run/secrets".into(),
        }
    }

    /// The file of a credential.
    pub fn credential(&self, name: &str) -> Result<PathBuf, String> {
        let plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
        match &self.credentials {
            _ if !plain => Err("a credential is named without a folder".into()),
            Some(folder) => Ok(folder.join(name)),
            None => Err(format!(
                "there is no credential {name}: $CREDENTIALS_DIRECTORY is not set"
            )),
        }
    }

    /// True if the file lies in one of the folders, links followed.
    fn holds(&self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else { return false };
        [Some(&self.secrets), self.credentials.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|folder| folder.canonicalize().ok())
            .any(|folder| path.starts_with(folder))
    }
}

/// The reason why a file gives no secret, and what helps.
#[derive(Debug)]
pub struct Refusal {
    /// The reason, with the file's name.
    pub reason: String,
    /// The remedy, for the user.
    pub hint: String,
}

/// The text of a secret.
pub fn text(path: &Path, trusted: &Trusted) -> Result<String, Refusal> {
    limited_text(open(path, trusted)?).map_err(|error| unreadable(path, &error))
}

/// The bytes of a secret.
pub fn bytes(path: &Path, trusted: &Trusted) -> Result<Vec<u8>, Refusal> {
    limited(open(path, trusted)?).map_err(|error| unreadable(path, &error))
}

/// Opens it where it may be used: its owner and perhaps its group may read it. Kubernetes with `fsGroup` makes files 0440
/// whatever was asked for, systemd's credentials are 0440 with an access list, and Docker's secrets below `/run/secrets`
/// are 0444.
fn open(path: &Path, trusted: &Trusted) -> Result<File, Refusal> {
    let file = File::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable(path, "it is not a regular file"));
    }
    admit(path, &metadata, trusted)?;
    Ok(file)
}

/// Checks whether a file may be used that somebody else reads, or that is read later.
pub fn admitted(path: &Path) -> Result<(), Refusal> {
    open(path, &Trusted::of_this_process()).map(drop)
}

fn unreadable(path: &Path, error: &str) -> Refusal {
    let shown = path.display();
    Refusal {
        reason: format!("{shown}: {error}"),
        hint: format!("the file must exist, and the user who runs host must be allowed to read {shown}"),
    }
}

fn admit(path: &Path, metadata: &Metadata, trusted: &Trusted) -> Result<(), Refusal> {
    let shown = path.display();
    let mode = metadata.permissions().mode() & 0o777;
    let open_to = [
        (0o002, "may be written by every user", "chmod o="),
        (0o020, "may be written by its group", "chmod g-w"),
        (0o005, "is readable by every user", "chmod o="),
    ];
    if let Some((bits, what, command)) = open_to.into_iter().find(|(bits, ..)| mode & bits != 0)
        && (bits != 0o005 || !trusted.holds(path))
    {
        return Err(Refusal {
            reason: format!("{shown} {what} (mode {mode:04o})"),
            hint: format!(
                "{command} {shown}, or `defaultMode: 0440` where Kubernetes mounts it; only its owner may write a secret, and only \
                 its owner and group may read it"
            ),
        });
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != 0 && owner != user && !trusted.holds(path) {
        return Err(Refusal {
            reason: format!("{shown} belongs to another user (id {owner}), who can read and change it"),
            hint: format!("chown it to root, or to the user who runs host (id {user})"),
        });
    }
    Ok(())
}

/// The text of a stream that holds a secret.
pub fn limited_text(source: impl Read) -> Result<String, String> {
    String::from_utf8(limited(source)?).map_err(|_| "it is not UTF-8".into())
}

fn limited(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::chown;

    use super::*;

    fn file(folder: &Path, mode: u32) -> PathBuf {
        let path = folder.join("secret");
        let _ = fs::remove_file(&path);
        fs::write(&path, "s3cret\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_file_of_somebody_else_is_no_secret() {
        const SOMEBODY: u32 = 65_533;
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), 0o600);
        chown(&path, Some(SOMEBODY), None).unwrap();
        let refusal = text(&path, &Trusted::default()).unwrap_err();
        assert!(
            refusal.reason.contains("belongs to another user (id 65533)"),
            "{}",
            refusal.reason
        );
        // Where containers get them the numbers of users may be others.
        let trusted = Trusted {
            secrets: folder.path().to_owned(),
            ..Trusted::default()
        };
        assert_eq!(text(&path, &trusted).unwrap(), "s3cret\n");
    }

    #[test]
    fn what_a_service_manager_hands_over_everybody_may_read_and_nobody_write() {
        let (credentials, secrets, elsewhere) = (
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );
        let trusted = Trusted {
            credentials: Some(credentials.path().into()),
            secrets: secrets.path().into(),
        };
        for folder in [&credentials, &secrets] {
            for open in [0o446, 0o466, 0o464] {
                let path = file(folder.path(), open);
                let Err(refusal) = text(&path, &trusted) else {
                    panic!("{open:o} is taken")
                };
                assert!(refusal.reason.contains("may be written by"), "{}", refusal.reason);
            }
            let path = file(folder.path(), 0o444);
            assert!(text(&path, &trusted).is_ok());
            // Kubernetes shows a secret through links.
            let link = elsewhere.path().join("link");
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(&path, &link).unwrap();
            assert!(text(&link, &trusted).is_ok());
        }
        // A name that only looks as if it lay there.
        let outside = file(elsewhere.path(), 0o444);
        let roundabout = credentials
            .path()
            .join("..")
            .join(outside.strip_prefix(outside.ancestors().nth(2).unwrap()).unwrap());
        assert!(text(&roundabout, &trusted).is_err());
    }

    #[test]
    fn a_secret_that_kubernetes_mounts_is_taken_through_its_links() {
        // What atomic updates need: ..data leads to the folder of the day, and each name into it.
        let volume = tempfile::tempdir().unwrap();
        let day = volume.path().join("..2026_03_05_12_00_00.1");
        fs::create_dir(&day).unwrap();
        file(&day, 0o440);
        std::os::unix::fs::symlink(day.file_name().unwrap(), volume.path().join("..data")).unwrap();
        let path = volume.path().join("secret");
        std::os::unix::fs::symlink("..data/secret", &path).unwrap();
        assert!(matches!(text(&path, &Trusted::default()).as_deref(), Ok("s3cret\n")));
        fs::set_permissions(day.join("secret"), fs::Permissions::from_mode(0o644)).unwrap();
        let Err(refusal) = text(&path, &Trusted::default()) else {
            panic!("everybody can read it")
        };
        assert!(refusal.hint.contains("defaultMode: 0440"), "{}", refusal.hint);
    }
}

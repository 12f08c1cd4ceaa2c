//! Compiled code on disk, and how the component fits this host, so that a plugin is compiled and compared with the WIT
//! package once for a machine and not once for a run.
//!
//! An entry's name says which component it was compiled from, by which engine, and what it fits: the WIT package and the
//! rules of [`fit`](super::fit). The first line is the [`Compatibility`] as JSON, the code follows; the last 32 bytes are the SHA-256
//! of the rest. The folder belongs to the user alone: who can write there could run anything as that user anyway.

use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::fit::{Compatibility, RULES};
use super::offer::WIT;
use base::hex;

/// Entries kept; the oldest go first.
const ENTRIES: usize = 64;
const SUFFIX: &str = "cwasm";
const CHECKSUM: usize = 32;

/// A folder of compiled components for one engine and one WIT package.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    host: String,
}

impl Cache {
    /// Opens the folder, or creates it. A folder that others could write to is not used, and the log says so.
    pub(super) fn open(folder: &Path, engine: &Engine) -> Option<Cache> {
        match prepare(folder) {
            Ok(()) => {
                let mut hasher = Sha256Hasher(Sha256::new());
                engine.precompile_compatibility_hash().hash(&mut hasher);
                WIT.hash(&mut hasher);
                // What fits is also a matter of this program's own rules.
                (env!("CARGO_PKG_VERSION"), RULES).hash(&mut hasher);
                Some(Cache {
                    folder: folder.to_owned(),
                    host: hex(&hasher.0.finalize()),
                })
            }
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "the plugin cache cannot be used: plugins are compiled on every run, which is slower");
                None
            }
        }
    }

    /// The component compiled earlier from a file of that digest, which fits; `None` where there is none, or none that is
    /// whole.
    pub(super) fn get(&self, engine: &Engine, digest: &str) -> Option<(Component, Compatibility)> {
        let path = self.path(digest);
        let mut entry = match read(&path) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "cannot read compiled plugin");
                return None;
            }
        };
        let end = entry.len().checked_sub(CHECKSUM)?;
        let checksum = entry.split_off(end);
        if Sha256::digest(&entry).as_slice() != checksum {
            tracing::debug!(path = %path.display(), "compiled plugin is damaged; compiling again");
            return None;
        }
        let (fit, code) = entry.split_at_checked(entry.iter().position(|byte| *byte == b'\n')? + 1)?;
        let fit = serde_json::from_slice(fit).ok()?;
        match revive(engine, code) {
            Ok(component) => Some((component, fit)),
            Err(error) => {
                tracing::debug!(path = %path.display(), error = format!("{error:#}"), "compiled plugin is of no use");
                None
            }
        }
    }

    /// Keeps a compiled component that fits. Failing to is no error: the next run compiles again.
    pub(super) fn put(&self, digest: &str, component: &Component, fit: &Compatibility) {
        let kept = entry(component, fit).and_then(|entry| self.write(digest, &entry));
        if let Err(error) = kept {
            tracing::debug!(folder = %self.folder.display(), %error, "cannot keep compiled plugin");
        }
    }

    fn write(&self, digest: &str, entry: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(entry)?;
        file.write_all(&Sha256::digest(entry))?;
        file.as_file().sync_all()?;
        file.persist(self.path(digest))?;
        self.prune()
    }

    fn prune(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
                let written = path.metadata().and_then(|metadata| metadata.modified());
                entries.push((written.unwrap_or(SystemTime::UNIX_EPOCH), path));
            }
        }
        entries.sort();
        for (_, path) in entries.iter().take(entries.len().saturating_sub(ENTRIES)) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn path(&self, digest: &str) -> PathBuf {
        let host = self.host.get(..16).unwrap_or_default();
        self.folder.join(format!("{digest}-{host}.{SUFFIX}"))
    }
}

/// The component of compiled code that this host made: that of an entry, or of its own process for compiling.
pub(super) fn revive(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be those that `Component::serialize` gave, unaltered. Of an entry: `put` alone writes
    // entries, and the checksum shows that this one is whole. The folder and the file belong to this user and nobody
    // else can write to them, so an entry could only be forged by someone who can already run code as this user. Of
    // the other process: it is this very program, and it alone holds the other end of the pipe. The engine itself
    // refuses code of another version, other settings or another machine.
    #[allow(unsafe_code)]
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// The content of an entry, without its checksum.
fn entry(component: &Component, fit: &Compatibility) -> io::Result<Vec<u8>> {
    let mut entry = serde_json::to_vec(fit)?;
    entry.push(b'\n');
    entry.extend(component.serialize().map_err(io::Error::other)?);
    Ok(entry)
}

/// Makes sure that the folder exists and that nobody else can write to it.
fn prepare(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder"));
    }
    ours_alone(&metadata)
}

/// Reads an entry whole, unless somebody else could have written it.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a file"));
    }
    let mut file = File::open(path)?;
    ours_alone(&file.metadata()?)?;
    let mut entry = Vec::new();
    file.read_to_end(&mut entry)?;
    Ok(entry)
}

#[cfg(unix)]
fn ours_alone(metadata: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it belongs to another user",
        ));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "its mode must be 0700"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn ours_alone(_metadata: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// SHA-256 of a file, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Collects what a type feeds to [`Hash`], since the standard hasher is neither stable nor long enough for a name.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest
            .iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PluginKind;
    use crate::offer::PackageVersion;

    fn setup() -> (tempfile::TempDir, Engine, Cache, Component) {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let cache = Cache::open(&folder.path().join("code"), &engine).unwrap();
        let component = Component::new(&engine, wat::parse_str("(component)").unwrap()).unwrap();
        (folder, engine, cache, component)
    }

    fn fit() -> Compatibility {
        Compatibility {
            kind: PluginKind::Report,
            further: true,
            version: PackageVersion::parse("0.1.0").unwrap(),
            imports: vec!["wasi:clocks/monotonic-clock@0.2.6#now".into()],
        }
    }

    #[test]
    fn a_component_that_was_kept_comes_back_under_its_digest_only() {
        let (_folder, engine, cache, component) = setup();
        cache.put("d", &component, &fit());
        let (_, found) = cache.get(&engine, "d").unwrap();
        assert_eq!(found, fit());
        assert!(cache.get(&engine, "e").is_none());
    }

    #[test]
    fn a_damaged_or_foreign_entry_is_not_used() {
        let (_folder, engine, cache, component) = setup();
        cache.put("d", &component, &fit());
        let good = fs::read(cache.path("d")).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let checked = |text: &[u8]| [text, Sha256::digest(text).as_slice()].concat();
        for bad in [
            flipped,
            good[..good.len() - 1].to_vec(),
            good[..7].to_vec(),
            vec![],
            vec![0; good.len()],
            checked(b"\x7fELF anything"),
            checked(b"{}\n\x7fELF anything"),
        ] {
            fs::write(cache.path("d"), &bad).unwrap();
            assert!(cache.get(&engine, "d").is_none());
        }
        cache.put("d", &component, &fit());
        assert!(cache.get(&engine, "d").is_some());
    }

    #[test]
    fn only_the_newest_entries_stay() {
        let (_folder, _engine, cache, component) = setup();
        for number in 0..ENTRIES + 5 {
            cache.put(&number.to_string(), &component, &fit());
        }
        assert_eq!(fs::read_dir(&cache.folder).unwrap().count(), ENTRIES);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_or_file_that_others_can_write_to_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, engine, cache, component) = setup();
        assert_eq!(fs::metadata(&cache.folder).unwrap().permissions().mode() & 0o777, 0o700);
        cache.put("d", &component, &fit());
        fs::set_permissions(cache.path("d"), PermissionsExt::from_mode(0o666)).unwrap();
        assert!(cache.get(&engine, "d").is_none());
        fs::set_permissions(&cache.folder, PermissionsExt::from_mode(0o770)).unwrap();
        assert!(Cache::open(&cache.folder, &engine).is_none());
        let link = folder.path().join("link");
        fs::create_dir(folder.path().join("real")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("real"), &link).unwrap();
        assert!(Cache::open(&link, &engine).is_none());
    }
}

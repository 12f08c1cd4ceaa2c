//! Finding a plugin by its name, and loading it.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use base::ErrorKind;
use built_in::{BUILT_IN, built_in};
use sandbox::{Grants, Inspection, Plugin, PluginKind, Sandbox, digest};

use crate::SetupError;
use crate::config::{Config, nearest};
use crate::console::console;

/// The largest file that is taken for a plugin, in bytes.
const MAX_WASM_BYTES: u64 = 64 * 1024 * 1024;

/// Loads the plugin of a built-in name, a configured name, or a path, within the configured limits, and allows it to ask for
/// what it is granted.
pub fn load(config: &Config, name: &str) -> Result<Plugin, SetupError> {
    let sandbox = sandbox(config)?;
    let (bytes, label) = read(config, name)?;
    let plugin = sandbox.load(&bytes, &label)?;
    Ok(match config.plugins.get(name) {
        Some(configured) => match configured.allow.clone() {
            Some(allow) => plugin.granted(Grants::get().with(allow)),
            None => plugin,
        },
        None if built_in(name).is_some() => plugin.granted_what_it_lists(),
        // What is nobody's word is granted nothing beyond what its kind begins with.
        None => plugin,
    })
}

/// The file of such a plugin, and the label that errors know it by.
pub fn read(config: &Config, name: &str) -> Result<(Cow<'static, [u8]>, String), SetupError> {
    if let Some(plugin) = config.plugins.get(name) {
        let read = read_file(&config.file.folder.join(&plugin.path))?;
        return match &plugin.sha256 {
            Some(pinned) => pinned_to(pinned, &digest(&read.0), config, name).map(|()| read),
            None => Ok(read),
        };
    }
    if let Some(component) = built_in(name) {
        return Ok((Cow::Borrowed(component), name.to_string()));
    }
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension == "wasm") || path.components().count() > 1 {
        return read_file(path);
    }
    let known = BUILT_IN
        .iter()
        .map(|(known, _)| *known)
        .chain(config.plugins.keys().map(String::as_str))
        .chain(config.streams.iter().map(|stream| stream.name.as_str()));
    let hint = match nearest(name, known) {
        Some(known) => format!("did you mean `{known}`?"),
        None if config.streams.is_empty() => {
            "`host plugin list` shows the plugins; a path to a .wasm file works too".to_string()
        }
        None => "`host streams` shows the streams, `host plugin list` the plugins; a path to a .wasm file works too"
            .to_string(),
    };
    Err(SetupError::usage(format!("there is no plugin {name:?}"))
        .hint(hint)
        .read_from(config.file.path.as_deref()))
}

/// Checks that a file is the one that the configuration means.
fn pinned_to(pinned: &str, found: &str, config: &Config, name: &str) -> Result<(), SetupError> {
    if pinned == found {
        return Ok(());
    }
    Err(SetupError::usage(format!(
        "the file of plugin {name} is another one: its SHA-256 is {found}"
    ))
    .at(&config.place(&["plugins", name, "sha256"]))
    .hint("find out who changed it; if it was you, write down the new digest"))
}

/// The built-in plugins of a kind, in the order of their names; each is asked what it is.
pub fn built_in_of(config: &Config, kind: PluginKind) -> Result<Vec<(&'static str, Inspection)>, SetupError> {
    let sandbox = sandbox(config)?;
    let mut found = Vec::new();
    for (name, component) in BUILT_IN {
        let plugin = sandbox.load(component, name)?.granted_what_it_lists();
        if plugin.kind() == kind {
            found.push((*name, plugin.inspect()));
        }
    }
    Ok(found)
}

/// Loads the plugin in a file.
pub fn load_file(sandbox: &Sandbox, path: &Path) -> Result<Plugin, SetupError> {
    let (bytes, label) = read_file(path)?;
    Ok(sandbox.load(&bytes, &label)?)
}

fn read_file(path: &Path) -> Result<(Cow<'static, [u8]>, String), SetupError> {
    let unreadable = |reason: String| {
        SetupError::new(
            ErrorKind::Plugin,
            format!("cannot read the plugin {}: {reason}", path.display()),
        )
        .hint("name a .wasm file: a component, or a core module as `cargo build` leaves it")
    };
    let found = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    // A device or a pipe may never end.
    if !found.is_file() {
        return Err(unreadable("it is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_WASM_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(error.to_string()))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_WASM_BYTES {
        return Err(unreadable(format!("it is larger than {MAX_WASM_BYTES} bytes")));
    }
    Ok((Cow::Owned(bytes), path.display().to_string()))
}

/// The sandbox with the configured limits.
pub fn sandbox(config: &Config) -> Result<Sandbox, SetupError> {
    let sandbox = Sandbox::new(config.limits.clone(), cache_folder())
        .map_err(|error| SetupError::from(error).read_from(config.file.path.as_deref()))?;
    Ok(match &console().compiler {
        Some(program) => sandbox.compiling_apart(program.clone(), BUILT_IN),
        None => sandbox,
    })
}

/// The folder of compiled plugins: `$XDG_CACHE_HOME/host`.
pub fn cache_folder() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let folder = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(home)?;
    Some(folder.join("host"))
}

//! Builds the built-in plugins for `wasm32-unknown-unknown`, wraps each as a component, and leaves a table of them in
//! `$OUT_DIR/built_in.rs`. Cargo does the incremental work: only a plugin that changed is compiled and wrapped again.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt::Write as _, fs};

const TARGET: &str = "wasm32-unknown-unknown";

fn main() {
    if let Err(error) = build() {
        println!("cargo::error={error}");
        std::process::exit(1);
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let workspace = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?)
        .ancestors()
        .nth(3)
        .ok_or("the workspace is three folders up")?
        .to_path_buf();
    let names = plugin_names(&workspace.join("plugins"))?;
    watch(&workspace, &names);
    // Beside the profile folders, so that debug and release builds share the guests.
    let target_dir = out.ancestors().nth(4).unwrap_or(&out).join("plugins");
    ensure_target(&workspace)?;
    compile(&workspace, &target_dir, &names)?;

    let mut table = String::from("&[\n");
    for name in &names {
        let core = target_dir
            .join(TARGET)
            .join("plugin")
            .join(format!("{}.wasm", name.replace('-', "_")));
        let component = out.join(format!("{name}.wasm"));
        wrap(&core, &component).map_err(|error| format!("{name}: cannot wrap as a component: {error}"))?;
        writeln!(table, "    ({name:?}, include_bytes!({component:?})),")?;
    }
    table.push_str("]\n");
    fs::write(out.join("built_in.rs"), table)?;
    Ok(())
}

/// Crates under `plugins/` that plugins share, and that are none themselves.
const SHARED: [&str; 2] = ["identity-events", "sdk"];

/// Every other folder of `plugins/` is a built-in plugin, and its name is the crate's.
fn plugin_names(plugins: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(plugins)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("odd folder name {name:?}"))?;
        if !SHARED.contains(&name.as_str()) && entry.path().join("Cargo.toml").is_file() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Asks Cargo to run this again when something changes that a guest is made of; tests and golden cases are not.
fn watch(workspace: &Path, names: &[String]) {
    let plugins = workspace.join("plugins");
    let crates = names.iter().map(String::as_str).chain(SHARED);
    let sources = crates.flat_map(|name| [plugins.join(name).join("src"), plugins.join(name).join("Cargo.toml")]);
    let shared = [
        "host/crates/event-codec",
        "host/crates/secret-mask",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
    ]
    .map(|name| workspace.join(name));
    for watched in sources.chain(shared) {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    println!("cargo::rerun-if-changed=build.rs");
}

fn ensure_target(workspace: &Path) -> Result<(), Box<dyn Error>> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let libdir = Command::new(rustc)
        .current_dir(workspace)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()?;
    if libdir.status.success() && Path::new(String::from_utf8_lossy(&libdir.stdout).trim()).is_dir() {
        return Ok(());
    }
    let added = Command::new("rustup")
        .current_dir(workspace)
        .args(["target", "add", TARGET])
        .status();
    if added.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(format!("the built-in plugins need the {TARGET} target; run: rustup target add {TARGET}").into())
}

fn compile(workspace: &Path, target_dir: &Path, names: &[String]) -> Result<(), Box<dyn Error>> {
    let mut cargo = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo
        .current_dir(workspace)
        .args(["build", "--quiet", "--lib", "--profile", "plugin", "--target", TARGET])
        .arg("--target-dir")
        .arg(target_dir);
    for name in names {
        cargo.args(["--package", name]);
    }
    // The outer build's flags and wrappers (clippy's among them) are for the native target.
    for variable in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CLIPPY_ARGS",
    ] {
        cargo.env_remove(variable);
    }
    // Every engine that runs components has these instructions; texts are searched with them.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+simd128");
    if !cargo.status()?.success() {
        return Err("the built-in plugins did not compile; the messages above say why".into());
    }
    Ok(())
}

/// Wraps a core module as a component; leaves the file alone where nothing changed, so that the host is not relinked.
fn wrap(core: &Path, component: &Path) -> Result<(), Box<dyn Error>> {
    let module = fs::read(core)?;
    let bytes = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)?
        .encode()?;
    if fs::read(component).ok().as_deref() != Some(bytes.as_slice()) {
        fs::write(component, bytes)?;
    }
    Ok(())
}

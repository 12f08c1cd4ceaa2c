//! The guests that the tests load: those under `tests/guests`, built once by a nested cargo, and those put together here
//! from WIT text or from the instructions of a core module.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use sandbox::{Plugin, PluginError, PluginLimits, ReportPlugin, Request, Sandbox, Window};
use wit_component::StringEncoding;
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Resolve, SourceMap, WorldId, WorldItem, WorldKey};

/// The report plugin that misbehaves as its parameter says.
pub fn hostile() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| build("hostile"))
}

/// The report plugin that answers in the packed form, as its parameter says.
pub fn packed() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| build("packed"))
}

/// The report plugin that uses WASI, as a component.
pub fn wasi() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| componentize(wasi_module()))
}

/// The guest that asks WASI, as a core module.
pub fn wasi_module() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| build("wasi-guest"))
}

/// The component that a toolchain makes of a core module.
pub fn componentize(module: &[u8]) -> Vec<u8> {
    wit_component::ComponentEncoder::default()
        .module(module)
        .unwrap()
        .encode()
        .unwrap()
}

/// The sink plugin that misbehaves as its configuration says.
pub fn hostile_sink() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| build("hostile-sink"))
}

/// The sink plugin that settles its deliveries, as its configuration says.
pub fn settling_sink() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| build("settling-sink"))
}

fn build(guest: &str) -> Vec<u8> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    // Where build.rs has built the plugins, and with them most of what a guest needs.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("plugins");
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.current_dir(workspace);
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--profile",
        "plugin",
        "--target",
        "wasm32-unknown-unknown",
    ]);
    cargo.args(["--package", guest, "--target-dir"]).arg(&target);
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
    assert!(cargo.status().unwrap().success(), "{guest} did not compile");
    let module = format!("{}.wasm", guest.replace('-', "_"));
    std::fs::read(target.join("wasm32-unknown-unknown/plugin").join(module)).unwrap()
}

/// A sandbox whose compiled code is kept between tests: compiling takes longer than most of them.
pub fn sandbox(limits: PluginLimits) -> Sandbox {
    Sandbox::new(limits, Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin-code"))).unwrap()
}

pub fn load(wasm: &[u8]) -> Result<Plugin, PluginError> {
    sandbox(PluginLimits::default()).load(wasm, "guest")
}

pub fn report(wasm: &[u8], limits: PluginLimits) -> ReportPlugin {
    sandbox(limits).load(wasm, "guest").unwrap().report().unwrap()
}

pub fn request(behaviour: &str) -> Request {
    Request {
        window: Window {
            from: 0,
            to: 86_400_000,
        },
        now: 86_400_000,
        parameters: vec![("behaviour".into(), behaviour.into())],
        unique_name: "host-1".into(),
    }
}

/// The WIT package with some of its text changed, in all files.
pub fn wit(changes: &[(&str, &str)]) -> (Resolve, WorldId) {
    wit_world("report-plugin", changes)
}

pub fn wit_world(world: &str, changes: &[(&str, &str)]) -> (Resolve, WorldId) {
    let mut sources = SourceMap::new();
    let mut used = vec![false; changes.len()];
    for file in ["events", "http", "report", "sink"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../../wit/{file}.wit"));
        let mut text = std::fs::read_to_string(path).unwrap();
        for ((from, to), used) in changes.iter().zip(&mut used) {
            *used |= text.contains(from);
            text = text.replace(from, to);
        }
        sources.push_str(&format!("{file}.wit"), text);
    }
    assert!(used.iter().all(|used| *used), "not in the package: {changes:?}");
    let mut resolve = Resolve::default();
    let package = resolve
        .push_group(sources.parse().map_err(|(_, error)| error).unwrap())
        .unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    (resolve, world)
}

/// A component for that world in which every function is `unreachable`.
pub fn dummy(world: (Resolve, WorldId)) -> Vec<u8> {
    componentize(&dummy_module(world))
}

/// A core module for that world in which every function is `unreachable`.
pub fn dummy_module((resolve, world): (Resolve, WorldId)) -> Vec<u8> {
    let mut imports = String::new();
    for (key, item) in &resolve.worlds[world].imports {
        for (_, function) in functions(&resolve, key, item) {
            let module = match item {
                WorldItem::Interface { .. } => resolve.name_world_key(key),
                _ => "$root".to_owned(),
            };
            let core = core_type(&resolve, AbiVariant::GuestImport, function);
            imports.push_str(&format!("(import {module:?} {:?} (func {core}))", function.name));
        }
    }
    let mut exports = String::new();
    for (key, item) in &resolve.worlds[world].exports {
        for (interface, function) in functions(&resolve, key, item) {
            let name = function.legacy_core_export_name(interface.as_deref());
            let core = core_type(&resolve, AbiVariant::GuestExport, function);
            exports.push_str(&format!("(func (export {name:?}) {core} unreachable)"));
        }
    }
    let realloc = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)"#;
    let mut module = wat::parse_str(format!(
        r#"(module {imports} (memory (export "memory") 1) {exports} {realloc})"#
    ))
    .unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

fn functions<'a>(resolve: &'a Resolve, key: &WorldKey, item: &'a WorldItem) -> Vec<(Option<String>, &'a Function)> {
    match item {
        WorldItem::Function(function) => vec![(None, function)],
        WorldItem::Interface { id, .. } => {
            let name = Some(resolve.name_world_key(key));
            resolve.interfaces[*id]
                .functions
                .values()
                .map(|function| (name.clone(), function))
                .collect()
        }
        WorldItem::Type { .. } => vec![],
    }
}

fn core_type(resolve: &Resolve, abi: AbiVariant, function: &Function) -> String {
    let signature = resolve.wasm_signature(abi, function);
    let names = |types: &[WasmType]| {
        let name = |ty: &WasmType| match ty {
            WasmType::I64 | WasmType::PointerOrI64 => "i64",
            WasmType::F32 => "f32",
            WasmType::F64 => "f64",
            WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        };
        types.iter().map(name).collect::<Vec<_>>().join(" ")
    };
    format!(
        "(param {}) (result {})",
        names(&signature.params),
        names(&signature.results)
    )
}

/// The form of a `request` as arguments of a core function.
const REQUEST: &str = "i64 i64 i64 i32 i32 i32 i32";

/// A report plugin written at the level of the canonical ABI: `describe` answers well, `plan` runs the instructions
/// given, which must leave the address of the answer. Memory 0 is filled from `data` at 1024.
pub fn raw_plan(items: &str, data: &str, plan: &str) -> Vec<u8> {
    let describe = "audit:plugin/report@0.2.0#describe";
    let text = format!(
        r#"(module
            (memory (export "memory") 1)
            {items}
            (data (i32.const 512) "raw" "1.0.0" "raw guest")
            ;; the description: name, version, summary, behind the kind of connection vendor and product; all else is zero
            (data (i32.const 16) "\00\02\00\00\03\00\00\00" "\03\02\00\00\05\00\00\00" "\08\02\00\00\09\00\00\00")
            (data (i32.const 44) "\00\02\00\00\03\00\00\00" "\00\02\00\00\03\00\00\00")
            (data (i32.const 1024) "{data}")
            (func (export "{describe}") (result i32) i32.const 16)
            (func (export "audit:plugin/report@0.2.0#plan") (param {REQUEST}) (result i32) {plan})
            (func (export "audit:plugin/report@0.2.0#[constructor]parser") (param i32 {REQUEST} i32 i32 i32 i32 i64) (result i32) unreachable)
            (func (export "audit:plugin/report@0.2.0#[method]parser.push") (param i32 i32 i32) (result i32) unreachable)
            (func (export "audit:plugin/report@0.2.0#[method]parser.finish") (param i32) (result i32) unreachable)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 8192)
        )"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let (resolve, world) = wit(&[]);
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

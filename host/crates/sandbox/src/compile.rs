//! From the bytes of a component or core module to code that the engine runs, and how it fits.
//!
//! This is the one part of loading whose cost the bytes decide: a module of some hundred kilobytes can keep the compiler busy
//! for hours. Bytes that are a stranger's are compiled in a process of their own, see [`apart`](super::apart).

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

use super::call_context::CallContext;
use super::error::plain;
use super::fit::{self, Compatibility, Incompatibility};
use super::wrap::{self, Unwrappable};
use super::{PluginError, PluginLimits};

/// Limits that the compiled code depends on, besides the bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Rules {
    pub(super) stack: usize,
    pub(super) memories: u32,
    pub(super) tables: u32,
}

impl Rules {
    pub(super) fn of(limits: &PluginLimits) -> Rules {
        Rules {
            stack: limits.stack,
            memories: limits.memories,
            tables: limits.tables,
        }
    }

    /// The engine that code is compiled for and run by.
    pub(super) fn engine(self) -> wasmtime::Result<Engine> {
        let mut config = Config::new();
        config
            .wasm_component_model(true)
            .epoch_interruption(true)
            .max_wasm_stack(self.stack)
            // The same arguments must give the same answer on every machine.
            .cranelift_nan_canonicalization(true)
            .relaxed_simd_deterministic(true);
        Engine::new(&config)
    }
}

/// The reason why bytes are no plugin of this host.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum CompileRefusal {
    /// The bytes are not WebAssembly that can be compiled.
    Load { reason: String, hint: Option<String> },
    /// The bytes are a component for another host.
    Incompatible { reason: String, hint: Option<String> },
    /// The component needs more memories than allowed.
    Memories,
    /// The component needs more tables than allowed.
    Tables,
}

impl CompileRefusal {
    pub(super) fn load(reason: impl Into<String>, hint: &str) -> CompileRefusal {
        CompileRefusal::Load {
            reason: reason.into(),
            hint: Some(hint.to_owned()),
        }
    }

    /// The refusal as an error about the plugin of that label.
    pub(super) fn of(self, label: &str, limits: &PluginLimits) -> PluginError {
        let site = CallContext { label, call: "load" };
        let count = |count: u32| usize::try_from(count).unwrap_or(0);
        match self {
            CompileRefusal::Load { reason, hint } => PluginError::Load {
                label: label.to_owned(),
                reason: plain(&reason),
                hint: hint.as_deref().map(plain),
            },
            CompileRefusal::Incompatible { reason, hint } => PluginError::Incompatible {
                label: label.to_owned(),
                reason: plain(&reason),
                hint: hint.as_deref().map(plain),
            },
            CompileRefusal::Memories => site.limit("memories", count(limits.memories), "memories"),
            CompileRefusal::Tables => site.limit("tables", count(limits.tables), "tables"),
        }
    }
}

impl From<Incompatibility> for CompileRefusal {
    fn from(misfit: Incompatibility) -> Self {
        let Incompatibility { reason, hint } = misfit;
        CompileRefusal::Incompatible { reason, hint }
    }
}

/// Compiles a component or a core module.
pub(super) fn compile(
    engine: &Engine,
    rules: Rules,
    wasm: &[u8],
) -> Result<(Component, Compatibility), CompileRefusal> {
    let is_component = wasmparser::Parser::is_component(wasm);
    if !is_component && !wasmparser::Parser::is_core_wasm(wasm) {
        let (reason, hint) = not_wasm(wasm);
        return Err(CompileRefusal::load(reason, hint));
    }
    let wrapped;
    let bytes = if is_component {
        wasm
    } else {
        wrapped = wrap(engine, wasm)?;
        &wrapped
    };
    let component = Component::from_binary(engine, bytes).map_err(|error| {
        CompileRefusal::load(
            format!("{error:#}"),
            "the file is damaged, or uses features that this host does not run",
        )
    })?;
    check_resources(&component, rules)?;
    let fit = fit::fit(engine, &component.component_type())?;
    Ok((component, fit))
}

/// The component that a core module is wrapped as.
pub(super) fn wrap(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, CompileRefusal> {
    wrap::wrap(engine, wasm).map_err(|error| match error {
        Unwrappable::Module { reason, hint } => CompileRefusal::load(reason, hint),
        Unwrappable::World(misfit) => misfit.into(),
    })
}

/// Refuses a component that needs more than an instance may have.
pub(super) fn check_resources(component: &Component, rules: Rules) -> Result<(), CompileRefusal> {
    // A component that imports modules has no such summary; it cannot be linked either.
    match component.resources_required() {
        Some(needs) if needs.num_memories > rules.memories => Err(CompileRefusal::Memories),
        Some(needs) if needs.num_tables > rules.tables => Err(CompileRefusal::Tables),
        _ => Ok(()),
    }
}

fn not_wasm(bytes: &[u8]) -> (&'static str, &'static str) {
    if bytes.starts_with(b"\x7fELF") {
        (
            "it is native or precompiled code, which is never accepted",
            "give the component itself",
        )
    } else if bytes.trim_ascii_start().starts_with(b"(") {
        ("it is WebAssembly in text form", "turn it into a binary first")
    } else if bytes.starts_with(b"\0asm") {
        (
            "its WebAssembly header is damaged or of an unknown version",
            "build or download it again",
        )
    } else {
        (
            "it is not WebAssembly",
            "give a component, or a core module built for wasm32-unknown-unknown",
        )
    }
}

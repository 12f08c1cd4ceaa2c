//! Loading: [`Sandbox`] makes a [`Plugin`] of the bytes of a component or core module.

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine};

use super::bindings::{Description, sink};
use super::cache::{self, Cache};
use super::error::{Site, plain};
use super::fit::{self, Fit, Misfit};
use super::guest::{Guest, State};
use super::inspect::Inspection;
use super::report::Code;
use super::sink::Code as SinkCode;
use super::wrap::{self, Unwrappable};
use super::{Limits, PluginError, PluginKind, ReportPlugin, SinkPlugin, describe, ticker, wasi};

/// An engine, its limits, and the cache of compiled code. Cheap to clone; plugins outlive it.
#[derive(Clone)]
pub struct Sandbox {
    engine: Engine,
    limits: Arc<Limits>,
    cache: Option<Arc<Cache>>,
}

impl Sandbox {
    /// Starts an engine. Compiled code is kept in the folder `cache`, which is created with mode 0700; a folder that
    /// cannot be used, or that others can write to, is left alone with a warning in the log.
    ///
    /// # Errors
    ///
    /// [`PluginError::Settings`] where the limits cannot be kept, [`PluginError::Engine`] where the machine cannot run
    /// the engine.
    pub fn new(limits: Limits, cache: Option<PathBuf>) -> Result<Sandbox, PluginError> {
        limits.check()?;
        let engine = Engine::new(&config(&limits)).map_err(|error| PluginError::Engine {
            reason: format!("{error:#}"),
        })?;
        ticker::watch(&engine).map_err(|error| PluginError::Engine {
            reason: error.to_string(),
        })?;
        let cache = cache.and_then(|folder| Cache::open(&folder, &engine)).map(Arc::new);
        Ok(Sandbox {
            engine,
            limits: Arc::new(limits),
            cache,
        })
    }

    /// Loads a component, or a core module as `cargo build --target wasm32-unknown-unknown` leaves it, and asks it for
    /// its description. `label` names the plugin in errors: a built-in name or a path.
    ///
    /// # Errors
    ///
    /// [`PluginError::Load`] where the bytes are no plugin, [`PluginError::Incompatible`] where they are one for
    /// another host, and any other error of a call where `describe` fails.
    pub fn load(&self, wasm: &[u8], label: &str) -> Result<Plugin, PluginError> {
        let label: Arc<str> = plain(label).into();
        if wasm.len() > self.limits.component {
            return Err(Site {
                label: &label,
                call: "load",
            }
            .limit("component", self.limits.component, "bytes"));
        }
        let digest = cache::digest(wasm);
        let (component, fit) = self.component(wasm, &digest, &label)?;
        let Fit {
            kind, further, imports, ..
        } = fit;
        let core = Core {
            engine: self.engine.clone(),
            limits: self.limits.clone(),
            label,
            digest,
        };
        let role = self.link(&component, kind, further, &core)?;
        Ok(Plugin {
            loaded: Arc::new(Loaded {
                core: Arc::new(core),
                role,
                imports,
                size: wasm.len(),
            }),
        })
    }

    /// The component that a core module is wrapped as; a component comes back as it is.
    ///
    /// # Errors
    ///
    /// As for [`Sandbox::load`], where the bytes are neither.
    pub fn componentize(&self, wasm: &[u8], label: &str) -> Result<Vec<u8>, PluginError> {
        if wasmparser::Parser::is_component(wasm) {
            return Ok(wasm.to_owned());
        }
        self.wrap(wasm, &plain(label))
    }

    /// The limits that every plugin of this sandbox runs under.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The compiled component, and how it fits.
    fn component(&self, wasm: &[u8], digest: &str, label: &str) -> Result<(Component, Fit), PluginError> {
        let load = |reason: String, hint: Option<&str>| PluginError::Load {
            label: label.to_owned(),
            reason: plain(&reason),
            hint: hint.map(str::to_owned),
        };
        let is_component = wasmparser::Parser::is_component(wasm);
        if !is_component && !wasmparser::Parser::is_core_wasm(wasm) {
            let (reason, hint) = not_wasm(wasm);
            return Err(load(reason.to_owned(), Some(hint)));
        }
        if let Some((component, fit)) = self.cache.as_ref().and_then(|cache| cache.get(&self.engine, digest)) {
            self.check_resources(&component, label)?;
            return Ok((component, fit));
        }
        let wrapped;
        let bytes = if is_component {
            wasm
        } else {
            wrapped = self.wrap(wasm, label)?;
            &wrapped
        };
        let component = Component::from_binary(&self.engine, bytes).map_err(|error| {
            load(
                format!("{error:#}"),
                Some("the file is damaged, or uses features that this host does not run"),
            )
        })?;
        self.check_resources(&component, label)?;
        let fit = fit::fit(&self.engine, &component.component_type()).map_err(|misfit| incompatible(label, misfit))?;
        if let Some(cache) = &self.cache {
            cache.put(digest, &component, &fit);
        }
        Ok((component, fit))
    }

    fn wrap(&self, wasm: &[u8], label: &str) -> Result<Vec<u8>, PluginError> {
        wrap::wrap(&self.engine, wasm).map_err(|error| match error {
            Unwrappable::Module { reason, hint } => PluginError::Load {
                label: label.to_owned(),
                reason: plain(&reason),
                hint: Some(hint.to_owned()),
            },
            Unwrappable::World(misfit) => incompatible(label, misfit),
        })
    }

    fn check_resources(&self, component: &Component, label: &str) -> Result<(), PluginError> {
        let site = Site { label, call: "load" };
        // A component that imports modules has no such summary; it cannot be linked either.
        if let Some(needs) = component.resources_required() {
            if needs.num_memories > self.limits.memories {
                return Err(site.limit(
                    "memories",
                    usize::try_from(self.limits.memories).unwrap_or(0),
                    "memories",
                ));
            }
            if needs.num_tables > self.limits.tables {
                return Err(site.limit("tables", usize::try_from(self.limits.tables).unwrap_or(0), "tables"));
            }
        }
        Ok(())
    }

    fn link(&self, component: &Component, kind: PluginKind, further: bool, core: &Core) -> Result<Role, PluginError> {
        let unlinkable = |error: wasmtime::Error| PluginError::Incompatible {
            label: core.label.to_string(),
            reason: plain(&format!("it cannot be linked: {error:#}")),
            hint: None,
        };
        let mut linker = Linker::<State>::new(&self.engine);
        wasi::add(&mut linker, component).map_err(unlinkable)?;
        let code = linker.instantiate_pre(component).map_err(unlinkable)?;
        Ok(match kind {
            PluginKind::Report => {
                let code = Code::new(code, further).map_err(unlinkable)?;
                let about = describe::report(core, &code)?;
                Role::Report { code, about }
            }
            PluginKind::Sink => {
                let code = SinkCode::new(code, further).map_err(unlinkable)?;
                let about = describe::sink(core, &code)?;
                Role::Sink { code, about }
            }
        })
    }
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack)
        // The same arguments must give the same answer on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

fn incompatible(label: &str, misfit: Misfit) -> PluginError {
    let Misfit { reason, hint } = misfit;
    PluginError::Incompatible {
        label: label.to_owned(),
        reason,
        hint,
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

/// What every instance of a plugin needs.
pub(super) struct Core {
    engine: Engine,
    pub(super) limits: Arc<Limits>,
    pub(super) label: Arc<str>,
    pub(super) digest: String,
}

impl Core {
    /// A new, empty store.
    pub(super) fn guest(&self) -> Guest {
        Guest::new(&self.engine, self.limits.clone(), self.label.clone())
    }
}

/// The linked component, and its own word on what it is, checked.
pub(super) enum Role {
    Report { code: Code, about: Description },
    Sink { code: SinkCode, about: sink::Description },
}

pub(super) struct Loaded {
    pub(super) core: Arc<Core>,
    pub(super) role: Role,
    /// The functions that the component imports.
    pub(super) imports: Vec<String>,
    /// Bytes of the file.
    pub(super) size: usize,
}

/// A loaded plugin: compiled, known to fit this host, and described. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    loaded: Arc<Loaded>,
}

impl Plugin {
    /// Whether it reads a report or delivers to a sink.
    pub fn kind(&self) -> PluginKind {
        match self.loaded.role {
            Role::Report { .. } => PluginKind::Report,
            Role::Sink { .. } => PluginKind::Sink,
        }
    }

    /// The name it gives itself: lower-case words joined by hyphens.
    pub fn name(&self) -> &str {
        match &self.loaded.role {
            Role::Report { about, .. } => &about.name,
            Role::Sink { about, .. } => &about.name,
        }
    }

    /// Its version, by its own word.
    pub fn version(&self) -> &str {
        match &self.loaded.role {
            Role::Report { about, .. } => &about.version,
            Role::Sink { about, .. } => &about.version,
        }
    }

    /// SHA-256 of the file that was loaded, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.loaded.core.digest
    }

    /// What there is to know about it.
    pub fn inspect(&self) -> Inspection {
        Inspection::new(&self.loaded)
    }

    /// Asks it for its description once more, in a new instance: whether it says the same again.
    ///
    /// # Errors
    ///
    /// Those of a call.
    pub fn describes_itself_alike(&self) -> Result<bool, PluginError> {
        let core = &self.loaded.core;
        match &self.loaded.role {
            Role::Report { code, about } => Ok(describe::report(core, code)? == *about),
            Role::Sink { code, about } => Ok(describe::sink(core, code)? == *about),
        }
    }

    /// Its report face.
    ///
    /// # Errors
    ///
    /// [`PluginError::Kind`] if it is a sink.
    pub fn report(&self) -> Result<ReportPlugin, PluginError> {
        match &self.loaded.role {
            Role::Report { code, about } => {
                Ok(ReportPlugin::new(self.loaded.core.clone(), code.clone(), about.clone()))
            }
            Role::Sink { .. } => Err(self.other_kind(PluginKind::Report)),
        }
    }

    /// Its sink face.
    ///
    /// # Errors
    ///
    /// [`PluginError::Kind`] if it is a report.
    pub fn sink(&self) -> Result<SinkPlugin, PluginError> {
        match &self.loaded.role {
            Role::Sink { code, about } => Ok(SinkPlugin::new(self.loaded.core.clone(), code.clone(), about.clone())),
            Role::Report { .. } => Err(self.other_kind(PluginKind::Sink)),
        }
    }

    fn other_kind(&self, wanted: PluginKind) -> PluginError {
        let label = self.loaded.core.label.to_string();
        PluginError::Kind {
            label,
            found: self.kind().interface(),
            wanted: wanted.interface(),
        }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name())
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("limits", &self.limits)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

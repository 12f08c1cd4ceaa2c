//! Loading: [`Sandbox`] makes a [`Plugin`] of the bytes of a component or core module.

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::cache::{self, Cache};
use super::call_context::CallContext;
use super::compile::{self, CompileRefusal, Rules};
use super::error::{PluginError, plain};
use super::fit::Compatibility;
use super::grants::Grants;
use super::guest::InstanceState;
use super::kind::PluginKind;
use super::limits::PluginLimits;
use super::loaded::{LoadedPlugin, PluginRole};
use super::offer::{PackageVersion, Release};
use super::plugin::Plugin;
use super::plugin_context::PluginContext;
use super::report::ReportExports;
use super::sink::SinkExports;
use super::{apart, describe, ticker, wasi};

/// An engine, its limits, and the cache of compiled code. Cheap to clone; plugins outlive it.
#[derive(Clone)]
pub struct Sandbox {
    engine: Engine,
    limits: Arc<PluginLimits>,
    cache: Option<Arc<Cache>>,
    /// The program that compiles what is a stranger's.
    apart: Option<Arc<PathBuf>>,
    /// Components that are compiled here all the same.
    trusted: &'static [(&'static str, &'static [u8])],
}

impl Sandbox {
    /// Starts an engine. Compiled code is kept in the folder `cache`, which is created with mode 0700; a folder that
    /// cannot be used, or that others can write to, is left alone with a warning in the log.
    ///
    /// # Errors
    ///
    /// [`PluginError::Settings`] where the limits cannot be kept, [`PluginError::Engine`] where the machine cannot run
    /// the engine.
    pub fn new(limits: PluginLimits, cache: Option<PathBuf>) -> Result<Sandbox, PluginError> {
        limits.check()?;
        let engine = Rules::of(&limits).engine().map_err(|error| PluginError::Engine {
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
            apart: None,
            trusted: &[],
        })
    }

    /// Has every component but the `trusted` ones compiled by another process of that program, within `compile-time` and
    /// `compile-memory`. The program must call [`compile_stdin`](super::compile_stdin) where [`ARGUMENT`](super::ARGUMENT)
    /// is its first argument. Without this, a file can take any time and memory to compile.
    #[must_use]
    pub fn compiling_apart(mut self, program: PathBuf, trusted: &'static [(&'static str, &'static [u8])]) -> Sandbox {
        self.apart = Some(Arc::new(program));
        self.trusted = trusted;
        self
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
            return Err(CallContext {
                label: &label,
                call: "load",
            }
            .limit("component", self.limits.component, "bytes"));
        }
        let digest = cache::digest(wasm);
        let (component, fit) = self.component(wasm, &digest, &label)?;
        let Compatibility {
            kind,
            further,
            version,
            imports,
        } = fit;
        let core = PluginContext {
            engine: self.engine.clone(),
            limits: self.limits.clone(),
            label,
            digest,
        };
        let role = self.link(&component, kind, further, version, &core)?;
        let grants = match kind {
            PluginKind::Report => Grants::get(),
            PluginKind::Sink => Grants::anything(),
        };
        let loaded = LoadedPlugin {
            core: Arc::new(core),
            role,
            version,
            imports,
            size: wasm.len(),
        };
        Ok(Plugin::new(loaded, grants))
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
        compile::wrap(&self.engine, wasm).map_err(|refusal| refusal.of(&plain(label), &self.limits))
    }

    /// The limits that every plugin of this sandbox runs under.
    pub fn limits(&self) -> &PluginLimits {
        &self.limits
    }

    /// The compiled component, and how it fits.
    fn component(&self, wasm: &[u8], digest: &str, label: &str) -> Result<(Component, Compatibility), PluginError> {
        let rules = Rules::of(&self.limits);
        let refused = |refusal: CompileRefusal| refusal.of(label, &self.limits);
        let kept = self.cache.as_ref().filter(|_| is_wasm(wasm));
        if let Some((component, fit)) = kept.and_then(|cache| cache.get(&self.engine, digest)) {
            compile::check_resources(&component, rules).map_err(refused)?;
            return Ok((component, fit));
        }
        let trusted = || self.trusted.iter().any(|(_, component)| *component == wasm);
        let (component, fit) = match &self.apart {
            Some(program) if is_wasm(wasm) && !trusted() => {
                apart::compile(program, &self.engine, &self.limits, wasm, label)?
            }
            _ => compile::compile(&self.engine, rules, wasm).map_err(refused)?,
        };
        if let Some(cache) = &self.cache {
            cache.put(digest, &component, &fit);
        }
        // The compiler took as much memory as a whole run, and is done.
        base::allocator::give_back();
        Ok((component, fit))
    }

    fn link(
        &self,
        component: &Component,
        kind: PluginKind,
        further: bool,
        version: PackageVersion,
        core: &PluginContext,
    ) -> Result<PluginRole, PluginError> {
        let unlinkable = |error: wasmtime::Error| PluginError::Incompatible {
            label: core.label.to_string(),
            reason: plain(&format!("it cannot be linked: {error:#}")),
            hint: None,
        };
        // What fits was built for one of them.
        let release = Release::of(version).unwrap_or(Release::Newest);
        let mut linker = Linker::<InstanceState>::new(&self.engine);
        wasi::add(&mut linker, component).map_err(unlinkable)?;
        let code = linker.instantiate_pre(component).map_err(unlinkable)?;
        Ok(match kind {
            PluginKind::Report => {
                let code = ReportExports::new(code, further, release).map_err(unlinkable)?;
                let about = describe::report(core, &code)?;
                PluginRole::Report { code, about }
            }
            PluginKind::Sink => {
                let code = SinkExports::new(code, further, release).map_err(unlinkable)?;
                let about = describe::sink(core, &code)?;
                PluginRole::Sink { code, about }
            }
        })
    }
}

/// True where the bytes begin as a component or a core module does.
fn is_wasm(bytes: &[u8]) -> bool {
    wasmparser::Parser::is_component(bytes) || wasmparser::Parser::is_core_wasm(bytes)
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("limits", &self.limits)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

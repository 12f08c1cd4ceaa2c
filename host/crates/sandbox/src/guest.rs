//! One instance's store and the meter on it. [`Guest::call`] is the only way into a guest: it sets the deadline, counts,
//! and names what went wrong.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::{Engine, ResourceLimiter, Store};

use super::call_context::{CallContext, TrapCause};
use super::wasi_stub::WasiStub;
use super::{PluginError, PluginLimits, Usage, ticker};

/// State of one instance: its memory meter and its WASI.
pub(super) struct InstanceState {
    memory: MemoryMeter,
    pub(super) wasi: WasiStub,
}

/// Adds up all memories and tables of a store. What was once taken counts for good: memories never shrink, and an
/// instance never goes before its store.
struct MemoryMeter {
    taken: usize,
    allowed: usize,
}

impl MemoryMeter {
    fn take(&mut self, current: usize, desired: usize, size: usize) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current).saturating_mul(size);
        let taken = self.taken.saturating_add(more);
        if taken > self.allowed {
            return Err(TrapCause::Limit {
                limit: "memory",
                allowed: self.allowed,
                unit: "bytes",
            }
            .into());
        }
        self.taken = taken;
        Ok(true)
    }
}

// The default `*_grow_failed` stay: the engine also reports growth that it refused before asking, so giving bytes back
// there would let a guest work its count down.
impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.take(current, desired, 1)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.take(current, desired, size_of::<usize>())
    }
}

/// A store for one instance. Dropping it frees everything that the guest held, without calling it.
pub(super) struct Guest {
    store: Store<InstanceState>,
    limits: Arc<PluginLimits>,
    label: Arc<str>,
    usage: Usage,
}

impl Guest {
    pub(super) fn new(engine: &Engine, limits: Arc<PluginLimits>, label: Arc<str>) -> Self {
        let memory = MemoryMeter {
            taken: 0,
            allowed: limits.memory,
        };
        let mut store = Store::new(
            engine,
            InstanceState {
                memory,
                wasi: WasiStub::new(label.clone(), &limits),
            },
        );
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits.returned);
        store.set_max_component_handles(limits.handles);
        Guest {
            store,
            limits,
            label,
            usage: Usage::default(),
        }
    }

    /// Runs a call into the guest under the limits. After an error the guest must not be called again.
    pub(super) fn call<T>(
        &mut self,
        call: &'static str,
        into: impl FnOnce(&mut Store<InstanceState>) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        let running = ticker::Running::new();
        self.store.set_epoch_deadline(ticker::ticks(self.limits.time));
        let start = Instant::now();
        let answer = into(&mut self.store);
        self.usage.guest = self.usage.guest.saturating_add(start.elapsed());
        drop(running);
        self.usage.calls = self.usage.calls.saturating_add(1);
        self.usage.peak_bytes = u64::try_from(self.store.data().memory.taken).unwrap_or(u64::MAX);
        answer.map_err(|error| self.site(call).classify(&error, &self.limits))
    }

    pub(super) fn site(&self, call: &'static str) -> CallContext<'_> {
        CallContext {
            label: &self.label,
            call,
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }
}

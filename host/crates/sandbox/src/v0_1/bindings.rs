//! The bindings that `bindgen!` makes of `wit/0.1.0`. HTTP has not changed since, so its types are the newest ones.

mod report_world {
    wasmtime::component::bindgen!({
        path: "../../../wit/0.1.0",
        world: "report-plugin",
        with: {
            "audit:plugin/http": crate::bindings::http,
        },
    });
}

mod packed_world {
    wasmtime::component::bindgen!({
        path: "../../../wit/0.1.0",
        world: "packed-report-plugin",
        with: {
            "audit:plugin/events": super::report_world::audit::plugin::events,
            "audit:plugin/http": crate::bindings::http,
        },
    });
}

mod sink_world {
    wasmtime::component::bindgen!({
        path: "../../../wit/0.1.0",
        world: "sink-plugin",
        with: {
            "audit:plugin/events": super::report_world::audit::plugin::events,
            "audit:plugin/http": crate::bindings::http,
        },
    });
}

mod settling_world {
    wasmtime::component::bindgen!({
        path: "../../../wit/0.1.0",
        world: "settling-sink-plugin",
        with: {
            "audit:plugin/events": super::report_world::audit::plugin::events,
            "audit:plugin/http": crate::bindings::http,
            "audit:plugin/sink": super::sink_world::exports::audit::plugin::sink,
        },
    });
}

pub(super) use packed_world::exports::audit::plugin::packed;
pub(super) use report_world::audit::plugin::events;
pub(super) use report_world::exports::audit::plugin::report;
pub(super) use report_world::{ReportPlugin, ReportPluginIndices};
pub(super) use settling_world::exports::audit::plugin::settlement;
pub(super) use sink_world::exports::audit::plugin::sink;
pub(super) use sink_world::{SinkPlugin, SinkPluginIndices};

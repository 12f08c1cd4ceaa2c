//! The bindings that `bindgen!` makes of `wit/`. Nothing here is written by hand but the list of names that the room hands on. The
//! `unsafe` in the generated code only skips a type check that was made when the component was linked.

mod report_world {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        world: "report-plugin",
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
    });
}

mod packed_world {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        world: "packed-report-plugin",
        with: {
            "audit:plugin/events": super::report_world::audit::plugin::events,
            "audit:plugin/http": super::report_world::audit::plugin::http,
        },
    });
}

mod sink_world {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        world: "sink-plugin",
        with: {
            "audit:plugin/events": super::report_world::audit::plugin::events,
            "audit:plugin/http": super::report_world::audit::plugin::http,
        },
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
    });
}

mod settling_world {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        world: "settling-sink-plugin",
        with: {
            "audit:plugin/events": super::report_world::audit::plugin::events,
            "audit:plugin/http": super::report_world::audit::plugin::http,
            "audit:plugin/sink": super::sink_world::exports::audit::plugin::sink,
        },
        additional_derives: [PartialEq],
    });
}

pub(super) use packed_world::exports::audit::plugin::packed;
pub(super) use report_world::audit::plugin::events;
pub use report_world::audit::plugin::events::{Fault, FaultKind};
pub use report_world::audit::plugin::http;
pub use report_world::audit::plugin::http::{Body, HttpRequest, HttpResponse, Method};
pub use report_world::exports::audit::plugin::report::{
    BodyToken, Call, ConnectionKind, Deprecation, Description, Document, Fetch, Granularity, Job, MemberPath, Pages,
    Paging, Parameter, Product, Request, Window,
};
pub(super) use report_world::{ReportPlugin, ReportPluginIndices};
pub use settling_world::exports::audit::plugin::settlement;
pub use sink_world::exports::audit::plugin::sink;
pub(super) use sink_world::{SinkPlugin, SinkPluginIndices};

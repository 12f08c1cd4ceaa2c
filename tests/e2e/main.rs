//! End-to-end tests of the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod architecture;
mod bad_input;
mod bounds;
mod check_feeds;
mod clocks;
mod commands;
mod conformance;
mod damage;
mod dead_letters;
mod docs;
mod ends;
mod evidence;
mod files;
mod grants;
mod hostile_server;
mod invalid_login;
mod ledger;
mod ledger_edges;
mod looking;
mod masks;
mod month;
mod odd_answers;
mod okta_log;
mod pipes;
mod plugin_answers;
mod plugin_deliveries;
mod provenance;
mod raw_evidence;
mod readme;
mod receivers;
mod redeliver;
mod rejected;
mod reports;
mod runs;
mod secrets;
mod signing;
mod sink_plugins;
mod sink_settings;
mod sinks;
mod slow_demo;
mod state;
mod state_before;
mod stopping;
mod strangers;
mod streams;
mod throttling;
mod workshop;

use assert_cmd::Command;
use tests::{Server, TestEnv};

/// A fresh folder for one test.
fn desk() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_host"))
}

/// The password of the simulator's demo user.
const PASSWORD: &str = "demo-password";

/// A secret that must never be seen outside a request.
const CANARY: &str = "canary-7f3a-password";

/// `host run REPORT` against the simulator, as its demo user.
fn run(desk: &TestEnv, server: &Server, report: &str, more: &[&str]) -> Command {
    let url = server.url();
    let mut arguments = vec![
        "run",
        report,
        "--url",
        &url,
        "--auth",
        "basic:demo.user",
        "--allow-private-addresses",
    ];
    arguments.extend(more);
    let mut command = desk.host(arguments);
    command.env("HOST_SECRET", PASSWORD);
    command
}

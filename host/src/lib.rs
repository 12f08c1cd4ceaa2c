//! `host` pulls identity-audit reports over HTTP, turns them into events inside sandboxed WebAssembly components, and
//! delivers the events to sinks.
//!
//! The rooms, lowest floor first; a room uses the floors below it and never one above:
//!
//! | floor | room | holds |
//! |---|---|---|
//! | 0 | [`event`] | the audit event, its stable id, its renderings |
//! | 0 | [`store`] | a file for what waits until somebody decides about it |
//! | 1 | [`plugin`] | the sandbox: engine, limits, load and inspect; knows no HTTP |
//! | 1 | [`remote`] | HTTP: client, auth, retry, origin and address rules |
//! | 1 | [`ledger`] | durable progress: what is committed, what is in flight |
//! | 1 | [`rejected`] | rows that became no events, kept until a plugin can read them |
//! | 2 | [`fetch`] | call, job, pages, download, spool |
//! | 2 | [`sink`] | where events go |
//! | 3 | [`run`] | one run, from plan to summary |
//! | 4 | [`simulator`] | the local stand-in for the servers |
//! | 4 | [`workshop`] | new plugins: templates, build, golden cases, conformance |
//! | 5 | [`config`], [`cli`] | what the user typed, validated, and one call into the floors below |
#![deny(missing_docs)]

pub mod cli;

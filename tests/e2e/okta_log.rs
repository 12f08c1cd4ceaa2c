//! A log of another vendor, read by a plugin in Rust.

use tests::okta_log::{hold, rust_project};

use super::desk;

#[test]
fn a_plugin_in_rust_reads_the_log_of_another_vendor() {
    let desk = desk();
    rust_project(&desk);
    hold(&desk);
}

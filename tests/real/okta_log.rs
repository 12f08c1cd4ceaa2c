//! A log of another vendor, read by a plugin in Python, which componentize-py builds.

use tests::TestEnv;
use tests::okta_log::{hold, python_project, rust_project};

use crate::desk;

#[test]
#[ignore = "needs componentize-py"]
fn a_plugin_in_python_reads_the_log_of_another_vendor_as_the_one_in_rust_does() {
    let [python, rust] = [python_project as fn(&TestEnv), rust_project].map(|project| {
        let desk = desk();
        project(&desk);
        hold(&desk)
    });
    assert!(python == rust, "the events differ");
}

//! The cases beside this file.

#[test]
fn every_document_gives_the_expected_events() {
    plugin_sdk::golden::check::<group_assignment_audit::GroupAssignmentAudit>(env!("CARGO_MANIFEST_DIR"));
}

//! The cases beside this file.

#[test]
fn every_document_gives_the_expected_events() {
    plugin_sdk::golden::check::<role_assignment_audit::RoleAssignmentAudit>(env!("CARGO_MANIFEST_DIR"));
}
